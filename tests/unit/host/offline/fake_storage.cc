// A storage for the tests of `storage check` and `storage copy`, which fails, ends its process and lies on
// demand.
#include "tests/unit/host/offline/fake_store.h"

#include <chronik/storage_admin_plugin.hpp>
#include <chronik/storage_plugin.hpp>
#include <chronik/storage_write.hpp>

#include <atomic>
#include <csignal>
#include <mutex>

namespace chronik::host::testing {
namespace {

constexpr chr_config_key kSchema[] = {
    config_key("kill_at_write", CHR_CONFIG_INT, "0", "The write with which its process is killed; 0: none.",
               0, 1000),
    config_key("full_at_write", CHR_CONFIG_INT, "0", "The write from which on it is full; 0: none.", 0, 1000),
    config_key("lost_entry", CHR_CONFIG_INT, "0", "The entry that it acknowledges and forgets; 0: none.", 0,
               1000),
    config_key("narrow", CHR_CONFIG_BOOL, "false", "One write at a time, and no queue."),
    config_key("crash_in_check", CHR_CONFIG_BOOL, "false", "Its check ends with a signal."),
};

std::string folder_of(const Host& host) { return std::string(from_abi(host.node().directory)); }

chr_slice slice_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size(), nullptr};
}

class StoppedFake {
 public:
  static Result<std::unique_ptr<StoppedFake>> open(const Host& host) {
    auto stopped = std::make_unique<StoppedFake>();
    CHRONIK_TRY(stopped->store_, FakeStore::read(folder_of(host)));
    return stopped;
  }
  Status groups(const StorageGroupFn& fn) const {
    for (const auto& [id, g] : store_.groups) {
      const chr_storage_group out{sizeof out,
                                  CHR_OK,
                                  id,
                                  to_abi(g.name),
                                  g.log.empty() ? 0 : g.log.begin()->first,
                                  g.log.empty() ? 0 : g.log.rbegin()->first,
                                  g.log.size(),
                                  g.bytes()};
      if (!fn(out)) return stopped_by_caller();
    }
    return {};
  }
  Status keys(uint64_t group, std::string_view after, const StorageKeyFn& fn) {
    const auto& keys = store_.groups[group].keys;
    for (auto at = keys.upper_bound(after); at != keys.end(); ++at)
      if (!fn(at->first, slice_of(at->second))) return stopped_by_caller();
    return {};
  }
  Status entries(uint64_t group, uint64_t from, const StorageEntryFn& fn) {
    const auto& log = store_.groups[group].log;
    for (auto at = log.lower_bound(from); at != log.end(); ++at) {
      const std::string index = std::to_string(at->first);
      if (!at->second.is_whole) return fail(Code::kCorrupt, "the payload of entry " + index + " is damaged");
      if (!fn({at->second.header, slice_of(at->second.payload)})) return stopped_by_caller();
    }
    return {};
  }

 private:
  FakeStore store_;
};

class FakeChecker {
 public:
  static Status check(const Host& host, const StorageReportFn& report, chr_storage_check* seen) {
    if (host.config_int("crash_in_check") != 0) std::raise(SIGSEGV);
    CHRONIK_TRY(const FakeStore store, FakeStore::read(folder_of(host)));
    for (const auto& [id, group] : store.groups) {
      ++seen->groups;
      seen->keys += group.keys.size();
      seen->entries += group.log.size();
      seen->bytes += group.bytes();
      for (const auto& [index, entry] : group.log) {
        if (entry.is_whole) continue;
        ++seen->damages;
        if (!report(damage(group, index))) return stopped_by_caller();
      }
    }
    return {};
  }

 private:
  static chr_storage_report damage(const FakeGroup& group, uint64_t index) {
    chr_storage_report report{};
    report.struct_size = sizeof report;
    report.kind = CHR_REPORT_DAMAGE;
    report.group = group.id;
    report.name = to_abi(group.name);
    report.first_index = report.last_index = index;
    report.place = to_abi("fake");
    report.what = to_abi("its payload fails its check");
    return report;
  }
};

class FakeStorage final : public Plugin {
 public:
  static constexpr std::string_view kId = FAKE_ID, kVersion = "1.0.0";
  static std::span<const chr_config_key> schema() { return kSchema; }

