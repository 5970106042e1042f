#include "host/files/file_map.h"

#include "host/files/file_error.h"

#include <chronik/leased.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <memory>
#include <utility>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

namespace chronik::host {
namespace {

uint64_t page_bytes() {
  static const auto bytes = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

// Whole pages of a file, from the one that `at` lies in.
struct Pages {
  uint64_t at;
  uint64_t n;      // bytes
  uint64_t inset;  // of what was asked for
};
Pages pages_of(uint64_t at, uint64_t n) {
  const uint64_t inset = at % page_bytes();
  return {at - inset, n + inset, inset};
}

// Null: errno says why.
void* map_pages(const OpenFile& file, const Pages& pages) {
  void* const p = ::mmap(nullptr, pages.n, PROT_READ, MAP_SHARED, file.fd(), static_cast<off_t>(pages.at));
  return p == MAP_FAILED ? nullptr : p;
}

struct MapLease : Leased<MapLease> {
  MapLease(std::shared_ptr<FileReaper> by, void* at, uint64_t bytes)
      : reaper(std::move(by)), p(at), n(bytes) {}
  ~MapLease() { reaper->unmap(p, n); }
  MapLease(const MapLease&) = delete;
  MapLease& operator=(const MapLease&) = delete;

  const std::shared_ptr<FileReaper> reaper;
  void* const p;
  const uint64_t n;
};

// A descriptor of /dev/null, to write to; -1: there are no more of them just now.
int null_device() {
  static std::atomic<int> device{-1};
  if (const int fd = device; fd >= 0) return fd;
  const int opened = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  int none = -1;
  if (opened < 0 || device.compare_exchange_strong(none, opened)) return opened;
  ::close(opened);
  return none;
}

// Faults the pages in, holes too, through a map of its own. False: the kernel cannot.
bool populate(const OpenFile& file, uint64_t at, uint64_t n) {
  const Pages pages = pages_of(at, n);
  void* const p = map_pages(file, pages);
  if (p == nullptr) return false;
  const bool is_done = ::madvise(p, pages.n, MADV_POPULATE_READ) == 0;
  ::munmap(p, pages.n);
  return is_done;
}

std::unexpected<Error> was_cut(const OpenFile& file) {
  return fail(Code::kOutOfRange, fmt::format("{} was cut while it was read", file.name()));
}

}  // namespace

Result<chr_slice> map_file(const OpenFile& file, uint64_t at, uint64_t n) {
  const Pages pages = pages_of(at, n);
  void* const p = map_pages(file, pages);
  if (p == nullptr) return std::unexpected(file_error(errno, "map", file.name()));
  auto* const lease = new MapLease(file.reaper(), p, pages.n);
  return chr_slice{static_cast<const uint8_t*>(p) + pages.inset, n, lease->lease()};
}

// What is spliced to nowhere stays in the page cache. The kernel reads ahead for it as for any reader, in large pages, and sees by
// itself where a reader jumps.
Status load_file(const OpenFile& file, uint64_t at, uint64_t n) {
  const int null = file.reads_past_cache() ? -1 : null_device();
  auto from = static_cast<off_t>(at);
  for (const auto end = static_cast<off_t>(at + n); null >= 0 && from < end;) {
    const ssize_t got = ::sendfile(null, file.cached_fd(), &from, static_cast<size_t>(end - from));
    if (got > 0 || (got < 0 && errno == EINTR)) continue;
    if (got == 0) return was_cut(file);
    if (errno == EIO) return std::unexpected(file_error(EIO, "read", file.name()));
    break;
  }
  // Some file systems splice past the page cache, or take no pages for a hole.
  if (is_in_memory(file, at, n) || populate(file, at, n)) return {};
  return read_pages(file, at, n);
}

Status read_pages(const OpenFile& file, uint64_t at, uint64_t n) {
  // A descriptor of its own: reads of one that passes the page cache would not fill it.
  const int fd = ::open(fmt::format("/proc/self/fd/{}", file.fd()).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::unexpected(file_error(errno, "read", file.name()));
  int error = 0;
  bool cut = false;
  for (uint64_t page = pages_of(at, n).at; page < at + n && error == 0 && !cut; page += page_bytes()) {
    uint8_t byte = 0;
    ssize_t got = 0;
    while ((got = ::pread(fd, &byte, 1, static_cast<off_t>(page))) < 0 && errno == EINTR) {
    }
    if (got < 0) error = errno;
    cut = got == 0;
  }
  ::close(fd);
  if (error != 0) return std::unexpected(file_error(error, "read", file.name()));
  if (cut) return was_cut(file);
  return {};
}

bool is_in_memory(const OpenFile& file, uint64_t at, uint64_t n) {
  constexpr uint64_t kPagesAtOnce = 256;
  const Pages pages = pages_of(at, n);
  const std::shared_ptr<const ProbeMap> map = n == 0 ? nullptr : file.probe(at + n);
  if (map == nullptr) return n == 0;
  std::array<unsigned char, kPagesAtOnce> resident;
  const uint64_t step = kPagesAtOnce * page_bytes();
  for (uint64_t done = 0; done < pages.n; done += step) {
    const uint64_t some = std::min(step, pages.n - done);
    if (::mincore(map->begin() + pages.at + done, some, resident.data()) != 0) return false;
    const auto* const end = resident.cbegin() + (some + page_bytes() - 1) / page_bytes();
    if (!std::all_of(resident.cbegin(), end, [](unsigned char page) { return (page & 1) != 0; }))
      return false;
  }
  return true;
}

}  // namespace chronik::host
