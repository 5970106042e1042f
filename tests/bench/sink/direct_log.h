// Records in one file that is written with zeros beforehand and used as a ring, past the page cache: one durable write is one
// acknowledgement, and none waits for the one before it to end before it begins.
#pragma once

#include "bench/sink/request.h"

namespace bare_sink {

// retention: bytes that a partition keeps; the ring has room for all partitions' and is written over. 0: of one size.
std::unique_ptr<Log> open_direct_log(const std::string& directory, size_t partitions, uint64_t retention,
                                     int wake, bool threads_only);

}  // namespace bare_sink
