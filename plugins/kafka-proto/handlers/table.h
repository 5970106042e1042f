// Every API that is served, with its versions.
#pragma once

#include <span>

#include "kafka-proto/server/api_entry.h"

namespace chronik::kafka {

// By rising key.
std::span<const ApiEntry> api_entries();

}  // namespace chronik::kafka
