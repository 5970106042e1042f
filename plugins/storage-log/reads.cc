#include "storage-log/reads.h"

namespace chronik::storage_log {
namespace {

constexpr uint32_t kReadsAtOnce = 8;  // of the host's blocking threads

Result<chr_slice> copy_of(const Host& host, const std::string& bytes) {
  chr_slice out{};
  if (host.alloc(bytes.size(), &out) != CHR_OK)
    return fail(Code::kOverloaded, "the host has no memory for a read");
  bytes.copy(reinterpret_cast<char*>(const_cast<uint8_t*>(out.p)), bytes.size());
  return out;
}

}  // namespace

Reads::Reads(StoreParts& parts, RunTurn run_turn)
    : parts_(parts),
      run_turn_(std::move(run_turn)),
      lane_(std::make_shared<BlockingLane>(parts.host, kReadsAtOnce)),
      values_lane_(std::make_shared<BlockingLane>(parts.host, 1)) {}

template <class F>
chr_status Reads::on_blocking(BlockingLane& lane, F fn, chr_error* error) {
  {
    const std::lock_guard lock(parts_.mutex);
    if (is_stopped_) return report(error, CHR_E_SHUTTING_DOWN, "the store is not running");
    ++running_;
  }
  lane.run([this, job = std::optional<F>(std::move(fn))]() mutable {
    (*job)();
    job.reset();  // what it holds of the store goes while there is one
    ended();      // the store may be gone then
  });
  return CHR_PENDING;
}

// It counts until its turn: the store is there that long.
void Reads::ended() {
  {
    const std::lock_guard lock(parts_.mutex);
    const bool has_news = is_stopped_ || !parts_.segments.failure();
    if (!has_news) --running_;
    if (!has_news) return;
  }
  run_turn_([this](Turn&) { --running_; });
}

Result<std::shared_ptr<GroupLog>> Reads::log_of(uint64_t id) const {
  const std::lock_guard lock(parts_.mutex);
  const std::shared_ptr<Group> group = parts_.groups.find(id);
  if (group == nullptr) return fail(Code::kNotFound, "no such group");
  return group->log;
}

chr_status Reads::read(const chr_storage_read* args, chr_entries* out, uint64_t token, chr_error* error) {
  out->n = 0;
  out->entries = nullptr;
  out->lease = nullptr;
  const Result<std::shared_ptr<GroupLog>> log = log_of(args->group);
  if (!log) return report(error, log.error());
  const Result<bool> now = parts_.reader.read(**log, *args, Wait::kNever, out);
  if (!now) return report(error, now.error());
  if (*now) return CHR_OK;
  return on_blocking(
      *lane_,
      [this, copy = *args, log = *log, out, token] {
        const Result<bool> read = parts_.reader.read(*log, copy, Wait::kMay, out);
        chr_done done{};
        done.token = token;
        if (!read) {
          done.code = static_cast<chr_status>(read.error().code);
          done.message = to_abi(read.error().message);
        }
        done.u[0] = out->n;
        parts_.host.complete(&done, 1);
      },
      error);
}

chr_status Reads::find(uint64_t group, int32_t by, int64_t value, chr_entry_header* out, uint64_t token,
                       chr_error* error) {
  if (by < CHR_FIND_OFFSET || by > CHR_FIND_MAX_TIMESTAMP)
    return report(error, CHR_E_INVALID_ARGUMENT, "unknown kind of find");
  const Result<std::shared_ptr<GroupLog>> log = log_of(group);
  if (!log) return report(error, log.error());
  const Result<bool> now = parts_.reader.find(**log, by, value, Wait::kNever, out);
  if (!now) return report(error, now.error());
  if (*now) return CHR_OK;
  return on_blocking(
      *lane_,
      [this, log = *log, by, value, out, token] {
        const Result<bool> found = parts_.reader.find(*log, by, value, Wait::kMay, out);
        parts_.host.complete(token, found ? Status{} : Status(std::unexpected(found.error())));
      },
      error);
}

Result<StoredValue> Reads::value_of(uint64_t id, std::string_view key) const {
  const std::lock_guard lock(parts_.mutex);
  const std::shared_ptr<Group> group = parts_.groups.find(id);
  if (group == nullptr) return fail(Code::kNotFound, "no such group");
  if (!group->damage.empty()) return fail(Code::kCorrupt, group->damage);
  const StoredValue* value = group->keys.find(key);
  if (value == nullptr) return fail(Code::kNotFound, "no such key");
  return *value;
}

chr_status Reads::get(uint64_t group, chr_str key, chr_slice* out, uint64_t token, chr_error* error) {
  const Result<StoredValue> value = value_of(group, from_abi(key));
  if (!value) return report(error, value.error());
  if (value->file == 0) {
    const Result<chr_slice> copy = copy_of(parts_.host, value->bytes);
    if (!copy) return report(error, copy.error());
    *out = *copy;
    return CHR_OK;
  }
  return on_blocking(
      *values_lane_,
      [this, group, name = std::string(from_abi(key)), out, token] {
        const Result<chr_slice> found = read_value(group, name);
        if (found) *out = *found;
        parts_.host.complete(token, found ? Status{} : Status(std::unexpected(found.error())));
      },
      error);
}

Result<chr_slice> Reads::read_value(uint64_t group, std::string_view key) {
  for (;;) {
    CHRONIK_TRY(const StoredValue value, value_of(group, key));
    if (value.file == 0) return copy_of(parts_.host, value.bytes);
    Result<chr_slice> found = parts_.values.read(group, value.file, value);
    if (found || found.error().code != Code::kNotFound) return found;
    // Replaced meanwhile, or lost.
    const Result<StoredValue> now = value_of(group, key);
    if (now && now->file == value.file) {
      return fail(Code::kCorrupt,
                  "the file " + value_name(group, value.file) + " of a key is missing on disk");
    }
  }
}

chr_status Reads::bounds(uint64_t id, chr_storage_bounds* out) const {
  const std::lock_guard lock(parts_.mutex);
  const std::shared_ptr<Group> group = parts_.groups.find(id);
  if (group == nullptr) return CHR_E_NOT_FOUND;
  if (!group->damage.empty()) return CHR_E_CORRUPT;
  group->log->bounds(out);
  return CHR_OK;
}

}  // namespace chronik::storage_log
