// What an open file is as memory.
#pragma once

#include "host/files/open_file.h"

#include <chronik/abi.h>
#include <chronik/result.hpp>

#include <cstdint>

namespace chronik::host {

// [at, at + n), readable, under a lease that needs nothing of the file.
Result<chr_slice> map_file(const OpenFile& file, uint64_t at, uint64_t n);
// [blocking] Brings bytes that the file has into memory.
Status load_file(const OpenFile& file, uint64_t at, uint64_t n);
// [blocking] The same, slower, for any file system and kernel: reads a byte of each page.
Status read_pages(const OpenFile& file, uint64_t at, uint64_t n);
// Whether all of it is in memory just now.
bool is_in_memory(const OpenFile& file, uint64_t at, uint64_t n);

}  // namespace chronik::host
