#include "store.h"

#include <algorithm>

namespace chronik::storage_lmdb {
namespace {

constexpr int64_t kDefaultMapSize = 1ll << 40;
constexpr int64_t kDefaultPreallocate = 64 << 20;
constexpr int64_t kDefaultQueue = 64 << 20;
constexpr int64_t kDefaultCommit = 16 << 20;
constexpr int64_t kDefaultLeaseNs = 2'000'000'000;
constexpr int64_t kDefaultLeaseBudget = 32 << 20;
constexpr uint32_t kMaxReaders = 512;
constexpr uint32_t kReadsAtOnce = 8;  // of the host's 16 blocking threads
constexpr Slice kPurgeBesideWrites = {256, 16u << 20, 1'000'000};

uint64_t setting(const Host& host, std::string_view key, int64_t fallback) {
  return static_cast<uint64_t>(std::max<int64_t>(0, host.config_int(key, fallback)));
}

}  // namespace

Store::Store(Host host)
    : host_(host),
      read_lane_(std::make_shared<ReadLane>(host, kReadsAtOnce)),
      queue_({setting(host, "queue_bytes", kDefaultQueue), setting(host, "commit_bytes", kDefaultCommit)}) {}

void Store::start(uint64_t token) {
  host_.blocking([this, token] {
    const Status status = open();
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

Status Store::open() {
  const uint64_t map_size = setting(host_, "map_size", kDefaultMapSize);
  CHRONIK_TRY(env_, Env::open({std::string(from_abi(host_.node().directory)), map_size, kMaxReaders}));
  space_.emplace(host_, env_,
                 Space::Options{map_size, setting(host_, "max_size", 0),
                                setting(host_, "preallocate", kDefaultPreallocate)});
  generations_ = std::make_shared<Generations>(
      env_, Generations::Options{
                setting(host_, "max_lease", kDefaultLeaseNs),
                std::min(setting(host_, "lease_budget", kDefaultLeaseBudget), space_->capacity() / 16)});
  reader_.emplace(host_, env_, generations_);
  define_metrics();
  return recover();
}

void Store::define_metrics() {
  metrics_ = {
      host_.counter("chronik_storage_commits_total", "Transactions committed, each with one sync."),
      host_.histogram("chronik_storage_commit_seconds", "Time of a commit, sync included."),
      host_.counter("chronik_storage_written_bytes_total", "Bytes of entries and keys written."),
      host_.gauge("chronik_storage_overdue_leases", "Leases on pages that are held past their age."),
      host_.gauge("chronik_storage_waiting_bytes",
                  "Freed bytes that cannot be used again before a lease ends."),
      host_.gauge("chronik_storage_groups", "Logs that the store holds: of partitions and of __meta.")};
}

Status Store::recover() {
  CHRONIK_TRY(const Snapshot snapshot, Snapshot::begin(generations_->transactions()));
  CHRONIK_CHECK(space_->count_all(snapshot.txn()));
  MDB_val key{};
  MDB_val value{};
  MDB_cursor* cursor = nullptr;
  int rc = mdb_cursor_open(snapshot.txn(), env_->groups(), &cursor);
  const std::unique_ptr<MDB_cursor, void (*)(MDB_cursor*)> closer(cursor, mdb_cursor_close);
  while (rc == MDB_SUCCESS && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == MDB_SUCCESS) {
    CHRONIK_TRY(const GroupRecord record, parse_group(value));
    CHRONIK_TRY(const Group group, recover_group(snapshot.txn(), LogKey::load(key.mv_data), record));
    groups_.restore(group);
  }
  if (rc != MDB_NOTFOUND) return std::unexpected(lmdb_error(rc, "read the groups"));
  uint64_t next = 1;
  MDB_val name{10, const_cast<char*>("next_group")};
  rc = mdb_get(snapshot.txn(), env_->meta(), &name, &value);
  if (rc == MDB_SUCCESS) std::memcpy(&next, value.mv_data, std::min(value.mv_size, sizeof next));
  groups_.restore_next_id(next);
  host_.set(metrics_.groups, static_cast<double>(groups_.count()));
  return {};
}

Result<Group> Store::recover_group(MDB_txn* txn, uint64_t id, const GroupRecord& record) {
  Group group;
  group.id = id;
  group.name = record.name;
  group.durable = true;
  group.dropped = record.head.dropped != 0;
  group.purge_below = record.head.start;
  if (group.dropped) return group;
  CHRONIK_TRY(LogView log, LogView::open(txn, *env_, id, group.purge_below));
  CHRONIK_TRY(const std::optional<RecordView> first, log.at_or_after(0));
  if (!first) return group;
  CHRONIK_TRY(const std::optional<RecordView> last, log.last());
  group.log = {first->head.header.index,      last->head.header.index,
               first->head.total_entries - 1, first->head.total_bytes - first->head.header.bytes,
               last->head.total_entries,      last->head.total_bytes};
  return group;
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
    look_ahead();
    {
      const std::lock_guard lock(mutex_);
      release_held(failed_);
      batch = queue_.take();
    }
    set_aside(batch);
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
    if (!queue_.is_idle() || (more && !stop_token_)) return false;
    draining_ = false;
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
  Growth growth = allowed(batch);
  Verdicts verdicts;
  Status status = attempt(batch, growth, verdicts);
  const auto needs_space = [&] {
    return !status && status.error().code == Code::kNoSpace && growth != Growth::kNone;
  };
  if (needs_space() && ripen_freed_pages()) status = attempt(batch, growth, verdicts);
  while (needs_space()) {
    space_->disk_is_full();
    growth = growth == Growth::kData ? Growth::kControl : Growth::kNone;
    status = attempt(batch, growth, verdicts);
  }
  const auto any = [&batch](auto test) { return std::ranges::any_of(batch, test); };
  if (any([growth](const OwnedWrite& write) { return write.growth() > growth; })) {
    note_full(true);
  } else if (any([](const OwnedWrite& write) { return write.growth() == Growth::kData; }) ||
             space_->has_room(Growth::kData, 1u << 20, 256)) {
    note_full(false);
  }
  if (status) return verdicts;
  if (status.error().code == Code::kNoSpace)
    return Verdicts(batch.size(), {CHR_E_NO_SPACE, status.error().message});
  fail_store(status.error());
  return Verdicts(batch.size(), {CHR_E_IO, status.error().message});
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

bool Store::ripen_freed_pages() {
  // LMDB uses what a transaction freed only in the second one after it, and while all is refused none comes.
  for (int i = 0; i < 2; ++i) {
    Transaction transaction(host_, *env_, groups_);
    if (!transaction.begin() || !transaction.touch() || !transaction.commit()) return false;
  }
  return true;
}

Status Store::attempt(const Batch& batch, Growth allowed, Verdicts& verdicts) {
  const uint64_t started = host_.now_ns();
  verdicts.assign(batch.size(), {});
  Transaction transaction(host_, *env_, groups_);
  CHRONIK_CHECK(transaction.begin());
  for (size_t i = 0; i < batch.size(); ++i) {
    AppendFence& fence = groups_.fence(batch[i].group());
    if (fence.refuses(batch[i]) || batch[i].growth() > allowed) {
      fence.refused(batch[i]);
      verdicts[i] = {CHR_E_NO_SPACE, "the store is full: free some space, or raise storage.max_size"};
      continue;
    }
    const Status status = transaction.apply(batch[i]);
    if (!status && status.error().code != Code::kInvalidArgument) return status;
    if (!status) verdicts[i] = {CHR_E_INVALID_ARGUMENT, status.error().message};
  }
  CHRONIK_CHECK(transaction.purge(kPurgeBesideWrites, warm_));
  if (transaction.is_empty()) return {};
  CHRONIK_CHECK(transaction.count(*space_));
  CHRONIK_CHECK(transaction.commit());
  for (size_t i = 0; i < batch.size(); ++i) {
    if (verdicts[i].code == CHR_OK) groups_.fence(batch[i].group()).applied(batch[i]);
  }
  after_commit(batch, transaction.effect(), started);
  return {};
}

void Store::after_commit(const Batch& batch, const Transaction::Effect& effect, uint64_t started_ns) {
  const uint64_t now = host_.now_ns();
  generations_->freed(effect.freed, space_->live_bytes(), now);
  uint64_t bytes = 0;
  for (const OwnedWrite& write : batch) bytes += write.bytes();
  host_.add(metrics_.commits);
  host_.observe(metrics_.commit_seconds, static_cast<double>(now - started_ns) * 1e-9);
  host_.add(metrics_.written, static_cast<double>(bytes));
  host_.set(metrics_.groups, static_cast<double>(groups_.count()));
  note_leases();
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
  host_.error("the store failed and takes no more writes: " + error.message);
  host_.health("disk", CHR_HEALTH_NOT_READY, error.message);
  const std::lock_guard lock(mutex_);
  failed_ = true;
  refuse_all_ = Error{Code::kIo, error.message};
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
  if (!groups_.log_state(args->group, &log)) return report(error, CHR_E_NOT_FOUND, "no such group");
  if (args->from > log.last) return CHR_OK;
  const chr_storage_read copy = *args;
  return on_blocking(
      [this, copy, log, out, token] {
        chr_done done{};
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
  if (!groups_.log_state(group, &log)) return report(error, CHR_E_NOT_FOUND, "no such group");
  if (log.last == 0) return report(error, CHR_E_NOT_FOUND, "the log is empty");
  return on_blocking(
      [=, this] {
        const auto found = reader_->find(group, log.first, by, value);
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
  if (!groups_.log_state(group, &log)) return report(error, CHR_E_NOT_FOUND, "no such group");
  return on_blocking(
      [this, group, name = std::string(from_abi(key)), out, token] {
        const Result<chr_slice> found = reader_->get(group, name);
        if (found) *out = *found;
        host_.complete(token, found ? Status{} : Status(std::unexpected(found.error())));
      },
      error);
}

chr_status Store::open_group(chr_str name, uint64_t* group, chr_error* error) {
  if (name.n == 0 || name.n > kMaxGroupName)
    return report(error, CHR_E_INVALID_ARGUMENT, "a group's name must have 1 to 255 bytes");
  *group = groups_.open(from_abi(name));
  return CHR_OK;
}

void Store::list_groups(void(CHR_CALL* fn)(void*, chr_str, uint64_t), void* context) {
  for (const auto& [id, name] : groups_.durable()) fn(context, to_abi(name), id);
}

chr_status Store::bounds(uint64_t group, chr_storage_bounds* out) {
  LogState log;
  if (!groups_.log_state(group, &log)) return CHR_E_NOT_FOUND;
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
  out->used_bytes = space_->live_bytes();
  out->file_bytes = space_->file_bytes();
  out->capacity_bytes = space_->capacity();
  return CHR_OK;
}

}  // namespace chronik::storage_lmdb
