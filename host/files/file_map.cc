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
#include <cerrno>
#include <memory>
#include <utility>

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

std::unexpected<Error> was_cut(const OpenFile& file) {
  return fail(Code::kOutOfRange, fmt::format("{} was cut while it was read", file.name()));
}

}  // namespace

Result<chr_slice> map_file(const OpenFile& file, uint64_t at, uint64_t n) {
  const Pages pages = pages_of(at, n);
  void* const p = map_pages(file, pages);
  if (p == nullptr) return std::unexpected(file_error(errno, "map", file.name()));
  // Whoever touches it has asked for the bytes before: a shard's fault must not begin to read ahead.
  static_cast<void>(::madvise(p, pages.n, MADV_RANDOM));
  auto* const lease = new MapLease(file.reaper(), p, pages.n);
  return chr_slice{static_cast<const uint8_t*>(p) + pages.inset, n, lease->lease()};
}

// What it gives to nobody stays in the page cache. The kernel reads ahead as a reader goes on, in large pages, and sees by itself
// where one jumps: a fault, and advice, know neither.
Status load_file(const OpenFile& file, uint64_t at, uint64_t n) {
  static const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere < 0 || file.reads_past_cache()) return read_pages(file, at, n);
  auto from = static_cast<off_t>(at);
  for (const auto end = static_cast<off_t>(at + n); from < end;) {
    const ssize_t got = ::sendfile(nowhere, file.cached_fd(), &from, static_cast<size_t>(end - from));
    if (got > 0 || (got < 0 && errno == EINTR)) continue;
    if (got < 0 && errno == EINVAL) return read_pages(file, at, n);  // a file system without
    if (got < 0) return std::unexpected(file_error(errno, "read", file.name()));
    return was_cut(file);
  }
  return {};
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
