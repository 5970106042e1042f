// chronik.storage_admin/1, on an instance that is not started. One call at a time, blocking.
#pragma once

#include "storage-log/stopped_store.h"

#include <chronik/draft/storage_admin.h>

#include <memory>

namespace chronik::storage_log {

class Admin {
 public:
  explicit Admin(Host host) : host_(host) {}

  // ---- chr_storage_admin_v1, where the rules stand ----
  chr_status check(chr_storage_report_fn fn, void* context, chr_storage_check* out, chr_error* error);
  chr_status open(chr_error* error);
  void close() { store_.reset(); }
  chr_status groups(chr_storage_group_fn fn, void* context, chr_error* error);
  chr_status keys(uint64_t group, chr_str after, chr_storage_key_fn fn, void* context, chr_error* error);
  chr_status entries(uint64_t group, uint64_t from, chr_storage_entry_fn fn, void* context, chr_error* error);

 private:
  Status list_groups(chr_storage_group_fn fn, void* context);

  Host host_;
  std::unique_ptr<StoppedStore> store_;
};

}  // namespace chronik::storage_log
