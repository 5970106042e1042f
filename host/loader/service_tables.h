// Whether the table of a service is what its ID promises, before anybody calls through it.
#pragma once

#include <chronik/result.hpp>

#include <string_view>

namespace chronik::host {

// Whether what a manifest provides has a name behind the ID exactly where the service is one that several
// plugins may provide. The error says what to write. Services that this host does not know may have one.
Status check_service_name(std::string_view provided);

// table: what service() returned. Checks struct_size and rev, which every table begins with; of the frozen
// services also that no function is missing. The error says which service and field.
Status check_service_table(std::string_view service, const void* table);

}  // namespace chronik::host
