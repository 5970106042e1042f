#include "storage-lmdb/store.h"

#include <algorithm>

namespace chronik::storage_lmdb {
namespace {

constexpr uint32_t kReadsAtOnce = 8;  // of the host's 16 blocking threads
constexpr uint64_t kSayFullForNs = 1'000'000'000;

bool changes_end(const OwnedWrite& write) {
  return std::ranges::any_of(write.steps(), [](const chr_storage_step& step) {
    return step.type == CHR_STORAGE_APPEND || step.type == CHR_STORAGE_TRUNCATE ||
           step.type == CHR_STORAGE_DROP;
  });
}

}  // namespace

Store::Store(Host host)
    : host_(host),
      read_lane_(std::make_shared<BlockingLane>(host, kReadsAtOnce)),
      queue_({setting(host, "queue_bytes"), setting(host, "commit_bytes")}) {}

void Store::start(uint64_t token) {
  host_.blocking([this, token] {
    const Status status = contain([this] { return open(); });
    if (!status) {
      host_.complete(token, status);
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      draining_ = true;
    }
    host_.complete(token, CHR_OK);
    drain();  // to purge what was left over, and to extend the file
  });
}

bool Store::stop(uint64_t token) {
  const std::lock_guard lock(mutex_);
  if (!refuse_all_) refuse_all_ = Error{Code::kShuttingDown, "the store is stopping"};
  release_held(true);
  if (!draining_ && reads_ == 0) return true;
  stop_token_ = token;
  return false;
}

void Store::end_read() {
  std::optional<uint64_t> token;
  {
    const std::lock_guard lock(mutex_);
    --reads_;
    if (!draining_ && reads_ == 0) token = std::exchange(stop_token_, std::nullopt);
  }
  if (token) host_.complete(*token, CHR_OK);
}

// ---- writes ----

chr_status Store::write(const chr_storage_write* writes, uint32_t n, chr_error* error) {
  Batch copies;
  copies.reserve(n);
  for (uint32_t i = 0; i < n; ++i) {
    if (const Status status = check_steps(writes[i]); !status) return report(error, status.error());
    copies.emplace_back(writes[i]);
  }
  bool start_drain = false;
  {
    const std::lock_guard lock(mutex_);
    if (refuse_all_) return report(error, *refuse_all_);
    if (!queue_.has_room(copies))
      return report(error, CHR_E_OVERLOADED, "too many bytes wait to be written", CHR_ERROR_RETRIABLE);
    queue_.push(std::move(copies));
    start_drain = !std::exchange(draining_, true);
  }
  if (start_drain) host_.blocking([this] { drain(); });
  return CHR_PENDING;
}

void Store::drain() {
  for (;;) {
    Batch batch;
    wants_purge_ = wants_purge();
    look_ahead();
    {
      const std::lock_guard lock(mutex_);
      release_held(failed_);
      batch = queue_.take();
    }
    set_aside(batch);
    if (!in_the_way_.empty()) look_ahead();
    if (!batch.empty()) {
      const uint64_t started = host_.now_ns();
      const Verdicts verdicts = commit(batch);
      {
        const std::lock_guard lock(mutex_);
        queue_.finished(batch, host_.now_ns() - started);
      }
      complete(batch, verdicts);
      if (space_->is_urgent() && space_->wants_more()) space_->extend();
      continue;
    }
    const bool more = maintain();
    if (end_drain(more)) return;
  }
}

bool Store::end_drain(bool more) {
  std::optional<uint64_t> token;
  {
    const std::lock_guard lock(mutex_);
    release_held(failed_);
    if (!queue_.is_idle() || (more && !stop_token_) || !warmed_.empty()) return false;
    draining_ = false;
    not_now_.clear();
    if (reads_ == 0) token = std::exchange(stop_token_, std::nullopt);
  }
  if (token) host_.complete(*token, CHR_OK);
  return true;
}

Store::Verdicts Store::commit(const Batch& batch) {
  {
    const std::lock_guard lock(mutex_);
    if (failed_) return Verdicts(batch.size(), {CHR_E_IO, refuse_all_->message});
  }
  const Supply::Rows rows = rows_of(batch);
  make_rows(rows);
  Growth growth = allowed(batch);
  if (growth < asked(batch) && remove_for_now()) growth = allowed(batch);
  if (growth == Growth::kData && are_wanting(rows) && make_rows_by_moving(rows)) could_ripen();
  Verdicts verdicts(batch.size());
  Status status = attempt(batch, growth, verdicts);
  const auto needs_space = [&] {
    return !status && status.error().code == Code::kNoSpace && growth != Growth::kNone;
  };
  if (needs_space()) {
    if (can_purge()) purge_alone();
    status = ripen_freed_pages();
    if (status) status = attempt(batch, growth, verdicts);
  }
  if (needs_space() && growth == Growth::kData && make_rows_by_moving(rows)) {
    status = ripen_freed_pages();
    if (status) status = attempt(batch, growth, verdicts);
  }
  if (status && growth == Growth::kData) found_rows(rows);
  while (needs_space()) {
    space_->disk_is_full();
    growth = growth == Growth::kData ? Growth::kControl : Growth::kNone;
    status = attempt(batch, growth, verdicts);
  }
  note_room(batch, growth);
  if (status) return verdicts;
  if (status.error().code == Code::kNoSpace) {
    refuse_appends(batch);
    return Verdicts(batch.size(), {CHR_E_NO_SPACE, status.error().message});
  }
  fail_store(status.error());
  return Verdicts(batch.size(), {CHR_E_IO, status.error().message});
}

void Store::refuse_appends(const Batch& batch) {
  for (const OwnedWrite& write : batch) {
    AppendFence fence = groups_.fence(write.group());
    fence.refused(write);
    groups_.keep_fence(write.group(), fence);
  }
}

Growth Store::asked(const Batch& batch) {
  Growth most = Growth::kNone;
  for (const OwnedWrite& write : batch) most = std::max(most, write.growth());
  return most;
}

Growth Store::allowed(const Batch& batch) {
  for (const Growth growth : {Growth::kData, Growth::kControl}) {
    uint64_t bytes = 0;
    uint64_t entries = 0;
    for (const OwnedWrite& write : batch) {
      if (write.growth() == Growth::kNone || write.growth() > growth) continue;
      bytes += write.bytes();
      for (const chr_storage_step& step : write.steps()) entries += 1 + step.n;
    }
    const bool asks = std::ranges::any_of(batch, [&](const OwnedWrite& w) { return w.growth() == growth; });
    if (growth == Growth::kData && !asks) continue;  // control writes alone have the reserve
    if (bytes == 0 || space_->has_room(growth, bytes, entries)) return growth;
  }
  return Growth::kNone;
}

Status Store::ripen_freed_pages() {
  // LMDB uses what a transaction freed only in the second one after it, and while all is refused none comes.
  for (int i = 0; i < 2; ++i) {
    Transaction transaction(host_, *env_, groups_);
    CHRONIK_CHECK(transaction.begin());
    CHRONIK_CHECK(contain([&] { return transaction.touch(); }));
    CHRONIK_CHECK(contain([&] { return transaction.commit(*space_); }));
  }
  return {};
}

Status Store::attempt(const Batch& batch, Growth allowed, Verdicts& verdicts) {
  for (;;) {
    for (Verdict& verdict : verdicts)
      if (verdict.code != CHR_E_CORRUPT) verdict = {};
    Spoiler spoiler;
    const Status status = attempt_once(batch, allowed, verdicts, &spoiler);
    if (status || status.error().code != Code::kCorrupt) return status;
    if (spoiler.purge != 0) {
      give_up_purge(spoiler.purge, status.error());
    } else if (spoiler.write < batch.size()) {
      // Its group alone is damaged. What follows in that group would follow it where that ends the log
      // otherwise; behind a trim the log goes on as it was.
      const OwnedWrite& spoils = batch[spoiler.write];
      for (size_t i = spoiler.write; i < batch.size(); ++i) {
        if (i == spoiler.write || (changes_end(spoils) && batch[i].group() == spoils.group()))
          verdicts[i] = {CHR_E_CORRUPT, status.error().message};
      }
    } else {
      return status;
    }
  }
}

Status Store::attempt_once(const Batch& batch, Growth allowed, Verdicts& verdicts, Spoiler* spoiler) {
  const uint64_t started = host_.now_ns();
  Transaction transaction(host_, *env_, groups_);
  CHRONIK_CHECK(transaction.begin());
  transaction.end_rows_at(space_->row_end());
  if (!wants_purge_) transaction.leave_trimmed();
  BatchFences fences;
  for (size_t i = 0; i < batch.size(); ++i) {
    // mutant append-over-refused: AppendFence fence = groups_.fence(batch[i].group());
    AppendFence& fence = fences.of(batch[i].group(), groups_.fence(batch[i].group()));
    if (verdicts[i].code == CHR_E_CORRUPT) {
      fence.refused(batch[i]);
      continue;
    }
    // mutant trim-wants-room: const bool trims = std::ranges::any_of(batch[i].steps(), [](const
    //     chr_storage_step& s) { return s.type == CHR_STORAGE_TRIM; }); if (fence.refuses(batch[i]) ||
    //     batch[i].growth() > allowed || (trims && !space_->has_room(Growth::kData, 1u << 20, 256))) {
    if (fence.refuses(batch[i]) || batch[i].growth() > allowed) {
      fence.refused(batch[i]);
      verdicts[i] = {CHR_E_NO_SPACE, "the store is full: free some space, or raise storage.max_size"};
      continue;
    }
    const Status status = contain([&] { return transaction.apply(batch[i]); });
    if (!status && status.error().code == Code::kCorrupt) spoiler->write = i;
    if (!status && status.error().code != Code::kInvalidArgument) return status;
    if (status) {
      fence.applied(batch[i]);
    } else {
      verdicts[i] = {CHR_E_INVALID_ARGUMENT, status.error().message};
    }
  }
  CHRONIK_CHECK(purge_beside_writes(transaction, &spoiler->purge));
  if (!transaction.is_empty()) CHRONIK_CHECK(contain([&] { return transaction.commit(*space_); }));
  fences.publish([this](uint64_t group, const AppendFence& fence) { groups_.keep_fence(group, fence); });
  if (!transaction.is_empty()) after_commit(batch, transaction.effect(), started);
  return {};
}

void Store::after_commit(const Batch& batch, const Transaction::Effect& effect, uint64_t started_ns) {
  const uint64_t now = host_.now_ns();
  generations_->freed(effect.freed, space_->live_bytes(), now);
  supply_->took(effect.rows);
  const uint64_t used_before = std::exchange(used_end_, env_->used_end());
  if (used_end_ > used_before && groups_.gone_bytes() != 0) supply_->fell_short(used_end_ - used_before);
  supply_->removed(effect.rows_removed);
  ++commits_since_rows_;
  uint64_t bytes = 0;
  for (const OwnedWrite& write : batch) bytes += write.bytes();
  host_.add(metrics_.commits);
  host_.observe(metrics_.commit_seconds, static_cast<double>(now - started_ns) * 1e-9);
  host_.add(metrics_.written, static_cast<double>(bytes));
  host_.set(metrics_.groups, static_cast<double>(groups_.count()));
  note_sizes();
  note_leases();
}

uint64_t Store::used_bytes() const {
  return space_->live_bytes() - std::min(space_->live_bytes(), groups_.gone_bytes());
}

void Store::note_sizes() {
  host_.set(metrics_.used, static_cast<double>(used_bytes()));
  host_.set(metrics_.gone, static_cast<double>(groups_.gone_bytes()));
  host_.set(metrics_.file, static_cast<double>(space_->file_bytes()));
}

void Store::complete(const Batch& batch, const Verdicts& verdicts) {
  std::vector<chr_done> done(batch.size());
  for (size_t i = 0; i < batch.size(); ++i) {
    done[i].token = batch[i].token();
    done[i].code = verdicts[i].code;
    done[i].message = to_abi(verdicts[i].message);
    if (done[i].code == CHR_E_NO_SPACE) done[i].flags = CHR_ERROR_RETRIABLE;
    if (done[i].code == CHR_E_IO) done[i].flags = CHR_ERROR_PLUGIN_FATAL;
  }
  host_.complete(done.data(), static_cast<uint32_t>(done.size()));
}

void Store::fail_store(const Error& error) {
  {
    const std::lock_guard lock(mutex_);
    failed_ = true;
    refuse_all_ = Error{Code::kIo, error.message};
  }
  host_.health("disk", CHR_HEALTH_NOT_READY, error.message);
  // What the disk holds now is not known, and others are to lead at once.
  host_.fatal("the store failed, and the node ends: " + error.message +
              "; check the disk before it is started again");
}

// Where what is free lies scattered, small writes pass while large ones are refused: the store is full as
// long as those come.
void Store::note_room(const Batch& batch, Growth growth) {
  std::optional<uint64_t> refused, written;  // bytes of the largest
  for (const OwnedWrite& write : batch) {
    if (write.growth() > growth) refused = std::max(refused.value_or(0), write.bytes());
    if (write.growth() == Growth::kData) written = std::max(written.value_or(0), write.bytes());
  }
  const uint64_t now = host_.now_ns();
  if (refused) {
    refused_bytes_ = *refused;
    refused_ns_ = now;
    note_full(true);
  } else if (written && (*written >= refused_bytes_ || now - refused_ns_ >= kSayFullForNs)) {
    space_->data_was_written();
    note_full(false);
  } else if (!written && space_->has_room_again()) {
    note_full(false);
  }
}

void Store::note_full(bool full) {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(full_, full) == full) return;
  }
  if (full) {
    host_.warn(
        "the store is full: writes are refused until space returns",
        "used=" + std::to_string(space_->live_bytes()) + " file=" + std::to_string(space_->file_bytes()));
    host_.health("space", CHR_HEALTH_DEGRADED, "the store is full");
  } else {
    host_.info("the store has space again");
    host_.health("space", CHR_HEALTH_READY);
  }
}

