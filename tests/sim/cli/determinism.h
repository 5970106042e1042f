// The same seed in another process, with memory arranged in another way: its trace hash must be the same.
#pragma once

#include <chronik/result.hpp>

#include <string>
#include <vector>

namespace chronik::sim {

// Runs this program again with `arguments`; returns the "hash=..." values that it prints, in order.
Result<std::vector<std::string>> hashes_of_another_process(const std::vector<std::string>& arguments);

// Moves everything that is allocated from here on to other addresses.
void disturb_layout(uint32_t layout);

}  // namespace chronik::sim
