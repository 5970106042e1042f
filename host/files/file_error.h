// What a failed system call on a file means to its plugin.
#pragma once

#include <chronik/result.hpp>

#include <string_view>

namespace chronik::host {

// error: errno. "cannot write journal-0: No space left on device; ...".
Error file_error(int error, std::string_view doing, std::string_view file);

}  // namespace chronik::host
