#include "storage-memory/store.h"

#include "storage-memory/schema.h"

#include <chronik/entries_lease.hpp>

namespace chronik::storage_memory {
namespace {

constexpr uint64_t kMaxFrame = 64u << 20;
// What data must leave free, so that control writes, trims and drops still pass when the store is full.
constexpr uint64_t reserve(Growth growth, uint64_t capacity) {
  return growth == Growth::kData ? capacity / 16 : growth == Growth::kControl ? capacity / 64 : 0;
}

// References on buffers that never change; the log keeps them as well, so none is wanted back.
struct Payloads {
  std::vector<Lease> leases;
  bool is_recalled() const { return false; }
};

}  // namespace

Store::Store(Host host)
    : host_(host),
      capacity_(setting(host, "capacity")),
      queue_limit_(setting(host, "queue_bytes")),
      state_(host) {}

Result<Progress> Store::start(uint64_t token) {
  if (setting(host_, "journal") == 0) return Progress::kDone;
  CHRONIK_TRY(const Files files, Files::of(host_));
  journal_.emplace(host_, files);
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;  // so that a stop waits for the end of the start
  }
  host_.blocking([this, token] { finish_start(token); });
  return Progress::kPending;
}

void Store::finish_start(uint64_t token) {
  State recovered(host_);
  const Status status = journal_->recover(recovered);
  if (status) {
    const std::lock_guard lock(mutex_);
    state_ = std::move(recovered);
  }
  host_.complete(token, status);
  drain();
}

bool Store::stop(uint64_t token) {
  const std::lock_guard lock(mutex_);
  if (!refuse_all_) refuse_all_ = Error{Code::kShuttingDown, "the store is stopping"};
  if (!draining_) return true;
  stop_token_ = token;
  return false;
}

chr_status Store::open_group(chr_str name, uint64_t* group, chr_error* error) {
  if (name.n == 0 || name.n > kMaxGroupName)
    return report(error, CHR_E_INVALID_ARGUMENT, "a group's name must have 1 to 255 bytes");
  const std::lock_guard lock(mutex_);
  *group = state_.open(from_abi(name));
  return CHR_OK;
}

void Store::list_groups(void(CHR_CALL* fn)(void*, chr_str, uint64_t), void* context) {
  std::vector<std::pair<std::string, uint64_t>> groups;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, group] : state_.groups()) {
      if (group.durable) groups.emplace_back(group.name, id);
    }
  }
  for (const auto& [name, id] : groups) fn(context, to_abi(name), id);
}

chr_status Store::write(const chr_storage_write* writes, uint32_t n, chr_error* error) {
  uint64_t bytes = 0;
  Batch copies;
  copies.reserve(n);
  for (uint32_t i = 0; i < n; ++i) {
    if (const Status status = check_steps(writes[i]); !status) return report(error, status.error());
    bytes += copies.emplace_back(writes[i]).bytes();
  }
  bool start_drain = false;
  {
    const std::lock_guard lock(mutex_);
    if (refuse_all_) return report(error, *refuse_all_);
    if (queued_bytes_ != 0 && queued_bytes_ + bytes > queue_limit_ &&
        !std::ranges::all_of(copies, is_small_keys))
      return report(error, CHR_E_OVERLOADED, "too many bytes wait to be written", CHR_ERROR_RETRIABLE);
    queued_bytes_ += bytes;
    for (OwnedWrite& copy : copies) queue_.push_back(std::move(copy));
    start_drain = !std::exchange(draining_, true);
  }
  if (start_drain) host_.blocking([this] { drain(); });
  return CHR_PENDING;
}

bool Store::take_batch(Batch* batch) {
  std::optional<uint64_t> stopped;
  {
    const std::lock_guard lock(mutex_);
    for (const OwnedWrite& write : *batch) queued_bytes_ -= write.bytes();
    batch->clear();
    Batch rest;
    uint64_t bytes = 0;
    for (OwnedWrite& write : queue_) {
      bytes += write.bytes();
      const bool fits = batch->empty() || (rest.empty() && bytes <= kMaxFrame);
      (fits ? *batch : rest).push_back(std::move(write));
    }
    queue_.swap(rest);
    if (!batch->empty()) return true;
    draining_ = false;
    stopped = std::exchange(stop_token_, std::nullopt);
  }
  if (stopped) host_.complete(*stopped, CHR_OK);
  return false;
}

