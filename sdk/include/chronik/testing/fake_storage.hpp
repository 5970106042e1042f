// FakeStorage: chronik.storage/1 for unit tests of a plugin that stands on it, in memory.
//
//     FakeHost host;
//     FakeStorage storage(&host);     // now found by Storage::acquire()
//     host.hold_blocking(true);       // a disk that does not answer: writes wait
//     storage.set_capacity(1 << 20);  // beyond it data is refused with NO_SPACE
//     storage.fail_writes(CHR_E_IO);  // what each further write comes to; CHR_OK: no more
//
// A write is applied, and counts as durable, in a run() of the host, one after the other in the order of the
// calls; reads are answered at once. What is there outlives the plugin, as long as the fake.
#pragma once

#include <chronik/storage_write.hpp>

#include <chronik/call.hpp>
#include <chronik/plugin.hpp>
#include <chronik/testing/fake_host.hpp>
#include <deque>
#include <map>
#include <optional>

namespace chronik::testing {

class FakeStorage {
 public:
  explicit FakeStorage(FakeHost* host) : host_(host->core()) {
    host->provide(CHR_STORAGE_ID, &table(), this);
  }
  FakeStorage(const FakeStorage&) = delete;
  FakeStorage& operator=(const FakeStorage&) = delete;

  // Bytes of payloads, keys and values.
  void set_capacity(uint64_t bytes) { capacity_ = bytes; }
  void fail_writes(chr_status code) { failure_ = code; }

  static const chr_storage_v1& table() {
    static constexpr chr_storage_v1 out = {
        sizeof out,
        1,
        thunk<&FakeStorage::open_group>,
        [](void* self, void(CHR_CALL * fn)(void*, chr_str, uint64_t), void* context) {
          for (const auto& [id, group] : static_cast<FakeStorage*>(self)->groups_)
            if (group.durable) fn(context, to_abi(group.name), id);
        },
        thunk<&FakeStorage::write>,
        thunk<&FakeStorage::read>,
        thunk<&FakeStorage::find>,
        thunk<&FakeStorage::get>,
        thunk<&FakeStorage::bounds>,
        thunk<&FakeStorage::usage>,
    };
    return out;
  }

 private:
  struct Entry {
    chr_entry_header header;
    std::string payload;
  };
  struct Group {
    std::string name;
    bool durable = false;
    std::map<uint64_t, Entry> log;  // by index
    std::map<std::string, std::string, std::less<>> keys;
    AppendFence fence;

    uint64_t bytes() const {
      uint64_t sum = 0;
      for (const auto& [index, entry] : log) sum += entry.payload.size();
      for (const auto& [key, value] : keys) sum += key.size() + value.size();
      return sum;
    }
    uint64_t last_below(uint64_t limit) const {
      const auto at = log.lower_bound(limit);
      return at == log.begin() ? 0 : std::prev(at)->first;
    }
  };

  static std::string string_of(const chr_slice& slice) {
    return {reinterpret_cast<const char*>(slice.p), static_cast<size_t>(slice.n)};
  }
  static uint64_t payload_of(const OwnedWrite& write) {
    uint64_t sum = 0;
    for (const chr_storage_step& step : write.steps())
      for (uint32_t i = 0; i < step.n; ++i) sum += step.entries[i].payload.n;
    return sum;
  }
  uint64_t used_bytes() const {
    uint64_t sum = 0;
    for (const auto& [id, group] : groups_) sum += group.bytes();
    return sum;
  }
  Group* find_group(uint64_t id) {
    const auto found = groups_.find(id);
    return found == groups_.end() ? nullptr : &found->second;
  }

  // ---- writes ----
  void commit_next() {
    const OwnedWrite write = std::move(queue_.front());
    queue_.pop_front();
    host_.complete(write.token(), commit(write));
  }
  Status commit(const OwnedWrite& write) {
    Group* const group = find_group(write.group());
    if (group == nullptr) return fail(Code::kInvalidArgument, "a write to a group that does not exist");
    if (group->fence.refuses(write))
      return fail(Code::kNoSpace, "an earlier append of this group was refused");
    CHRONIK_CHECK(check_appends(write, [group](uint64_t limit) { return group->last_below(limit); }));
    full_ = failure_ == CHR_E_NO_SPACE ||
            (write.growth() == Growth::kData && used_bytes() + payload_of(write) > capacity_);
    if (full_) {
      group->fence.refused(write);
      return fail(Code::kNoSpace, "the store is full");
    }
    CHRONIK_CHECK(to_status(failure_, "the test lets writes fail"));
    group->fence.applied(write);
    group->durable = true;
    for (const chr_storage_step& step : write.steps()) apply(write.group(), step);
    return {};
  }
  void apply(uint64_t id, const chr_storage_step& step) {
    Group& group = groups_.at(id);
    if (step.type == CHR_STORAGE_TRUNCATE)
      group.log.erase(group.log.lower_bound(step.index), group.log.end());
    if (step.type == CHR_STORAGE_TRIM) group.log.erase(group.log.begin(), group.log.lower_bound(step.index));
    if (step.type == CHR_STORAGE_APPEND)
      for (const chr_entry& entry : std::span(step.entries, step.n))
        group.log[entry.header.index] = {entry.header, string_of(entry.payload)};
    if (step.type == CHR_STORAGE_PUT)
      group.keys.insert_or_assign(std::string(from_abi(step.key)), string_of(step.value));
    if (step.type == CHR_STORAGE_DELETE) group.keys.erase(std::string(from_abi(step.key)));
    if (step.type != CHR_STORAGE_DROP) return;
    ids_.erase(group.name);
    groups_.erase(id);
  }

