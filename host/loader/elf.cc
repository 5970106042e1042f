#include "host/loader/elf.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace chronik::host {
namespace {

constexpr uint64_t kMaxSection = 64 << 10;
constexpr uint64_t kMaxTable = 64 << 20;  // symbols and their names; the largest plugin here has 0.1 MiB

#if defined(__x86_64__)
constexpr uint16_t kMachine = EM_X86_64;
constexpr std::string_view kMachineName = "x86-64";
#elif defined(__aarch64__)
constexpr uint16_t kMachine = EM_AARCH64;
constexpr std::string_view kMachineName = "aarch64";
#else
#error "add this machine's ELF architecture"
#endif

std::string machine_name(uint16_t machine) {
  switch (machine) {
    case EM_X86_64:
      return "x86-64";
    case EM_AARCH64:
      return "aarch64";
    case EM_386:
      return "i386";
    case EM_ARM:
      return "arm";
    case EM_RISCV:
      return "riscv";
    case EM_PPC64:
      return "ppc64";
    case EM_S390:
      return "s390x";
    default:
      return fmt::format("machine {}", machine);
  }
}

class Reader {
 public:
  ~Reader() {
    if (fd_ >= 0) ::close(fd_);
  }

  Status open(const std::filesystem::path& path) {
    fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd_ < 0) return fail(errno == ENOENT ? Code::kNotFound : Code::kIo, std::strerror(errno));
    struct stat info{};
    if (::fstat(fd_, &info) != 0) return fail(Code::kIo, std::strerror(errno));
    if (!S_ISREG(info.st_mode)) return fail(Code::kInvalidArgument, "is not a regular file");
    if ((info.st_mode & S_IWOTH) != 0) {
      return fail(Code::kInvalidArgument, "may be written to by everybody; run: chmod o-w");
    }
    size_ = static_cast<uint64_t>(info.st_size);
    return {};
  }

  Status read(uint64_t at, void* to, uint64_t n) const {
    if (at > size_ || n > size_ - at)
      return fail(Code::kCorrupt, "is damaged: it ends before its own tables do");
    auto* p = static_cast<char*>(to);
    while (n > 0) {
      const ssize_t got = ::pread(fd_, p, n, static_cast<off_t>(at));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0)
        return fail(Code::kIo, got == 0 ? "became shorter while it was read" : std::strerror(errno));
      p += got;
      at += static_cast<uint64_t>(got);
      n -= static_cast<uint64_t>(got);
    }
    return {};
  }

  // n bytes, never more than the file has.
  Result<std::string> bytes(uint64_t at, uint64_t n, uint64_t limit) const {
    if (n > limit)
      return fail(Code::kCorrupt, fmt::format("has a table of {} bytes; at most {} are read", n, limit));
    if (at > size_ || n > size_ - at)
      return fail(Code::kCorrupt, "is damaged: it ends before its own tables do");
    std::string out(n, '\0');
    CHRONIK_CHECK(read(at, out.data(), n));
    return out;
  }

 private:
  int fd_ = -1;
  uint64_t size_ = 0;
};

// The text at an offset of a string table; empty where the offset is outside.
std::string_view text_at(std::string_view table, uint64_t offset) {
  if (offset >= table.size()) return {};
  const std::string_view rest = table.substr(offset);
  return rest.substr(0, rest.find('\0'));
}

Result<Elf64_Ehdr> read_header(const Reader& file) {
  Elf64_Ehdr header{};
  unsigned char ident[EI_NIDENT] = {};
  if (!file.read(0, ident, sizeof ident) || std::memcmp(ident, ELFMAG, SELFMAG) != 0) {
    return fail(Code::kInvalidArgument, "is not a shared object (no ELF file)");
  }
  if (ident[EI_CLASS] != ELFCLASS64 || ident[EI_DATA] != ELFDATA2LSB) {
    return fail(Code::kUnsupported,
                fmt::format("is not built for this machine: {} bit, {}; this host is 64 bit {}",
                            ident[EI_CLASS] == ELFCLASS32 ? 32 : 64,
                            ident[EI_DATA] == ELFDATA2MSB ? "big-endian" : "little-endian", kMachineName));
  }
  CHRONIK_CHECK(file.read(0, &header, sizeof header));
  if (header.e_machine != kMachine) {
    return fail(Code::kUnsupported, fmt::format("is built for {}; this host is {}",
                                                machine_name(header.e_machine), kMachineName));
  }
  if (header.e_type != ET_DYN)
    return fail(Code::kInvalidArgument, "is not a shared object but another kind of ELF");
  if (header.e_shoff == 0 || header.e_shnum == 0) {
    return fail(Code::kInvalidArgument,
                "has no section headers (stripped too far), so its manifest cannot be read");
  }
  if (header.e_shentsize != sizeof(Elf64_Shdr))
    return fail(Code::kCorrupt, "is damaged: odd section headers");
  return header;
}

Status read_symbols(const Reader& file, const Elf64_Shdr& symbols, const Elf64_Shdr& names, ElfFile* out) {
  CHRONIK_TRY(const std::string table, file.bytes(symbols.sh_offset, symbols.sh_size, kMaxTable));
  CHRONIK_TRY(const std::string texts, file.bytes(names.sh_offset, names.sh_size, kMaxTable));
  for (size_t at = 0; at + sizeof(Elf64_Sym) <= table.size(); at += sizeof(Elf64_Sym)) {
    Elf64_Sym symbol;
    std::memcpy(&symbol, table.data() + at, sizeof symbol);
    const std::string_view name = text_at(texts, symbol.st_name);
    if (name.empty() || ELF64_ST_BIND(symbol.st_info) == STB_LOCAL) continue;
    if (symbol.st_shndx == SHN_UNDEF) {
      out->imported.emplace_back(name);
    } else if (ELF64_ST_VISIBILITY(symbol.st_other) == STV_DEFAULT ||
               ELF64_ST_VISIBILITY(symbol.st_other) == STV_PROTECTED) {
      out->exported.emplace_back(name);
    }
  }
  std::ranges::sort(out->imported);
  std::ranges::sort(out->exported);
  return {};
}

}  // namespace

Result<ElfFile> read_elf(const std::filesystem::path& path, std::string_view section) {
  Reader file;
  CHRONIK_CHECK(file.open(path));
  CHRONIK_TRY(const Elf64_Ehdr header, read_header(file));
  std::vector<Elf64_Shdr> headers(header.e_shnum);
  CHRONIK_CHECK(file.read(header.e_shoff, headers.data(), headers.size() * sizeof(Elf64_Shdr)));
  if (header.e_shstrndx >= headers.size())
    return fail(Code::kCorrupt, "is damaged: its section names are missing");
  const Elf64_Shdr& names_header = headers[header.e_shstrndx];
  CHRONIK_TRY(const std::string names, file.bytes(names_header.sh_offset, names_header.sh_size, kMaxTable));

  ElfFile out;
  for (const Elf64_Shdr& h : headers) {
    if (h.sh_type == SHT_DYNSYM && h.sh_link < headers.size()) {
      CHRONIK_CHECK(read_symbols(file, h, headers[h.sh_link], &out));
    } else if (h.sh_type == SHT_PROGBITS && text_at(names, h.sh_name) == section) {
      CHRONIK_TRY(out.section, file.bytes(h.sh_offset, h.sh_size, kMaxSection));
    }
  }
  return out;
}

}  // namespace chronik::host
