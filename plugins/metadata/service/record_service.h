// chronik.metadata.records/1 over the service.
#pragma once

#include <chronik/draft/records.h>

#include "metadata/service/service.h"

namespace chronik::metadata {

class RecordService {
 public:
  // The service comes with start().
  explicit RecordService(const std::unique_ptr<Service>* service) : service_(service) {}
  static const chr_records_v1& table();

  chr_status seek(chr_catalog* catalog, chr_str space, chr_str key, chr_record* out);
  void watch(chr_str space, chr_catalog_fn fn, void* context);
  void unwatch(chr_catalog_fn fn, void* context);
  chr_status change(const chr_record_change* items, uint32_t n, uint64_t timeout_ns,
                    chr_change_result* results, uint64_t token, chr_error* error);
  chr_status barrier(uint64_t timeout_ns, chr_change_result* result, uint64_t token, chr_error* error);

 private:
  const std::unique_ptr<Service>* const service_;
};

}  // namespace chronik::metadata