  // ---- chr_storage_v1, where the rules stand ----
  chr_status open_group(chr_str name, uint64_t* id, chr_error* error) {
    if (name.n == 0 || name.n > kMaxGroupName)
      return report(error, CHR_E_INVALID_ARGUMENT, "a group's name must have 1 to 255 bytes");
    const auto [known, is_new] = ids_.try_emplace(std::string(from_abi(name)), next_id_);
    if (is_new) groups_[next_id_++].name = known->first;
    *id = known->second;
    return CHR_OK;
  }
  chr_status write(const chr_storage_write* writes, uint32_t n, chr_error* error) {
    for (const chr_storage_write& write : std::span(writes, n))
      if (const Status status = check_steps(write); !status) return report(error, status.error());
    for (const chr_storage_write& write : std::span(writes, n)) {
      queue_.emplace_back(write);
      host_.blocking([this] { commit_next(); });
    }
    return CHR_PENDING;
  }
  chr_status read(const chr_storage_read* args, chr_entries* out, uint64_t, chr_error* error) {
    out->n = 0;
    out->entries = nullptr;
    out->lease = nullptr;
    const Group* const group = find_group(args->group);
    if (group == nullptr) return report(error, CHR_E_NOT_FOUND, "no such group");
    std::vector<const Entry*> wanted;
    uint64_t bytes = 0;
    for (auto at = group->log.lower_bound(args->from); at != group->log.end(); ++at) {
      if (args->to != 0 && at->first >= args->to) break;
      if (args->max_entries != 0 && wanted.size() == args->max_entries) break;
      if (args->headers_only == 0) bytes += at->second.payload.size();
      if (!wanted.empty() && bytes > args->max_bytes) break;
      wanted.push_back(&at->second);
    }
    if (!wanted.empty()) lend(wanted, args->headers_only == 0, out);
    return CHR_OK;
  }
  // Entries, then their payloads, in one buffer.
  static void lend(const std::vector<const Entry*>& entries, bool payloads, chr_entries* out) {
    uint64_t size = entries.size() * sizeof(chr_entry);
    for (const Entry* entry : entries) size += payloads ? entry->payload.size() : 0;
    const chr_slice buffer = FakeBuffer::make(size);
    auto* const to = reinterpret_cast<chr_entry*>(const_cast<uint8_t*>(buffer.p));
    auto* bytes = reinterpret_cast<uint8_t*>(to + entries.size());
    for (size_t i = 0; i < entries.size(); ++i) {
      const std::string& payload = entries[i]->payload;
      to[i] = {entries[i]->header, {}};
      if (!payloads) continue;
      to[i].payload = {bytes, payload.size(), nullptr};
      bytes = std::ranges::copy(payload, bytes).out;
    }
    out->n = static_cast<uint32_t>(entries.size());
    out->entries = to;
    out->lease = buffer.lease;
  }
  chr_status find(uint64_t id, int32_t by, int64_t value, chr_entry_header* out, uint64_t, chr_error* error) {
    const Group* const group = find_group(id);
    if (group == nullptr) return report(error, CHR_E_NOT_FOUND, "no such group");
    const chr_entry_header* found = nullptr;
    for (const auto& [index, entry] : group->log) {
      const chr_entry_header& header = entry.header;
      if (header.records == 0) continue;
      const bool is_largest = found == nullptr || header.max_timestamp > found->max_timestamp;
      if (by == CHR_FIND_OFFSET      ? header.base_offset + header.records > value
          : by == CHR_FIND_TIMESTAMP ? header.max_timestamp >= value
                                     : is_largest)
        found = &header;
      if (found != nullptr && by != CHR_FIND_MAX_TIMESTAMP) break;
    }
    if (found == nullptr) return report(error, CHR_E_NOT_FOUND, "no such entry");
    *out = *found;
    return CHR_OK;
  }
  chr_status get(uint64_t id, chr_str key, chr_slice* out, uint64_t, chr_error* error) {
    const Group* const group = find_group(id);
    if (group == nullptr) return report(error, CHR_E_NOT_FOUND, "no such group");
    const auto found = group->keys.find(from_abi(key));
    if (found == group->keys.end()) return report(error, CHR_E_NOT_FOUND, "no such key");
    *out = FakeBuffer::copy(found->second);
    return CHR_OK;
  }
  chr_status bounds(uint64_t id, chr_storage_bounds* out) {
    const Group* const group = find_group(id);
    if (group == nullptr) return CHR_E_NOT_FOUND;
    out->first_index = group->log.empty() ? 0 : group->log.begin()->first;
    out->last_index = group->last_below(UINT64_MAX);
    out->entries = group->log.size();
    out->bytes = 0;
    for (const auto& [index, entry] : group->log) out->bytes += entry.payload.size();
    return CHR_OK;
  }
  chr_status usage(chr_storage_usage* out) {
    out->full = full_ ? 1 : 0;
    out->used_bytes = used_bytes();
    out->file_bytes = 0;
    out->capacity_bytes = capacity_;
    return CHR_OK;
  }

  const Host host_;
  uint64_t capacity_ = 1ull << 30;
  chr_status failure_ = CHR_OK;
  bool full_ = false;
  std::deque<OwnedWrite> queue_;
  std::map<uint64_t, Group> groups_;
  std::map<std::string, uint64_t, std::less<>> ids_;
  uint64_t next_id_ = 1;
};

}  // namespace chronik::testing
