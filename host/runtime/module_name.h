// Which shared object an address of code belongs to: how a callback is traced to its plugin.
#pragma once

#include <string>

namespace chronik::host {

// The file's name without folder and ending, which for a plugin is its id; "" where nothing is known.
std::string module_name(const void* code);

}  // namespace chronik::host
