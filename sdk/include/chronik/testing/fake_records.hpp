// FakeRecords: chronik.metadata.records/1 for unit tests, beside a FakeMetadata, whose images hold the
// records and whose answer_changes() and hold_changes() count here too.
//
//     FakeRecords records(&host, &metadata);              // now found by acquire(CHR_RECORDS_ID)
//     records.put("quotas", "alice", "1000");
//     records.get("quotas", "bob");                       // nothing
#pragma once

#include <chronik/draft/records.h>

#include <chronik/testing/fake_metadata.hpp>

namespace chronik::testing {

class FakeRecords {
 public:
  FakeRecords(FakeHost* host, FakeMetadata* metadata) : host_(host->core()), metadata_(metadata) {
    using R = FakeRecords;
    static constexpr chr_records_v1 kTable = {
        sizeof kTable,     1, thunk<&R::seek>, thunk<&R::watch>, thunk<&R::unwatch>, thunk<&R::change>,
        thunk<&R::barrier>};
    host->provide(CHR_RECORDS_ID, &kTable, this);
  }
  FakeRecords(const FakeRecords&) = delete;
  FakeRecords& operator=(const FakeRecords&) = delete;

  void put(const std::string& space, const std::string& key, std::string value) {
    set(space, key, std::move(value));
    tell(space);
  }
  void remove(const std::string& space, const std::string& key) {
    set(space, key, std::nullopt);
    tell(space);
  }
  std::optional<std::string> get(const std::string& space, const std::string& key) const {
    const auto& spaces = metadata_->state_.records;
    if (!spaces.contains(space) || !spaces.at(space).contains(key)) return std::nullopt;
    return spaces.at(space).at(key).first;
  }

  // ---- chr_records_v1 ----
  chr_status seek(chr_catalog* catalog, chr_str space, chr_str key, chr_record* out) {
    const auto& spaces = FakeMetadata::of(catalog).state->records;
    const auto found = spaces.find(std::string(from_abi(space)));
    if (found == spaces.end()) return CHR_E_NOT_FOUND;
    const auto record = found->second.lower_bound(std::string(from_abi(key)));
    if (record == found->second.end()) return CHR_E_NOT_FOUND;
    out->key = to_abi(record->first);
    out->value = to_abi(record->second.first);
    out->version = record->second.second;
    return CHR_OK;
  }
  void watch(chr_str space, chr_catalog_fn fn, void* context) {
    watchers_.push_back(std::make_shared<Watcher>(
        Watcher{std::string(from_abi(space)), fn, context,
                static_cast<uint32_t>(std::max(0, host_.current_shard())), true, false}));
    tell(watchers_.back());
  }
  void unwatch(chr_catalog_fn fn, void* context) {
    std::erase_if(watchers_, [&](const auto& watcher) {
      if (watcher->fn != fn || watcher->context != context) return false;
      watcher->active = false;
      return true;
    });
  }
  chr_status change(const chr_record_change* items, uint32_t n, uint64_t, chr_change_result* results,
                    uint64_t token, chr_error*) {
    std::vector<Wanted> wanted;
    for (const chr_record_change* item = items; item != items + n; ++item)
      wanted.push_back({std::string(from_abi(item->space)), std::string(from_abi(item->key)),
                        std::string(from_abi(item->value)), item->expected, item->flags});
    return metadata_->change(token, [this, wanted, results](chr_done*) {
      for (size_t i = 0; i < wanted.size(); ++i) results[i] = apply(wanted[i]);
    });
  }
  chr_status barrier(uint64_t, chr_change_result* result, uint64_t token, chr_error*) {
    return metadata_->change(token, [result](chr_done*) { *result = FakeMetadata::result(CHR_OK); });
  }

 private:
  struct Watcher {
    std::string space;
    chr_catalog_fn fn;
    void* context;
    uint32_t shard;
    bool active, told;
  };
  struct Wanted {
    std::string space, key, value;
    uint64_t expected;
    uint32_t flags;
  };

  void set(const std::string& space, const std::string& key, std::optional<std::string> value) {
    auto& records = metadata_->state_.records[space];
    records.erase(key);
    if (value) records[key] = {std::move(*value), metadata_->state_.version + 1};
    metadata_->changed();
  }
  chr_change_result apply(const Wanted& item) {
    const auto& spaces = metadata_->state_.records;
    const bool there = spaces.contains(item.space) && spaces.at(item.space).contains(item.key);
    const uint64_t version = there ? spaces.at(item.space).at(item.key).second : 0;
    if ((item.flags & CHR_RECORD_EXPECTED) != 0 && item.expected != version)
      return FakeMetadata::result(CHR_E_CONFLICT, "it has another version");
    if ((item.flags & CHR_RECORD_REMOVE) == 0) {
      put(item.space, item.key, item.value);
    } else if (!there) {
      return FakeMetadata::result(CHR_E_NOT_FOUND, "there is no such record");
    } else {
      remove(item.space, item.key);
    }
    return FakeMetadata::result(CHR_OK);
  }
  void tell(const std::string& space) {
    for (const auto& watcher : watchers_)
      if (watcher->space == space) tell(watcher);
  }
  void tell(const std::shared_ptr<Watcher>& watcher) {
    if (std::exchange(watcher->told, true)) return;
    host_.post(watcher->shard, [watcher] {
      watcher->told = false;
      if (watcher->active) watcher->fn(watcher->context);
    });
  }

  const Host host_;
  FakeMetadata* const metadata_;
  std::vector<std::shared_ptr<Watcher>> watchers_;
};

}  // namespace chronik::testing
