// Reads what the loader must know of a shared object without running a line of its code: the dynamic symbols
// and one section. The file is untrusted: memory is bounded by the file's own size and fixed limits, and
// every offset is checked, so a damaged or hostile file gives an Error, never a crash.
#pragma once

#include <chronik/result.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace chronik::host {

struct ElfFile {
  std::vector<std::string> exported;   // functions that others can call, sorted
  std::vector<std::string> imported;   // undefined symbols, without their versions, sorted
  std::optional<std::string> section;  // contents of the section asked for; absent if there is none
};

// Reads a 64-bit little-endian shared object of this machine's architecture. The
// section may have at most 64 KiB.
Result<ElfFile> read_elf(const std::filesystem::path& path, std::string_view section);

}  // namespace chronik::host
