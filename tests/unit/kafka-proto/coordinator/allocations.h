// How often this program has asked for memory.
#pragma once

#include <cstddef>

namespace chronik::testing {

size_t allocations();

}  // namespace chronik::testing
