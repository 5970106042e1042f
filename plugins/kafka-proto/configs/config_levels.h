// From which level of chronik.version on configs can be set.
#pragma once

#include <string>
#include <string_view>

#include "kafka-proto/cluster/catalog.h"

namespace chronik::kafka {

// Configs of brokers and groups that are set are records.
inline bool keeps_records(const Services& services, const Catalog& catalog) {
  return services.records.table != nullptr && catalog.level() >= kRecordsLevel;
}

// Empty, or why this value of a topic's config, valid in itself, cannot be set yet.
std::string too_new_problem(const Catalog& catalog, std::string_view config, std::string_view value);

}  // namespace chronik::kafka