void Store::drain() {
  Batch batch;
  while (take_batch(&batch)) commit(batch);
}

void Store::commit(const Batch& batch) {
  FrameWriter frame;
  BatchFences fences;
  std::vector<Verdict> verdicts = judge_all(batch, &fences, &frame);
  Status status;
  if (journal_ && !frame.empty()) status = journal_->commit(frame);
  if (status) {
    keep_fences(fences);
  } else {
    fail_all(batch, verdicts, status.error());
  }
  apply(batch, verdicts);
  complete(batch, verdicts);
  if (journal_) compact();
}

std::vector<Store::Verdict> Store::judge_all(const Batch& batch, BatchFences* fences, FrameWriter* frame) {
  const std::lock_guard lock(mutex_);
  std::vector<Verdict> verdicts;
  Pending pending{{}, fences};
  uint64_t growth = 0;
  for (const OwnedWrite& write : batch) {
    const Group* group = state_.find(write.group());
    verdicts.push_back(failed_ ? Verdict{CHR_E_IO, refuse_all_->message} : judge(write, pending, &growth));
    if (!journal_ || verdicts.back().code != CHR_OK) continue;
    if (!group->durable) {
      chr_storage_step step{};
      step.type = kStepGroup;
      step.key = to_abi(group->name);
      frame->add_step(write.group(), step);
    }
    for (const chr_storage_step& step : write.steps()) frame->add_step(write.group(), step);
  }
  return verdicts;
}

void Store::compact() {
  const std::lock_guard lock(mutex_);
  if (failed_) return;
  const Status status = journal_->compact_if_due(state_);
  if (status) return;
  failed_ = true;
  refuse_all_ = Error{Code::kIo, status.error().message};
  host_.error("the store cannot go on: " + status.error().message);
}

Store::Verdict Store::judge(const OwnedWrite& write, Pending& pending, uint64_t* growth) {
  Group* group = state_.find(write.group());
  std::vector<chr_storage_step>& before = pending.steps[write.group()];
  const bool dropped = !before.empty() && before.back().type == CHR_STORAGE_DROP;
  if (group == nullptr || dropped) return {CHR_E_INVALID_ARGUMENT, "a write to a group that does not exist"};
  AppendFence& fence = pending.fences->of(write.group(), group->fence);
  if (fence.refuses(write)) return {CHR_E_NO_SPACE, "an earlier append of this group was refused"};

  std::vector<chr_storage_step> steps = before;
  steps.insert(steps.end(), write.steps().begin(), write.steps().end());
  for (size_t i = before.size(); i < steps.size(); ++i) {
    if (steps[i].type != CHR_STORAGE_APPEND || steps[i].n == 0) continue;
    const uint64_t last =
        last_index_before(steps, i, [group](uint64_t limit) { return group->log.last_below(limit); });
    if (steps[i].entries[0].header.index <= last)
      return {CHR_E_INVALID_ARGUMENT, "an append must start above the last index " + std::to_string(last)};
  }
  const uint64_t more = State::growth(write);
  if (write.growth() != Growth::kNone &&
      state_.bytes() + *growth + more > capacity_ - reserve(write.growth(), capacity_)) {
    fence.refused(write);
    return {CHR_E_NO_SPACE, "the store is full: " + std::to_string(capacity_) + " bytes (storage.capacity)"};
  }
  *growth += more;
  before.swap(steps);
  fence.applied(write);
  return {};
}

void Store::keep_fences(const BatchFences& fences) {
  const std::lock_guard lock(mutex_);
  fences.publish([this](uint64_t id, const AppendFence& fence) {
    if (Group* group = state_.find(id)) group->fence = fence;
  });
}

void Store::fail_all(const Batch& batch, std::vector<Verdict>& verdicts, const Error& error) {
  const bool full = error.code == Code::kNoSpace;
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < batch.size(); ++i) {
    if (verdicts[i].code == CHR_E_INVALID_ARGUMENT) continue;
    if (verdicts[i].code == CHR_OK) verdicts[i] = {full ? CHR_E_NO_SPACE : CHR_E_IO, error.message};
    if (Group* group = state_.find(batch[i].group())) group->fence.refused(batch[i]);
  }
  if (full) return;
  failed_ = true;
  refuse_all_ = Error{Code::kIo, error.message};
}

