// Records in LMDB, with full sync: one transaction over all that arrived meanwhile, from a thread of its own.
#pragma once

#include "bench/sink/request.h"

namespace bare_sink {

// retention: bytes that a partition keeps, 0 for everything. What is over it goes in the same transactions, so that pages are
// used again.
std::unique_ptr<Log> open_lmdb_log(const std::string& directory, size_t partitions, uint64_t retention,
                                   int wake);

}  // namespace bare_sink
