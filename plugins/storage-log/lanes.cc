#include "storage-log/lanes.h"

#include "storage-log/format/change.h"

#include <chronik/crc32c.hpp>
#include <chronik/invariant.hpp>

namespace chronik::storage_log {
namespace {

constexpr size_t kDirectEntries = 512;  // of a write; a write of more is of small ones

// Too many files are open, or memory is short: nothing was written, and it may be tried again, as where there is no room.
bool is_passing(Code code) { return code == Code::kNoSpace || code == Code::kOverloaded; }

// Each gets a file.
bool has_large_values(const NetWrite& net) {
  return std::ranges::any_of(net.keys,
                             [](const chr_storage_step* step) { return step->value.n > kMaxValueInMemory; });
}

}  // namespace

// ---- turns ----

void Lanes::list(const GroupPtr& group) {
  if (!std::exchange(group->lane.is_listed, true)) listed_.push_back(group);
}

void Lanes::push(const GroupPtr& group, OwnedWrite write) {
  parts_.count_arrival(write);
  ++writes_;
  with_writes_.emplace(group->id, group);
  group->lane.shard = static_cast<uint32_t>(std::max(0, parts_.host.current_shard()));
  group->lane.writes.push_back(std::move(write));
  list(group);
}

void Lanes::run(Turn& turn) {
  while (!listed_.empty()) {
    std::vector<GroupPtr> turns;
    turns.swap(listed_);
    for (const GroupPtr& group : turns) {
      Lane& lane = group->lane;
      lane.is_listed = false;
      while (!lane.is_busy && !lane.writes.empty()) {
        if (try_first(group, turn) == Next::kWait) break;
      }
      if (lane.writes.empty()) with_writes_.erase(group->id);
    }
  }
}

void Lanes::published(const GroupPtr& group) {
  Lane& lane = group->lane;
  if (--lane.in_frames == 0 && std::exchange(lane.waits_for_all, false)) list(group);
}

void Lanes::refuse_gathered(Commits::Frame& frame, Turn& turn) {
  std::string_view rest = frame.buffer.payload();
  ReadChange change;
  for (Commits::Effect& effect : frame.effects) {
    Group& group = *effect.group;
    const Status read = read_change(&rest, &change);
    CHRONIK_INVARIANT(parts_.host, read.has_value(), "a frame does not hold what was put into it");
    remove_values(group, change.keys);
    group.fence.refused(effect.write);
    parts_.count_refusal(effect.write);
    turn.finish(group.lane.shard, effect.write.token(), CHR_E_NO_SPACE,
                "the disk is full, and so is the journal: free some space");
    const std::vector<SegmentId> begun = group.log->forget_unpublished();
    if (!begun.empty()) parts_.segments.remove(begun);
    group.is_created = group.exists;
    group.is_dropped = false;
    if (group.lane.pending != nullptr) group.lane.pending->must_refuse = group.lane.pending->is_accepted;
    published(effect.group);
  }
}

void Lanes::refuse_all(Turn& turn) {
  is_over_ = true;
  const Error error{Code::kIo, parts_.failure.message()};
  std::map<uint64_t, GroupPtr> groups;
  groups.swap(with_writes_);
  for (const auto& [id, group] : groups) {
    if (group->lane.is_busy) with_writes_.emplace(id, group);
    while (!group->lane.is_busy && !group->lane.writes.empty()) refuse(group, error, turn);
  }
}

// ---- one write ----

Pending& Lanes::pending(Group& group) {
  if (group.lane.pending == nullptr) {
    group.lane.pending = spare_ != nullptr ? std::move(spare_) : std::make_unique<Pending>();
    group.lane.pending->clear();
  }
  return *group.lane.pending;
}

void Lanes::pop(Group& group) {
  if (group.lane.pending != nullptr) spare_ = std::move(group.lane.pending);
  group.lane.pending.reset();
  group.lane.writes.pop_front();
  --writes_;
}

Lanes::Next Lanes::refuse(const GroupPtr& group, const Error& error, Turn& turn) {
  const OwnedWrite& write = group->lane.writes.front();
  turn.finish(group->lane.shard, write.token(), error);
  parts_.count_refusal(write);
  pop(*group);
  return Next::kGoOn;
}

// Writes of a group end in their order: what is refused waits for those before it, and is looked at again then.
Lanes::Next Lanes::refuse_in_turn(const GroupPtr& group, const Error& error, Turn& turn) {
  if (group->lane.in_frames != 0) {
    group->lane.pending->clear();
    group->lane.waits_for_all = true;
    return Next::kWait;
  }
  return refuse(group, error, turn);
}

// The write was in order, so its caller may have sent more behind it, which must not pass: that would leave a hole, or an entry that
// was to be cut off.
Lanes::Next Lanes::refuse_for_now(const GroupPtr& group, Error error, Turn& turn) {
  if (group->lane.in_frames == 0) group->fence.refused(group->lane.writes.front());
  if (is_passing(error.code)) error.code = Code::kNoSpace;
  return refuse_in_turn(group, error, turn);
}

Lanes::Next Lanes::try_first(const GroupPtr& group, Turn& turn) {
  if (parts_.failure.has_failed()) {
    // Not before what is in frames has ended.
    return is_over_ ? refuse(group, {Code::kIo, parts_.failure.message()}, turn) : Next::kWait;
  }
  if (pending(*group).is_accepted) return finish_io(group, turn);
  if (!pending(*group).failure) {
    // What is missing on the disk, or damaged, is damage of this group.
    Error error = pending(*group).failure.error();
    if (error.code == Code::kIo) {
      fail_(error);
      return Next::kWait;
    }
    if (error.code == Code::kNotFound) error.code = Code::kCorrupt;
    return refuse_for_now(group, std::move(error), turn);
  }
  const OwnedWrite& write = group->lane.writes.front();
  if (group->is_dropped) {
    return refuse_in_turn(group,
                          {Code::kInvalidArgument,
                           "a write to group " + std::to_string(write.group()) + ", which does not exist"},
                          turn);
  }
  Plan plan;
  plan.net = fold(write);
  // It may be removed, so that another of its name can begin.
  if (!group->damage.empty() && !plan.net.drops)
    return refuse_in_turn(group, {Code::kCorrupt, group->damage}, turn);
  const uint64_t bytes = plan.net.kept_bytes();
  const bool is_too_much = bytes > parts_.journal.max_frame() / 4;  // for a frame, with all heads
  plan.is_direct =
      bytes >= parts_.options.direct_bytes && (plan.net.kept.size() <= kDirectEntries || is_too_much);
  if (const Status room = check_room(*group, write, plan.is_direct || has_large_values(plan.net)); !room) {
    return refuse_for_now(group, room.error(), turn);
  }
  const Status fits = make_plan(*group, write, &plan);
  if (plan.missing) return look_up(group, *plan.missing, turn);
  if (!fits && is_passing(fits.error().code)) return refuse_for_now(group, fits.error(), turn);
  if (!fits) return refuse_in_turn(group, fits.error(), turn);
  return accept(group, plan, turn);
}

Status Lanes::check_room(Group& group, const OwnedWrite& write, bool is_direct) {
  const auto full = [] {
    return fail(Code::kNoSpace, "the store is full: free some space, or raise storage.max_size");
  };
  if (group.fence.refuses(write)) return full();
  parts_.update_room();
  // Its bytes count as taken since it came.
  if (parts_.room.has(write.growth(), is_direct, 0)) return {};
  parts_.room.refused(write.bytes());
  return full();
}

Status Lanes::make_plan(Group& group, const OwnedWrite& write, Plan* plan) {
  const uint64_t last = group.log->accepted_last();
  Status trouble;
  const Status fits = check_appends(write, [&](uint64_t limit) -> uint64_t {
    if (last == 0 || limit > last) return last;
    const Result<std::optional<Boundary>> cut = boundary(group, limit, plan);
    if (!cut) trouble = std::unexpected(cut.error());
    return cut && *cut ? (*cut)->below.last : 0;
  });
  CHRONIK_CHECK(trouble);
  if (!plan->missing) CHRONIK_CHECK(fits);
  return plan_cuts(group, plan);
}

Status Lanes::plan_cuts(Group& group, Plan* plan) {
  const uint64_t last = group.log->accepted_last();
  if (last == 0 || plan->net.drops) return {};
  if (plan->net.truncate && *plan->net.truncate <= last) {
    CHRONIK_TRY(plan->truncate, boundary(group, *plan->net.truncate, plan));
  }
  if (plan->net.trim) {
    CHRONIK_TRY(plan->trim, boundary(group, *plan->net.trim > last ? UINT64_MAX : *plan->net.trim, plan));
    if (plan->trim && plan->trim->below.last == 0) plan->trim.reset();  // nothing lies below
  }
  const bool cuts_all = plan->truncate && plan->truncate->below.last == 0;
  const bool trims_all = plan->trim && (plan->trim->above == 0 ||
                                        (plan->truncate && plan->trim->above >= plan->truncate->index));
  if (!cuts_all && !trims_all) return {};
  plan->truncate.reset();
  CHRONIK_TRY(plan->trim, boundary(group, UINT64_MAX, plan));
  return {};
}

Result<std::optional<Boundary>> Lanes::boundary(Group& group, uint64_t index, Plan* plan) {
  const auto& known = pending(group).boundaries;
  if (const auto found = known.find(index); found != known.end()) return found->second;
  CHRONIK_TRY(std::optional<Boundary> out, parts_.reader.boundary(*group.log, index, Wait::kNever));
  if (!out) plan->missing = index;
  return out;
}

// Keys, and the files that large values get.
void Lanes::plan_keys(Group& group, const Plan& plan, Pending& pending) const {
  for (const chr_storage_step* step : plan.net.keys) {
    KeyChange change;
    change.key = from_abi(step->key);
    change.is_deleted = step->type == CHR_STORAGE_DELETE;
    change.value_bytes = step->value.n;
    if (step->value.n > kMaxValueInMemory) {
      change.file = group.next_value++;
      change.value_crc = crc32c::extend(0, step->value.p, step->value.n);
    } else {
      change.value = {reinterpret_cast<const char*>(step->value.p), step->value.n};
    }
    pending.keys.push_back(change);
  }
}

Status Lanes::place(Group& group, const Plan& plan, Pending& pending) const {
  if (plan.truncate) group.log->accept_truncate(*plan.truncate);
  if (plan.trim) group.log->accept_trim(*plan.trim);
  if (plan.net.kept.empty()) return {};
  CHRONIK_CHECK(group.log->accept_append(plan.net.kept, &pending.placed));
  for (size_t i = 0; i < pending.placed.size(); ++i) {
    PlacedEntry& placed = pending.placed[i];
    placed.entry = plan.net.kept[i];
    placed.in_segment = plan.is_direct;
    if (plan.is_direct)
      placed.payload_crc = crc32c::extend(0, placed.entry.payload.p, placed.entry.header.bytes);
  }
  return {};
}

GroupChange Lanes::change_of(const Group& group, const Pending& pending) const {
  GroupChange change;
  change.group = group.id;
  change.creates = !group.is_created;
  if (change.creates) change.name = group.name;
  change.drops = pending.drops;
  change.truncate = pending.truncate;
  change.trim = pending.trim;
  change.entries = pending.placed;
  change.keys = pending.keys;
  return change;
}

Lanes::Next Lanes::accept(const GroupPtr& group, Plan& plan, Turn& turn) {
  Pending& pending = this->pending(*group);
  pending.drops = plan.net.drops;
  pending.truncate = plan.truncate;
  pending.trim = plan.trim;
  if (plan.net.drops) plan.net.kept.clear();
  group->log->begin_write();
  Status status = place(*group, plan, pending);
  if (status && !plan.net.drops) plan_keys(*group, plan, pending);
  const GroupChange change = change_of(*group, pending);
  const uint64_t bytes = change_bytes(change);
  if (status) status = parts_.commits.reserve(bytes);
  group->log->end_write(status.has_value());
  if (!status) return refuse_for_now(group, status.error(), turn);
  const bool has_files =
      std::ranges::any_of(pending.keys, [](const KeyChange& key) { return key.file != 0; });
  if ((plan.is_direct && !pending.placed.empty()) || has_files) {
    pending.is_accepted = true;
    start_io(group, turn);
    return Next::kWait;
  }
  commit(group, change, bytes);
  return Next::kGoOn;
}

void Lanes::commit(const GroupPtr& group, const GroupChange& change, uint64_t bytes) {
  OwnedWrite& write = group->lane.writes.front();
  group->is_created = true;
  group->is_dropped = change.drops;
  ++group->lane.in_frames;
  group->fence.applied(write);
  parts_.room.wrote(write);
  parts_.commits.add(change, bytes, {group, std::move(write)});
  pop(*group);
}

// ---- what the disk has to say or to take first ----

Lanes::Next Lanes::look_up(const GroupPtr& group, uint64_t index, Turn& turn) {
  if (group->lane.in_frames != 0) {  // what these bring is being published while the disk is read
    group->lane.waits_for_all = true;
    return Next::kWait;
  }
  group->lane.is_busy = true;
  const auto shard = static_cast<uint32_t>(parts_.host.current_shard());
  turn.then.push_back([this, group, index, shard] {
    parts_.host.blocking([this, group = GroupPtr(group), index, shard]() mutable {
      Result<std::optional<Boundary>> found = parts_.reader.boundary(*group->log, index, Wait::kMay);
      parts_.host.post(shard, [this, group = std::move(group), index, found = std::move(found)]() mutable {
        run_turn_([&](Turn&) {
          const GroupPtr here = std::move(group);
          here->lane.is_busy = false;
          if (found)
            pending(*here).boundaries.emplace(index, **found);
          else
            pending(*here).failure = std::unexpected(found.error());
          list(here);
        });
      });
    });
  });
  return Next::kWait;
}

void Lanes::start_io(const GroupPtr& group, Turn& turn) {
  Pending& pending = this->pending(*group);
  group->lane.is_busy = true;
  std::vector<DirectWrite*> blocking;
  std::vector<std::pair<uint64_t, chr_slice>> values;
  pending.direct = plan_direct_writes(group->id, pending.placed);
  for (const std::unique_ptr<DirectWrite>& each : pending.direct) {
    parts_.metrics.note_direct(each->end - each->at);
    std::shared_ptr<OpenSegment> segment = parts_.segments.ready(each->segment, each->end);
    if (segment == nullptr) {
      blocking.push_back(each.get());
      continue;
    }
    ++pending.io_in_flight;
    turn.then.push_back([this, group, segment = std::move(segment), write = each.get()] {
      segment->file().write(write->at, write->slices, CHR_FILE_DURABLE,
                            [this, group = GroupPtr(group), segment](const Status& status) mutable {
                              segment.reset();
                              io_done(std::move(group), status);
                            });
    });
  }
  size_t next = 0;
  for (const chr_storage_step& step : group->lane.writes.front().steps()) {
    if (step.type != CHR_STORAGE_PUT && step.type != CHR_STORAGE_DELETE) continue;
    const KeyChange& key = pending.keys[next++];
    if (key.file != 0) values.emplace_back(key.file, step.value);
  }
  if (blocking.empty() && values.empty()) return;
  ++pending.io_in_flight;
  const auto shard = static_cast<uint32_t>(parts_.host.current_shard());
  turn.then.push_back([this, group, shard, blocking = std::move(blocking), values = std::move(values)] {
    parts_.host.blocking([this, group = GroupPtr(group), shard, blocking, values]() mutable {
      const Status status = write_files(*group, blocking, values);
      parts_.host.post(
          shard, [this, group = std::move(group), status]() mutable { io_done(std::move(group), status); });
    });
  });
}

Status Lanes::write_files(const Group& group, const std::vector<DirectWrite*>& direct,
                          const std::vector<std::pair<uint64_t, chr_slice>>& values) {
  for (const DirectWrite* write : direct) {
    CHRONIK_TRY(const std::shared_ptr<OpenSegment> segment,
                parts_.segments.prepare(write->segment, write->end));
    CHRONIK_CHECK(segment->file().write(write->at, write->slices, CHR_FILE_DURABLE));
  }
  for (const auto& [number, value] : values) CHRONIK_CHECK(parts_.values.write(group.id, number, value));
  return {};
}

// The group goes in the turn: at its end the store may be gone.
void Lanes::io_done(GroupPtr group, const Status& status) {
  run_turn_([&](Turn&) {
    const GroupPtr here = std::move(group);
    Pending& pending = this->pending(*here);
    // One that ends the node counts more than one that passes.
    if (!status && (pending.failure || is_passing(pending.failure.error().code))) pending.failure = status;
    if (--pending.io_in_flight != 0) return;
    here->lane.is_busy = false;
    list(here);
  });
}

Lanes::Next Lanes::finish_io(const GroupPtr& group, Turn& turn) {
  Pending& pending = this->pending(*group);
  if (!pending.failure && !is_passing(pending.failure.error().code)) {
    fail_(pending.failure.error());
    return Next::kWait;
  }
  if (pending.must_refuse) pending.failure = fail(Code::kNoSpace, "the disk is full: free some space");
  const GroupChange change = change_of(*group, pending);
  const uint64_t bytes = change_bytes(change);
  if (pending.failure) pending.failure = parts_.commits.reserve(bytes);
  if (!pending.failure) return refuse_accepted(group, turn);
  commit(group, change, bytes);
  return Next::kGoOn;
}

void Lanes::remove_values(const Group& group, std::span<const KeyChange> keys) {
  for (const KeyChange& key : keys)
    if (key.file != 0) parts_.values.remove(group.id, key.file);
}

// It found no room on the disk, in memory or in the journal.
Lanes::Next Lanes::refuse_accepted(const GroupPtr& group, Turn& turn) {
  if (group->lane.in_frames != 0) {
    group->lane.waits_for_all = true;
    return Next::kWait;
  }
  Pending& pending = this->pending(*group);
  const OwnedWrite& write = group->lane.writes.front();
  const std::vector<SegmentId> begun = group->log->forget_unpublished();
  if (!begun.empty()) parts_.segments.remove(begun);
  remove_values(*group, pending.keys);
  const Error error = pending.failure.error();
  if (error.code == Code::kNoSpace) {
    parts_.room.disk_is_full();
    parts_.room.refused(write.bytes());
  }
  return refuse_for_now(group, error, turn);
}

}  // namespace chronik::storage_log