void Store::note_leases() {
  const uint64_t now = host_.now_ns();
  const Generations::Pressure pressure = generations_->pressure(now);
  host_.set(metrics_.overdue, static_cast<double>(pressure.overdue));
  host_.set(metrics_.waiting, static_cast<double>(pressure.waiting_bytes));
  if (pressure.overdue == 0 || now - overdue_noted_ns_ < 10'000'000'000) return;
  overdue_noted_ns_ = now;
  host_.warn(
      "leases on stored pages are held past storage.max_lease; the file grows meanwhile",
      "leases=" + std::to_string(pressure.overdue) + " waiting=" + std::to_string(pressure.waiting_bytes));
}

// ---- reads ----

template <class F>
chr_status Store::on_blocking(F fn, chr_error* error) {
  {
    const std::lock_guard lock(mutex_);
    if (stop_token_ || !reader_) return report(error, CHR_E_SHUTTING_DOWN, "the store is not running");
    ++reads_;
  }
  read_lane_->run([this, fn = std::move(fn)] {
    fn();
    end_read();
  });
  return CHR_PENDING;
}

chr_status Store::read(const chr_storage_read* args, chr_entries* out, uint64_t token, chr_error* error) {
  out->n = 0;
  out->entries = nullptr;
  out->lease = nullptr;
  LogState log;
  if (const Status known = groups_.log_state(args->group, &log); !known) return report(error, known.error());
  if (args->from > log.last) return CHR_OK;
  const chr_storage_read copy = *args;
  return on_blocking(
      [this, copy, log, out, token] {
        chr_done done{};
        // mutant damage-fails-store: const Status status = reader_->read(copy, log.first, out); if (!status
        //     && status.error().code == Code::kCorrupt) fail_store(status.error());
        const Status status = reader_->read(copy, log.first, out);
        done.token = token;
        if (!status) {
          done.code = static_cast<chr_status>(status.error().code);
          done.message = to_abi(status.error().message);
        }
        done.u[0] = out->n;
        host_.complete(&done, 1);
      },
      error);
}

chr_status Store::find(uint64_t group, int32_t by, int64_t value, chr_entry_header* out, uint64_t token,
                       chr_error* error) {
  if (by < CHR_FIND_OFFSET || by > CHR_FIND_MAX_TIMESTAMP)
    return report(error, CHR_E_INVALID_ARGUMENT, "unknown kind of find");
  LogState log;
  if (const Status known = groups_.log_state(group, &log); !known) return report(error, known.error());
  if (log.last == 0) return report(error, CHR_E_NOT_FOUND, "the log is empty");
  return on_blocking(
      [=, this] {
        const auto found = contain([&] { return reader_->find(group, log.first, by, value); });
        if (!found) {
          host_.complete(token, found.error());
        } else if (!*found) {
          host_.complete(token, CHR_E_NOT_FOUND, "no such entry");
        } else {
          *out = **found;
          host_.complete(token, CHR_OK);
        }
      },
      error);
}

chr_status Store::get(uint64_t group, chr_str key, chr_slice* out, uint64_t token, chr_error* error) {
  LogState log;
  if (const Status known = groups_.log_state(group, &log); !known) return report(error, known.error());
  return on_blocking(
      [this, group, name = std::string(from_abi(key)), out, token] {
        const Result<chr_slice> found = contain([&] { return reader_->get(group, name); });
        if (found) *out = *found;
        host_.complete(token, found ? Status{} : Status(std::unexpected(found.error())));
      },
      error);
}

chr_status Store::open_group(chr_str name, uint64_t* group, chr_error* error) {
  if (name.n == 0 || name.n > kMaxGroupName)
    return report(error, CHR_E_INVALID_ARGUMENT, "a group's name must have 1 to 255 bytes");
  const Result<uint64_t> opened = groups_.open(from_abi(name));
  if (!opened) return report(error, opened.error());
  *group = *opened;
  return CHR_OK;
}

void Store::list_groups(void(CHR_CALL* fn)(void*, chr_str, uint64_t), void* context) {
  for (const auto& [id, name] : groups_.durable()) fn(context, to_abi(name), id);
}

chr_status Store::bounds(uint64_t group, chr_storage_bounds* out) {
  LogState log;
  if (const Status known = groups_.log_state(group, &log); !known)
    return static_cast<chr_status>(known.error().code);
  out->first_index = log.first;
  out->last_index = log.last;
  out->entries = log.entries();
  out->bytes = log.bytes();
  return CHR_OK;
}

chr_status Store::usage(chr_storage_usage* out) {
  if (!space_) return CHR_E_UNAVAILABLE;
  const std::lock_guard lock(mutex_);
  out->full = full_ ? 1 : 0;
  out->used_bytes = used_bytes();
  out->file_bytes = space_->file_bytes();
  out->capacity_bytes = space_->reachable_capacity();
  return CHR_OK;
}

}  // namespace chronik::storage_lmdb
