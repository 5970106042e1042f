#include "host/files/file_system.h"

#include "host/files/file_error.h"

#include <chronik/files.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/statfs.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <memory>

namespace chronik::host {
namespace {

constexpr uint32_t kMinBlock = 512;
// Of the usual file systems. Writes of smaller pieces of a block wait for one another there.
constexpr uint32_t kUsualBlock = 4096;

bool is_memory_file_system(int fd) {
  struct statfs status{};
  if (::fstatfs(fd, &status) != 0) return false;
  return status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC;
}

#ifdef STATX_DIOALIGN
struct DirectRule {
  bool known = false;
  uint32_t memory = 0, offset = 0;  // 0: not possible
};
DirectRule direct_rule(int fd) {
  struct statx status{};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &status) != 0) return {};
  return {(status.stx_mask & STATX_DIOALIGN) != 0, status.stx_dio_mem_align, status.stx_dio_offset_align};
}
#else
struct DirectRule {
  bool known = false;
  uint32_t memory = 0, offset = 0;
};
DirectRule direct_rule(int) { return {}; }
#endif

std::string_view kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISLNK(mode)) return "a symbolic link";
  if (S_ISFIFO(mode)) return "a named pipe";
  return S_ISSOCK(mode) ? "a socket" : "a device";
}

std::unexpected<Error> no_regular_file(std::string_view name, mode_t mode) {
  return fail(Code::kIo,
              fmt::format("{} is {}, not a regular file: move it away, and put back the file if it "
                          "took the place of one",
                          name, kind_of(mode)));
}

// An error of a call says little where something else than a file has the name.
std::unexpected<Error> cannot_open(int directory, const std::string& name, int error) {
  struct stat status{};
  if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(status.st_mode))
    return no_regular_file(name, status.st_mode);
  return std::unexpected(file_error(error, "open", name));
}

struct Opened {
  Descriptor fd;
  struct stat status;
};
Result<Opened> open_one(int directory, const std::string& name, int flags) {
  // A named pipe would be waited for.
  Opened file{
      Descriptor(::openat(directory, name.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640)), {}};
  if (file.fd.get() < 0 || ::fstat(file.fd.get(), &file.status) != 0)
    return cannot_open(directory, name, errno);
  if (!S_ISREG(file.status.st_mode)) return no_regular_file(name, file.status.st_mode);
  // io_uring would give up where it had to wait.
  if (::fcntl(file.fd.get(), F_SETFL, flags & ~O_CREAT) != 0)
    return std::unexpected(file_error(errno, "open", name));
  return file;
}

}  // namespace

Result<OpenedDescriptors> open_file(int directory, std::string_view file_name, uint32_t flags) {
  const std::string name(file_name);
  const int access = (flags & CHR_FILE_READ) != 0 ? O_RDONLY : O_RDWR;
  const int create = (flags & CHR_FILE_CREATE) != 0 ? O_CREAT : 0;
  for (;;) {
    CHRONIK_TRY(Opened file, open_one(directory, name, access | create));
    if (access == O_RDONLY) return OpenedDescriptors{std::move(file.fd), file.status, Descriptor(-1)};
    Result<Opened> again = open_one(directory, name, O_RDONLY);
    // The name may be gone or another file's meanwhile.
    if (!again && again.error().code == Code::kNotFound) continue;
    if (!again) return std::unexpected(std::move(again.error()));
    if (again->status.st_dev != file.status.st_dev || again->status.st_ino != file.status.st_ino) continue;
    return OpenedDescriptors{std::move(file.fd), file.status, std::move(again->fd)};
  }
}

// Where the file system knows no locks, there is none to wait for.
bool try_lock(int fd) { return ::flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK; }

void unlock(int fd) { static_cast<void>(::flock(fd, LOCK_UN)); }

Result<uint64_t> file_size(int fd, std::string_view name) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return std::unexpected(file_error(errno, "open", name));
  return static_cast<uint64_t>(status.st_size);
}

uint32_t direct_block(int fd) {
  const DirectRule rule = direct_rule(fd);
  const uint32_t needed = std::max({kMinBlock, rule.memory, rule.offset});
  struct statfs status{};
  const bool is_known = ::fstatfs(fd, &status) == 0 && status.f_bsize > 0 && status.f_bsize <= kUsualBlock;
  const uint32_t block = is_known ? static_cast<uint32_t>(status.f_bsize) : kUsualBlock;
  return std::bit_ceil(std::max(needed, block));
}

bool set_direct(int fd) {
  // A memory file system may take O_DIRECT and do nothing of it.
  if (is_memory_file_system(fd)) return false;
  const DirectRule rule = direct_rule(fd);
  if (rule.known && rule.offset == 0) return false;
  const int flags = ::fcntl(fd, F_GETFL);
  return flags >= 0 && ::fcntl(fd, F_SETFL, flags | O_DIRECT) == 0;
}

Status list_files(int directory, std::string_view path, std::map<std::string, uint64_t>* sizes) {
  Descriptor fd(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(fd.get() < 0 ? nullptr : ::fdopendir(fd.get()),
                                                    ::closedir);
  if (entries == nullptr) return std::unexpected(file_error(errno, "list", path));
  (void)fd.release();  // closedir() closes it
  for (;;) {
    errno = 0;
    const dirent* const entry = ::readdir(entries.get());
    if (entry == nullptr) break;
    struct stat status{};
    if (!is_file_name(entry->d_name)) continue;
    if (::fstatat(directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
      if (!S_ISREG(status.st_mode)) return no_regular_file(entry->d_name, status.st_mode);
      sizes->emplace(entry->d_name, static_cast<uint64_t>(status.st_size));
    } else if (errno != ENOENT) {  // removed just now
      break;
    }
  }
  if (errno != 0 && errno != ENOENT) return std::unexpected(file_error(errno, "list", path));
  return {};
}

}  // namespace chronik::host
