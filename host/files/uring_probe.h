// Whether this kernel lets this process use io_uring, and its rings.
#pragma once

#include <chronik/result.hpp>

#include <liburing.h>

#include <cstdint>

namespace chronik::host {

// A ring for `entries` operations in flight; the caller ends it by io_uring_queue_exit(). An error says why there is none.
Status open_uring(uint32_t entries, io_uring* ring);
// Opens one, and lets it go.
Status probe_uring();
// error: errno.
std::unexpected<Error> uring_error(int error);

}  // namespace chronik::host
