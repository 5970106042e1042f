#include "kafka-proto/cluster/catalog_errors.h"

namespace chronik::kafka {

ErrorCode absent(const Catalog& catalog, ErrorCode unknown, ErrorCode again) {
  return catalog.controller() < 0 ? again : unknown;
}

std::string_view why_absent(const Catalog& catalog) {
  return catalog.controller() < 0 ? "this node does not know yet whether the topic exists: ask again"
                                  : "this topic does not exist";
}

ErrorCode change_error(chr_status code, ErrorCode exists, ErrorCode invalid) {
  switch (code) {
    case CHR_OK:
      return ErrorCode::kNone;
    case CHR_E_EXISTS:
      return exists;
    case CHR_E_INVALID_ARGUMENT:
      return invalid;
    case CHR_E_NOT_FOUND:
      return ErrorCode::kUnknownTopicOrPartition;
    case CHR_E_NOT_LEADER:
    case CHR_E_FENCED:
    case CHR_E_CONFLICT:  // changed at the same time: what makes clients try again
      return ErrorCode::kNotController;
    case CHR_E_NO_SPACE:
    case CHR_E_IO:
      return ErrorCode::kKafkaStorageError;
    case CHR_E_UNAVAILABLE:
    case CHR_E_TIMEOUT:
    case CHR_E_OVERLOADED:
    case CHR_E_SHUTTING_DOWN:
    case CHR_E_CANCELLED:
      return ErrorCode::kRequestTimedOut;
    default:
      return ErrorCode::kUnknownServerError;
  }
}

}  // namespace chronik::kafka
