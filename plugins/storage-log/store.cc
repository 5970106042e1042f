#include "storage-log/store.h"

#include "storage-log/recovery.h"

#include <chronik/invariant.hpp>

namespace chronik::storage_log {
namespace {

constexpr uint64_t kTickNs = 50'000'000;
constexpr uint64_t kMaxUnwrittenNs = 30'000'000'000;  // of a frame that finds no room on the disk

bool is_data(const OwnedWrite& write) { return write.growth() == Growth::kData; }

}  // namespace

// ---- life ----

Store::Opened::Opened(Store& store, const Files& files, const StoreOptions& options)
    : parts(store.host_, files, options),
      lanes(
          parts, [&store](const Step& step) { store.turn(step); },
          [&store](const Error& error) { store.fail(error); }),
      upkeep(
          parts, [&store](const Step& step) { store.turn(step); },
          [&store](const Error& error) { store.fail(error); }),
      reads(parts, [&store](const Step& step) { store.turn(step); }) {}

Status Store::start(uint64_t token) {
  CHRONIK_TRY(const Files files, Files::of(host_));
  outboxes_.resize(host_.shard_count());
  opened_ = std::make_unique<Opened>(*this, files, StoreOptions::of(host_));
  is_opening_ = true;
  host_.blocking([this, token] { finish_start(token, open()); });
  return {};
}

// Ends the start, and begins the stop that came meanwhile. The store may be gone once the host knows that the start failed, and
// once a stop waits no more for the start.
void Store::finish_start(uint64_t token, const Status& opened) {
  const Host host = host_;
  if (opened) {
    turn([](Turn&) {});  // what the start had no room for is tried again
    host.complete(token, CHR_OK);
  }
  std::optional<uint64_t> stop;
  {
    const std::lock_guard lock(opening_mutex_);
    is_opening_ = false;
    stop = early_stop_;
    if (!opened) opened_.reset();  // a stop has nothing to write then
  }
  if (!opened) host.complete(token, opened);
  if (!stop) return;
  if (opened) return begin_stop(*stop);
  host.complete(*stop, CHR_OK);
}

Status Store::open() {
  StoreParts& parts = opened_->parts;
  CHRONIK_CHECK(Recovery(parts).run(opened_->upkeep));
  const Result<uint64_t> free = parts.segments.files().free_bytes();
  const std::lock_guard lock(parts.mutex);
  parts.update_room();
  const int64_t written = parts.room.begin_look(parts.unwritten_bytes());
  if (free) parts.room.note_free(*free, written);
  parts.note_sizes();
  return {};
}

bool Store::stop(uint64_t token) {
  {
    const std::lock_guard lock(opening_mutex_);
    if (is_opening_) {
      early_stop_ = token;
      return false;
    }
    if (opened_ == nullptr) return true;
  }
  begin_stop(token);
  return false;
}

void Store::begin_stop(uint64_t token) {
  turn([&](Turn&) {
    was_stopped_ = true;
    stop_token_ = token;
    opened_->reads.stop();
    if (!unwritten_.empty()) fail({Code::kNoSpace, "the disk has no room to write to the journal"});
    if (timer_ == 0) return;
    post_turn(timer_shard_, [this](Turn&) { host_.cancel_timer(std::exchange(timer_, 0)); });
  });
}

bool Store::is_idle() const {
  return turns_ == 0 && posted_ == 0 && submitted_ == 0 && timer_ == 0 && ending_ != Ending::kErasing &&
         opened_->lanes.is_idle() && opened_->parts.commits.is_idle() && opened_->reads.is_idle() &&
         !opened_->upkeep.is_running();
}

std::optional<uint64_t> Store::advance_stop(Turn& turn) {
  if (!was_stopped_ || !is_idle()) return std::nullopt;
  if (opened_->parts.failure.has_failed() || opened_->upkeep.is_finished())
    return std::exchange(stop_token_, std::nullopt);
  opened_->upkeep.want_last(turn);
  return std::nullopt;
}

// ---- turns ----

void Store::turn(const Step& step) {
  Turn turn;
  std::vector<Turn::End> ends;
  {
    const std::lock_guard lock(opened_->parts.mutex);
    ++turns_;
    step(turn);
    go_on(turn);
    ends = take_ends(turn);
  }
  complete(ends);
  perform(turn);
  Turn last;
  std::optional<uint64_t> stopped;
  {
    const std::lock_guard lock(opened_->parts.mutex);
    --turns_;
    stopped = advance_stop(last);
  }
  perform(last);
  if (stopped) host_.complete(*stopped, CHR_OK);  // the store may be gone from here on
}

void Store::go_on(Turn& turn) {
  StoreParts& parts = opened_->parts;
  // Whoever asked for the sync: a checkpoint, or a read that closed a file to open another.
  if (const Status synced = parts.segments.failure(); !synced) fail(synced.error());
  const auto has_ended = [&] { return parts.failure.has_failed() && ending_ != Ending::kDone; };
  if (has_ended()) return end_after_failure(turn);
  if (host_.current_shard() < 0) {
    const bool has_work = opened_->lanes.has_turns() || parts.commits.is_stuck() || wants_timer();
    if (has_work && posted_ == 0) post_turn(0, [](Turn&) {});
  } else {
    opened_->lanes.run(turn);
    if (has_ended()) return end_after_failure(turn);  // by what a file that was written to said
    for (const Journal::Frame& frame : parts.commits.take_ready()) submit(frame, turn);
    refuse_what_is_stuck(turn);
    if (opened_->lanes.has_turns() && posted_ == 0)
      post_turn(static_cast<uint32_t>(host_.current_shard()), [](Turn&) {});
    arm();
  }
  opened_->upkeep.begin_if_due(turn);
}

// The journal is full, and the disk has no room for what would empty it.
void Store::refuse_what_is_stuck(Turn& turn) {
  StoreParts& parts = opened_->parts;
  if (!parts.journal.is_idle() || !parts.commits.is_stuck() || !opened_->upkeep.is_held()) return;
  for (const auto& frame : parts.commits.take_gathered()) opened_->lanes.refuse_gathered(*frame, turn);
}

// Writes of a group end in their order, whichever shards their frames were written by: each shard is told of its own by
// itself.
std::vector<Turn::End> Store::take_ends(Turn& turn) {
  for (Turn::End& end : turn.ends) outboxes_[end.shard].ends.push_back(std::move(end));
  const int32_t here = host_.current_shard();
  for (uint32_t shard = 0; shard < outboxes_.size(); ++shard) {
    Outbox& box = outboxes_[shard];
    if (static_cast<int32_t>(shard) == here || box.ends.empty() || std::exchange(box.is_posted, true))
      continue;
    post_turn(shard, [&box](Turn&) { box.is_posted = false; });
  }
  return here < 0 ? std::vector<Turn::End>() : std::exchange(outboxes_[static_cast<uint32_t>(here)].ends, {});
}

void Store::complete(std::vector<Turn::End>& ends) {
  if (ends.empty()) return;
  std::vector<chr_done> done;
  done.reserve(ends.size());
  for (const Turn::End& end : ends) {
    done.push_back(end.done);
    done.back().message = to_abi(end.message);
  }
  host_.complete(done.data(), static_cast<uint32_t>(done.size()));
}

void Store::perform(Turn& turn) {
  for (const auto& next : turn.then) next();
  turn.then.clear();  // with what they hold of the store: at the end of the turn it may be gone
}

void Store::post_turn(uint32_t shard, Step step) {
  ++posted_;
  host_.post(shard, [this, step = std::move(step)] {
    turn([&](Turn& turn) {
      --posted_;
      step(turn);
    });
  });
}

bool Store::wants_timer() const {
  const StoreParts& parts = opened_->parts;
  if (timer_ != 0 || was_stopped_ || parts.failure.has_failed()) return false;
  return parts.mover.has_work() || parts.journal.wants_mark() || parts.commits.is_stuck() ||
         !unwritten_.empty() || parts.room.is_full() || parts.segments.has_spares() ||
         opened_->upkeep.is_held();
}

void Store::arm() {
  if (!wants_timer()) return;
  timer_shard_ = static_cast<uint32_t>(host_.current_shard());
  timer_ = host_.timer(kTickNs, &Store::tick, this);
}

void CHR_CALL Store::tick(void* self) {
  auto* const store = static_cast<Store*>(self);
  store->turn([store](Turn& turn) {
    store->timer_ = 0;
    StoreParts& parts = store->opened_->parts;
    if (parts.failure.has_failed() || store->was_stopped_) return;
    for (const Journal::Frame& frame : std::exchange(store->unwritten_, {})) store->submit(frame, turn);
    if (parts.journal.is_idle() && parts.journal.wants_mark()) {
      if (const auto mark = parts.commits.take_mark()) store->submit(*mark, turn);
    }
    store->opened_->upkeep.tick(turn);
  });
}

// ---- writes ----

chr_status Store::write(const chr_storage_write* writes, uint32_t n, chr_error* error) {
  std::vector<OwnedWrite> copies;
  copies.reserve(n);
  for (uint32_t i = 0; i < n; ++i) {
    if (const Status status = check_steps(writes[i]); !status) return report(error, status.error());
    copies.emplace_back(writes[i]);
  }
  Status taken;
  turn([&](Turn& turn) {
    taken = check_taken(copies);
    if (taken) take(copies, turn);
  });
  if (taken) return CHR_PENDING;
  const bool is_overloaded = taken.error().code == Code::kOverloaded;
  return report(error, static_cast<chr_status>(taken.error().code), taken.error().message,
                is_overloaded ? CHR_ERROR_RETRIABLE : 0);
}

Status Store::check_taken(const std::vector<OwnedWrite>& writes) const {
  const StoreParts& parts = opened_->parts;
  if (parts.failure.has_failed()) return chronik::fail(Code::kIo, parts.failure.message());
  if (was_stopped_) return chronik::fail(Code::kShuttingDown, "the store is stopping");
  const uint64_t unmoved = parts.sums.unmoved_bytes.load(std::memory_order_relaxed);
  uint64_t bytes = parts.undurable_bytes + unmoved;
  for (const OwnedWrite& write : writes) bytes += write.bytes();
  if (bytes <= parts.options.queue_bytes || std::ranges::all_of(writes, is_small_keys)) return {};
  // One call passes where nothing waits, lest a large one never does. What is to be moved stops data only, and not where the disk
  // has no room for it: the lanes say so.
  const bool must_move = unmoved > parts.options.queue_bytes && !parts.room.is_disk_full() &&
                         std::ranges::any_of(writes, is_data);
  if (parts.undurable_bytes == 0 && !must_move) return {};
  return chronik::fail(Code::kOverloaded, "too many bytes wait to be written");
}

void Store::take(std::vector<OwnedWrite>& writes, Turn& turn) {
  for (OwnedWrite& write : writes) {
    const std::shared_ptr<Group> group = opened_->parts.groups.find(write.group());
    if (group != nullptr) {
      opened_->lanes.push(group, std::move(write));
      continue;
    }
    turn.finish(static_cast<uint32_t>(std::max(0, host_.current_shard())), write.token(),
                CHR_E_INVALID_ARGUMENT,
                "a write to group " + std::to_string(write.group()) + ", which does not exist");
  }
}

void Store::submit(const Journal::Frame& frame, Turn& turn) {
  ++submitted_;
  turn.then.emplace_back([this, frame] {
    Journal::submit(frame, [this, frame](const Status& status) { frame_done(frame, status); });
  });
}

void Store::frame_done(const Journal::Frame& frame, const Status& status) {
  turn([&](Turn& turn) {
    --submitted_;
    if (!status) {
      keep_or_fail(frame, status.error());
      return;
    }
    unwritten_since_ns_ = 0;
    if (opened_->parts.failure.has_failed()) return;
    for (const auto& durable : opened_->parts.commits.finished(frame.sequence)) publish(*durable, turn);
  });
}

// Some file systems want room for what is written again, too: the same bytes go to the same place at the next ticks.
void Store::keep_or_fail(const Journal::Frame& frame, const Error& error) {
  const uint64_t now = host_.now_ns();
  if (unwritten_since_ns_ == 0) unwritten_since_ns_ = now;
  if (error.code != Code::kNoSpace || was_stopped_ || now - unwritten_since_ns_ > kMaxUnwrittenNs) {
    fail(error);
    return;
  }
  if (unwritten_.empty()) host_.warn("the disk has no room to write to the journal; it is tried again");
  unwritten_.push_back(frame);
  opened_->parts.room.disk_is_full();
}

void Store::publish(Commits::Frame& frame, Turn& turn) {
  if (frame.effects.empty()) return;
  StoreParts& parts = opened_->parts;
  const uint64_t now = host_.now_ns();
  parts.mover.set_time(now);
  frame.buffer.shrink();
  std::string_view rest = frame.buffer.payload();
  ReadChange change;
  uint64_t bytes = 0;
  for (const Commits::Effect& effect : frame.effects) {
    const Status read = read_change(&rest, &change);
    CHRONIK_INVARIANT(host_, read.has_value(), "a frame does not hold what was put into it");
    parts.apply(effect.group, change, frame.buffer.lease(), frame.sequence);
    parts.undurable_bytes -= effect.write.bytes();
    bytes += effect.write.bytes();
    opened_->lanes.published(effect.group);
    turn.finish(effect.group->lane.shard, effect.write.token(), CHR_OK);
  }
  parts.metrics.note_commit(bytes, now - frame.began_ns);
  parts.note_sizes();
}

// ---- failure ----

void Store::fail(const Error& error) { opened_->parts.failure.begin(error); }

void Store::end_after_failure(Turn& turn) {
  if (submitted_ != 0 || ending_ != Ending::kNo) return;
  ending_ = Ending::kErasing;
  turn.then.emplace_back([this] {
    host_.blocking([this] {
      opened_->parts.journal.erase_unfinished();
      opened_->parts.failure.end_node();
      this->turn([this](Turn& rest) { refuse_all(rest); });
    });
  });
}

void Store::refuse_all(Turn& turn) {
  ending_ = Ending::kDone;
  StoreParts& parts = opened_->parts;
  for (const auto& frame : parts.commits.take_all()) {
    for (const Commits::Effect& effect : frame->effects) {
      parts.undurable_bytes -= effect.write.bytes();
      opened_->lanes.published(effect.group);
      turn.finish(effect.group->lane.shard, effect.write.token(), CHR_E_IO, parts.failure.message());
    }
  }
  opened_->lanes.refuse_all(turn);
}

// ---- reads and groups ----

chr_status Store::read(const chr_storage_read* args, chr_entries* out, uint64_t token, chr_error* error) {
  return opened_->reads.read(args, out, token, error);
}

chr_status Store::find(uint64_t group, int32_t by, int64_t value, chr_entry_header* out, uint64_t token,
                       chr_error* error) {
  return opened_->reads.find(group, by, value, out, token, error);
}

chr_status Store::get(uint64_t group, chr_str key, chr_slice* out, uint64_t token, chr_error* error) {
  return opened_->reads.get(group, key, out, token, error);
}

chr_status Store::bounds(uint64_t group, chr_storage_bounds* out) {
  return opened_->reads.bounds(group, out);
}

chr_status Store::open_group(chr_str name, uint64_t* group, chr_error* error) {
  if (name.n == 0 || name.n > kMaxGroupName)
    return report(error, CHR_E_INVALID_ARGUMENT, "a group's name must have 1 to 255 bytes");
  const std::lock_guard lock(opened_->parts.mutex);
  const Result<uint64_t> opened = opened_->parts.groups.open(from_abi(name));
  if (!opened) return report(error, opened.error());
  *group = *opened;
  return CHR_OK;
}

void Store::list_groups(void(CHR_CALL* fn)(void*, chr_str, uint64_t), void* context) {
  std::vector<std::shared_ptr<Group>> groups;
  {
    const std::lock_guard lock(opened_->parts.mutex);
    groups = opened_->parts.groups.all();
    std::erase_if(groups, [](const std::shared_ptr<Group>& group) { return !group->exists; });
  }
  for (const std::shared_ptr<Group>& group : groups) fn(context, to_abi(group->name), group->id);
}

chr_status Store::usage(chr_storage_usage* out) {
  if (opened_ == nullptr) return CHR_E_UNAVAILABLE;
  StoreParts& parts = opened_->parts;
  const std::lock_guard lock(parts.mutex);
  parts.update_room();
  parts.room.look_again();
  out->full = parts.room.is_full() ? 1 : 0;
  out->used_bytes = parts.used_bytes;
  out->file_bytes = parts.taken_bytes();
  out->capacity_bytes = parts.room.capacity();
  return CHR_OK;
}

}  // namespace chronik::storage_log
