#include "storage-lmdb/store.h"

#include "storage-lmdb/recovery.h"
#include "storage-lmdb/settings.h"

#include <algorithm>

namespace chronik::storage_lmdb {
namespace {

constexpr uint32_t kMaxReaders = 512;
constexpr uint32_t kReadsAtOnce = 8;  // of the host's 16 blocking threads

Generations::Options lease_options(const Host& host, uint64_t capacity) {
  return {setting(host, "max_lease"), std::min(setting(host, "lease_budget"), capacity / 16)};
}

}  // namespace

// ---- life ----

Store::Store(Host host)
    : host_(host),
      read_lane_(std::make_shared<BlockingLane>(host, kReadsAtOnce)),
      failure_(host),
      queue_({setting(host, "queue_bytes"), setting(host, "commit_bytes")}) {}

Store::Opened::Opened(Host host, const std::shared_ptr<Env>& env, const Space::Options& space,
                      GroupTable& groups, StorageFailure& failure)
    : parts{host,
            env,
            std::make_shared<Generations>(env, lease_options(host, space.capacity())),
            groups,
            failure,
            Space(host, env, space),
            Supply(env->page_size()),
            StoreMetrics(host)},
      reader(host, env, parts.generations),
      fullness(host, parts.space),
      purge(parts),
      mover(parts),
      writer(parts, purge, mover, fullness) {}

void Store::start(uint64_t token) {
  {
    const std::lock_guard lock(mutex_);
    activity_.begin_drain();  // so that a stop waits for the end of the start
  }
  host_.blocking([this, token] {
    const Status status = contain([this] { return open(); });
    if (!status) return start_failed(token, status);
    host_.complete(token, CHR_OK);
    drain();  // to purge what was left over, and to extend the file
  });
}

// Ends a start that failed. The store may be gone once the host is told.
void Store::start_failed(uint64_t token, const Status& status) {
  const Host host = host_;
  std::optional<uint64_t> stop;
  {
    const std::lock_guard lock(mutex_);
    stop = activity_.end_drain();
  }
  host.complete(token, status);
  if (stop) host.complete(*stop, CHR_OK);
}

Status Store::open() {
  const Space::Options space{setting(host_, "map_size"), setting(host_, "max_size"),
                             setting(host_, "preallocate")};
  const std::string directory(from_abi(host_.node().directory));
  CHRONIK_TRY(const std::shared_ptr<Env> env,
              Env::open({directory, space.limit(), kMaxReaders, space.slack()}));
  opened_ = std::make_unique<Opened>(host_, env, space, groups_, failure_);
  StoreParts& parts = opened_->parts;
  CHRONIK_CHECK(Recovery(host_, *parts.env, parts.generations->transactions(), parts.space, groups_).run());
  parts.metrics.note_groups(groups_.count());
  parts.note_sizes();
  return {};
}

bool Store::stop(uint64_t token) {
  const std::lock_guard lock(mutex_);
  queue_.release_all();
  return activity_.begin_stop(token);
}

void Store::end_read() {
  std::optional<uint64_t> token;
  {
    const std::lock_guard lock(mutex_);
    token = activity_.end_read();
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
    if (failure_.has_failed()) return report(error, CHR_E_IO, failure_.message());
    if (activity_.was_stopped()) return report(error, CHR_E_SHUTTING_DOWN, "the store is stopping");
    if (!queue_.has_room(copies))
      return report(error, CHR_E_OVERLOADED, "too many bytes wait to be written", CHR_ERROR_RETRIABLE);
    queue_.push(std::move(copies));
    start_drain = activity_.begin_drain();
  }
  if (start_drain) host_.blocking([this] { drain(); });
  return CHR_PENDING;
}

void Store::drain() {
  Space& space = opened_->parts.space;
  for (;;) {
    Batch batch;
    std::set<uint64_t> held;
    {
      const std::lock_guard lock(mutex_);
      held = queue_.held();
    }
    opened_->purge.begin_round(opened_->fullness.is_full(), std::move(held));
    look_ahead();
    {
      const std::lock_guard lock(mutex_);
      release_held();
      batch = queue_.take_batch();
    }
    hold_blocked(batch);
    if (opened_->purge.holds_writes()) look_ahead();
    if (!batch.empty()) {
      const uint64_t started = host_.now_ns();
      const BatchWriter::Verdicts verdicts = opened_->writer.write_batch(batch);
      {
        const std::lock_guard lock(mutex_);
        queue_.finish_batch(batch, host_.now_ns() - started);
      }
      complete(batch, verdicts);
      if (space.is_urgent() && space.wants_more()) space.extend();
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
    release_held();
    if (!queue_.is_idle() || (more && !activity_.is_stopping()) || look_ahead_.has_news()) return false;
    look_ahead_.end_drain();
    token = activity_.end_drain();
  }
  if (token) host_.complete(*token, CHR_OK);
  return true;
}

void Store::complete(const Batch& batch, const BatchWriter::Verdicts& verdicts) {
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

bool Store::maintain() {
  if (failure_.has_failed()) return false;
  Purge& purge = opened_->purge;
  if (purge.is_wanted() && purge.can_remove())
    return purge.remove_slice();  // else the next drain tries again
  if (opened_->mover.is_at_work() && opened_->mover.go_on()) return true;
  Space& space = opened_->parts.space;
  if (!space.wants_more()) return false;
  space.extend();
  return true;
}

// ---- what waits for a purge ----

void Store::hold_blocked(Batch& batch) {
  std::set<uint64_t> blocked = opened_->purge.find_blocked(batch);
  if (blocked.empty()) return;
  const std::lock_guard lock(mutex_);
  std::erase_if(blocked, [this](uint64_t group) { return look_ahead_.has_to_wait(group); });
  if (blocked.empty() || activity_.is_stopping() || failure_.has_failed()) return;
  queue_.hold_back(batch, blocked);
  opened_->purge.hurry(queue_.held());
}

void Store::release_held() {
  if (failure_.has_failed() || opened_->purge.is_refused()) {
    queue_.release_all();
    return;
  }
  const std::set<uint64_t> held = queue_.held();
  for (const uint64_t group : held)
    if (look_ahead_.has_to_wait(group) || !groups_.to_purge().contains(group)) queue_.release(group);
}

void Store::look_ahead() {
  Purge& purge = opened_->purge;
  std::optional<uint64_t> next;
  {
    const std::lock_guard lock(mutex_);
    purge.add_warm(look_ahead_.take_news(), host_.now_ns());
    if (look_ahead_.is_reading() || activity_.is_stopping() || failure_.has_failed()) return;
    next = purge.next_to_read([this](uint64_t group) { return look_ahead_.has_to_wait(group); });
    if (!next) return;
    look_ahead_.begin_read();
    activity_.begin_read();
  }
  read_lane_->run([this, id = *next, end = purge.end_of_gone(*next)] {
    StoreParts& parts = opened_->parts;
    looked_ahead(id, contain([&] { return warm(*parts.env, parts.generations->transactions(), id, end); }));
    end_read();
  });
}

void Store::looked_ahead(uint64_t group, const Result<uint64_t>& below) {
  if (!below) host_.warn("cannot remove what was dropped or trimmed: " + below.error().message);
  bool start_drain = false;
  {
    const std::lock_guard lock(mutex_);
    look_ahead_.end_read(group, below);
    if (!activity_.is_stopping() || !queue_.is_idle()) start_drain = activity_.begin_drain();
  }
  if (start_drain) host_.blocking([this] { drain(); });
}

// ---- reads ----

template <class F>
chr_status Store::on_blocking(F fn, chr_error* error) {
  {
    const std::lock_guard lock(mutex_);
    if (activity_.is_stopping() || opened_ == nullptr)
      return report(error, CHR_E_SHUTTING_DOWN, "the store is not running");
    activity_.begin_read();
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
        // mutant damage-fails-store: const Status status = opened_->reader.read(copy, log.first, out); if
        //     (!status && status.error().code == Code::kCorrupt) failure_.fail(status.error());
        const Status status = opened_->reader.read(copy, log.first, out);
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
        const auto found = contain([&] { return opened_->reader.find(group, log.first, by, value); });
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
        const Result<chr_slice> found = contain([&] { return opened_->reader.get(group, name); });
        if (found) *out = *found;
        host_.complete(token, found ? Status{} : Status(std::unexpected(found.error())));
      },
      error);
}

// ---- groups ----

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
  if (opened_ == nullptr) return CHR_E_UNAVAILABLE;
  const StoreParts& parts = opened_->parts;
  out->full = opened_->fullness.is_full() ? 1 : 0;
  out->used_bytes = parts.used_bytes();
  out->file_bytes = parts.space.file_bytes();
  out->capacity_bytes = parts.space.reachable_capacity();
  return CHR_OK;
}

}  // namespace chronik::storage_lmdb