void Store::apply(const Batch& batch, std::vector<Verdict>& verdicts) {
  const std::lock_guard lock(mutex_);
  bool full = false;
  for (size_t i = 0; i < batch.size(); ++i) {
    full |= verdicts[i].code == CHR_E_NO_SPACE;
    if (verdicts[i].code != CHR_OK) continue;
    for (const chr_storage_step& step : batch[i].steps()) {
      const Status status = state_.apply(batch[i].group(), step);
      if (!status) host_.fatal("storage-memory cannot apply a write: " + status.error().message);
    }
  }
  note_full(full);
}

void Store::note_full(bool full) {
  if (full == full_) return;
  full_ = full;
  if (full) {
    host_.warn("the store is full: writes are refused until space returns",
               "capacity=" + std::to_string(capacity_));
    host_.health("space", CHR_HEALTH_DEGRADED, "the store is full");
  } else {
    host_.info("the store has space again");
    host_.health("space", CHR_HEALTH_READY);
  }
}

void Store::complete(const Batch& batch, const std::vector<Verdict>& verdicts) {
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

chr_status Store::read(const chr_storage_read* args, chr_entries* out, uint64_t, chr_error* error) {
  out->n = 0;
  out->entries = nullptr;
  out->lease = nullptr;
  const std::lock_guard lock(mutex_);
  const Group* group = state_.find(args->group);
  if (group == nullptr) return report(error, CHR_E_NOT_FOUND, "no such group");
  const bool header_only = args->headers_only != 0;
  auto answer = std::make_unique<EntriesLease<Payloads>>();
  uint64_t bytes = 0;
  const Log& log = group->log;
  for (auto at = log.at_or_after(args->from); at != log.entries().end(); ++at) {
    if (args->to != 0 && at->header.index >= args->to) break;
    if (args->max_entries != 0 && answer->size() == args->max_entries) break;
    if (!header_only && !answer->empty() && bytes + at->header.bytes > args->max_bytes) break;
    answer->add(at->header, header_only ? nullptr : at->payload, at->header.bytes);
    if (!header_only) answer->held().leases.push_back(at->lease);
    bytes += at->header.bytes;
  }
  EntriesLease<Payloads>::publish(std::move(answer), out);
  return CHR_OK;
}

chr_status Store::find(uint64_t id, int32_t by, int64_t value, chr_entry_header* out, uint64_t,
                       chr_error* error) {
  if (by < CHR_FIND_OFFSET || by > CHR_FIND_MAX_TIMESTAMP)
    return report(error, CHR_E_INVALID_ARGUMENT, "unknown kind of find");
  const std::lock_guard lock(mutex_);
  const Group* group = state_.find(id);
  if (group == nullptr) return report(error, CHR_E_NOT_FOUND, "no such group");
  const std::optional<chr_entry_header> found = group->log.find(by, value);
  if (!found) return report(error, CHR_E_NOT_FOUND, "no such entry");
  *out = *found;
  return CHR_OK;
}

chr_status Store::get(uint64_t id, chr_str key, chr_slice* out, uint64_t, chr_error* error) {
  const std::lock_guard lock(mutex_);
  const Group* group = state_.find(id);
  if (group == nullptr) return report(error, CHR_E_NOT_FOUND, "no such group");
  const auto found = group->keys.find(from_abi(key));
  if (found == group->keys.end()) return report(error, CHR_E_NOT_FOUND, "no such key");
  const Value& value = found->second;
  *out = {value.bytes, value.n, Lease(value.lease).release()};
  return CHR_OK;
}

chr_status Store::bounds(uint64_t id, chr_storage_bounds* out) {
  const std::lock_guard lock(mutex_);
  const Group* group = state_.find(id);
  if (group == nullptr) return CHR_E_NOT_FOUND;
  out->first_index = group->log.first_index();
  out->last_index = group->log.last_index();
  out->entries = group->log.entries().size();
  out->bytes = group->log.bytes();
  return CHR_OK;
}

chr_status Store::usage(chr_storage_usage* out) {
  const std::lock_guard lock(mutex_);
  out->full = full_ ? 1 : 0;
  out->used_bytes = state_.bytes();
  out->file_bytes = journal_ ? journal_->size() : 0;
  out->capacity_bytes = capacity_;
  return CHR_OK;
}

}  // namespace chronik::storage_memory
