// Writing chronik.storage_admin/1 in C++, from two classes that know the files; draft/storage_admin.h has the
// promises. The callbacks are those of storage_admin.hpp: they return whether to go on. Where one says no, the
// function ends with stopped_by_caller().
//
//     class StoppedStore {  // a folder that no node uses, open to be read
//      public:
//       static Result<std::unique_ptr<StoppedStore>> open(const Host& host);
//       Status groups(F fn);                                        // fn(const chr_storage_group&)
//       Status keys(uint64_t group, std::string_view after, F fn);  // fn(std::string_view key, chr_slice value)
//       Status entries(uint64_t group, uint64_t from, F fn);        // fn(const chr_entry&)
//     };
//     class Checker {
//      public:
//       // report(const chr_storage_report&). *seen is zero but for its size, and counts what was looked at.
//       static Status check(const Host& host, F report, chr_storage_check* seen);
//     };
//
//     StorageAdminService<StoppedStore, Checker> admin_;  // in the plugin, beside the store
//     if (id == CHR_STORAGE_ADMIN_ID) return admin_.table(instance);
//
// A Checker says what it finds by a StorageCheckReport.
//
// What a callback is given is borrowed for its call. Errors of the two classes go to the caller as they are:
// NOT_FOUND, UNSUPPORTED, CORRUPT and IO as the ABI says; an exception becomes FAILED.
#pragma once

#include <chronik/draft/storage_admin.h>
#include <chronik/plugin.hpp>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <string>

namespace chronik {

// What a walk comes to whose callback wants no more.
inline Status stopped_by_caller() { return fail(Code::kCancelled, "the caller wants no more"); }

// As the classes may take their callbacks, where they do not take them as templates.
using StorageReportFn = std::function<bool(const chr_storage_report& report)>;
using StorageGroupFn = std::function<bool(const chr_storage_group& group)>;
using StorageKeyFn = std::function<bool(std::string_view key, const chr_slice& value)>;
using StorageEntryFn = std::function<bool(const chr_entry& entry)>;

// One thing that a check has to say; the fields are those of chr_storage_report.
struct StorageFinding {
  uint64_t group = 0;
  std::string name;  // of the group
  uint64_t first = 0, last = 0;
  std::string key;
  std::string place;
  std::string what;
  uint32_t kind = CHR_REPORT_DAMAGE;
};

// Tells the caller of one check what it finds, and every 64 MiB how far it is. CANCELLED: the caller wants no more. One thread.
class StorageCheckReport {
 public:
  // Both outlive it. Counts in *seen what is damage and what is a note.
  StorageCheckReport(const StorageReportFn& fn, chr_storage_check* seen) : fn_(fn), seen_(*seen) {}
  // So many are to be looked at.
  void set_all_bytes(uint64_t n) { all_bytes_ = n; }

  Status tell(const StorageFinding& finding) {
    chr_storage_report report{};
    report.struct_size = sizeof report;
    report.kind = finding.kind;
    report.group = finding.group;
    report.name = to_abi(finding.name);
    report.first_index = finding.first;
    report.last_index = finding.last;
    report.key = to_abi(finding.key);
    report.place = to_abi(finding.place);
    report.what = to_abi(finding.what);
    report.done_bytes = done_;
    report.all_bytes = all_bytes_;
    if (finding.kind == CHR_REPORT_DAMAGE) ++seen_.damages;
    if (finding.kind == CHR_REPORT_NOTE) ++seen_.notes;
    return fn_(report) ? Status() : stopped_by_caller();
  }
  // So many more were looked at.
  Status note_read(uint64_t bytes) {
    done_ = std::min(all_bytes_, done_ + bytes);
    if (done_ - told_done_ < kProgressBytes) return {};
    told_done_ = done_;
    StorageFinding progress;
    progress.kind = CHR_REPORT_PROGRESS;
    return tell(progress);
  }

 private:
  static constexpr uint64_t kProgressBytes = 64u << 20;

  const StorageReportFn& fn_;
  chr_storage_check& seen_;
  uint64_t all_bytes_ = 0, done_ = 0, told_done_ = 0;
};

// [blocking], one call at a time. Owns the store from open() to close(), or to its own end. Before open() the
// walks come to INVALID_ARGUMENT; check() needs none, and opens for itself what it reads.
template <class StoppedStore, class Checker>
class StorageAdminService {
 public:
  explicit StorageAdminService(const Host& host) : host_(host) {}

  const chr_storage_admin_v1* table(void** instance) {
    *instance = this;
    return &kTable;
  }

 private:
  chr_status check(chr_storage_report_fn fn, void* context, chr_storage_check* out, chr_error* error) {
    chr_storage_check seen{};
    seen.struct_size = sizeof seen;
    const Status status = Checker::check(
        host_, [fn, context](const chr_storage_report& report) { return fn(context, &report) == 0; }, &seen);
    seen.struct_size = out->struct_size;  // of a caller that may know fewer fields, or more
    std::memcpy(out, &seen, std::min<size_t>(out->struct_size, sizeof seen));
    return settle(status, error);
  }
  chr_status open(chr_error* error) {
    Result<std::unique_ptr<StoppedStore>> store = StoppedStore::open(host_);
    if (!store) return report(error, store.error());
    store_ = std::move(*store);
    return CHR_OK;
  }
  void close() { store_.reset(); }
  chr_status groups(chr_storage_group_fn fn, void* context, chr_error* error) {
    return walk(error, [&] {
      return store_->groups([&](const chr_storage_group& group) { return fn(context, &group) == 0; });
    });
  }
  chr_status keys(uint64_t group, chr_str after, chr_storage_key_fn fn, void* context, chr_error* error) {
    return walk(error, [&] {
      return store_->keys(group, from_abi(after), [&](std::string_view key, const chr_slice& value) {
        return fn(context, to_abi(key), value) == 0;
      });
    });
  }
  chr_status entries(uint64_t group, uint64_t from, chr_storage_entry_fn fn, void* context,
                     chr_error* error) {
    return walk(error, [&] {
      return store_->entries(group, from, [&](const chr_entry& entry) { return fn(context, &entry) == 0; });
    });
  }

  template <class Walk>
  chr_status walk(chr_error* error, Walk&& along) {
    if (store_ == nullptr) return report(error, CHR_E_INVALID_ARGUMENT, "open() was not called");
    return settle(along(), error);
  }
  static chr_status settle(const Status& status, chr_error* error) {
    return status ? CHR_OK : report(error, status.error());
  }

  static constexpr chr_storage_admin_v1 kTable = {
      sizeof(chr_storage_admin_v1),       1,
      thunk<&StorageAdminService::check>, thunk<&StorageAdminService::open>,
      thunk<&StorageAdminService::close>, thunk<&StorageAdminService::groups>,
      thunk<&StorageAdminService::keys>,  thunk<&StorageAdminService::entries>,
  };

  Host host_;
  std::unique_ptr<StoppedStore> store_;
};

}  // namespace chronik