  explicit FakeStorage(Host host) : host_(host), admin_(host) {}
  const void* service(std::string_view id, void** instance) override;
  Result<Progress> start(uint64_t) override {
    if (auto store = FakeStore::read(folder_of(host_))) store_ = std::move(*store);
    return Progress::kDone;
  }

  // ---- chr_storage_v1 ----
  chr_status open_group(chr_str name, uint64_t* group, chr_error*) {
    const std::lock_guard lock(mutex_);
    *group = store_.group(std::string(from_abi(name))).id;
    return CHR_OK;
  }
  void list_groups(void(CHR_CALL* fn)(void*, chr_str, uint64_t), void* context) {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, group] : store_.groups) fn(context, to_abi(group.name), id);
  }
  chr_status write(const chr_storage_write* writes, uint32_t n, chr_error* error) {
    if (host_.config_int("narrow") != 0 && waiting_ != 0)
      return report(error, CHR_E_OVERLOADED, "one at a time", CHR_ERROR_RETRIABLE);
    for (uint32_t i = 0; i < n; ++i) {
      ++waiting_;
      auto owned = std::make_shared<OwnedWrite>(writes[i]);
      host_.blocking([this, owned] {
        const Status status = apply(*owned);
        --waiting_;
        host_.complete(owned->token(), status);
      });
    }
    return CHR_PENDING;
  }
  chr_status read(const chr_storage_read*, chr_entries*, uint64_t, chr_error*) { return CHR_E_UNSUPPORTED; }
  chr_status find(uint64_t, int32_t, int64_t, chr_entry_header*, uint64_t, chr_error*) {
    return CHR_E_UNSUPPORTED;
  }
  chr_status get(uint64_t, chr_str, chr_slice*, uint64_t, chr_error*) { return CHR_E_UNSUPPORTED; }
  chr_status bounds(uint64_t group, chr_storage_bounds* out) {
    const std::lock_guard lock(mutex_);
    const FakeGroup& g = store_.groups[group];
    out->entries = g.log.size();
    out->bytes = g.bytes();
    out->first_index = g.log.empty() ? 0 : g.log.begin()->first;
    out->last_index = g.log.empty() ? 0 : g.log.rbegin()->first;
    return CHR_OK;
  }
  chr_status usage(chr_storage_usage*) { return CHR_OK; }

 private:
  static std::string text_of(const chr_slice& slice) {
    return {reinterpret_cast<const char*>(slice.p), static_cast<size_t>(slice.n)};
  }
  bool is_reached(std::string_view key) const {
    return host_.config_int(key) != 0 && writes_ >= host_.config_int(key);
  }

  Status apply(const OwnedWrite& write) {
    const std::lock_guard lock(mutex_);
    ++writes_;
    if (is_reached("kill_at_write")) std::raise(SIGKILL);
    if (is_reached("full_at_write")) return fail(Code::kNoSpace, "the fake disk is full");
    FakeGroup& group = store_.groups.at(write.group());
    for (const chr_storage_step& step : write.steps()) {
      if (step.type == CHR_STORAGE_PUT) group.keys[std::string(from_abi(step.key))] = text_of(step.value);
      for (uint32_t i = 0; step.type == CHR_STORAGE_APPEND && i < step.n; ++i) {
        const chr_entry& entry = step.entries[i];
        if (!group.log.empty() && entry.header.index <= group.log.rbegin()->first)
          return fail(Code::kInvalidArgument, "an entry that is there already was written again");
        if (entry.header.index != static_cast<uint64_t>(host_.config_int("lost_entry")))
          group.log[entry.header.index] = {entry.header, text_of(entry.payload), true};
      }
    }
    store_.write(folder_of(host_));
    return {};
  }

  Host host_;
  std::mutex mutex_;
  FakeStore store_;
  int64_t writes_ = 0;
  std::atomic<int> waiting_{0};
  StorageAdminService<StoppedFake, FakeChecker> admin_;
};

const void* FakeStorage::service(std::string_view id, void** instance) {
  if (id == CHR_STORAGE_ADMIN_ID) return admin_.table(instance);
  if (id != CHR_STORAGE_ID) return nullptr;
  *instance = this;
  return &kStorageTable<FakeStorage>;
}

}  // namespace

CHRONIK_PLUGIN(FakeStorage)

}  // namespace chronik::host::testing
