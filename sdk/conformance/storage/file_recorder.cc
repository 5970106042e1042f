#include "file_recorder.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace chronik::conformance {
namespace {

FileRecorder* g_active = nullptr;
FileFaults* g_faults = nullptr;

// The name of an open file below a directory, empty for other files.
std::string name_below(const std::string& directory, int fd) {
  char path[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t n = readlink(link.c_str(), path, sizeof path);
  const std::string_view name(path, n > 0 ? static_cast<size_t>(n) : 0);
  if (!name.starts_with(directory + "/")) return {};
  return std::string(name.substr(directory.size() + 1));
}

}  // namespace

FileFaults::FileFaults(std::string directory) : directory_(std::filesystem::canonical(directory)) {
  g_faults = this;
}

FileFaults::~FileFaults() { g_faults = nullptr; }

void FileFaults::disk_full(bool is_full) { capacity_ = is_full ? used() : UINT64_MAX; }

uint64_t FileFaults::used() const {
  uint64_t used = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(directory_))
    used += file.is_regular_file() ? file.file_size() : 0;
  return used;
}

int FileFaults::of_write(int fd, uint64_t at, uint64_t n) {
  if (g_faults == nullptr || name_below(g_faults->directory_, fd).empty()) return 0;
  struct stat status{};
  const bool is_longer = g_faults->capacity_ != UINT64_MAX && fstat(fd, &status) == 0 &&
                         at + n > static_cast<uint64_t>(status.st_size);
  if (is_longer && g_faults->used() + (at + n - static_cast<uint64_t>(status.st_size)) > g_faults->capacity_)
    return ENOSPC;
  return g_faults->syncs_fail && (fcntl(fd, F_GETFL) & O_DSYNC) != 0 ? EIO : 0;
}

int FileFaults::of_sync(int fd) {
  const bool fails =
      g_faults != nullptr && g_faults->syncs_fail && !name_below(g_faults->directory_, fd).empty();
  return fails ? EIO : 0;
}

FileRecorder::FileRecorder(std::string directory, bool stub_syncs)
    : FileRecorder(directory, stub_syncs, Trace(read_directory(directory))) {}

FileRecorder::FileRecorder(std::string directory, bool stub_syncs, Trace trace)
    : directory_(std::filesystem::canonical(directory)), stub_syncs_(stub_syncs), trace_(std::move(trace)) {
  g_active = this;
}

FileRecorder::~FileRecorder() { g_active = nullptr; }

FileRecorder* FileRecorder::active() { return g_active; }

std::string FileRecorder::name_of(int fd) const {
  struct stat status{};
  if (!files_.empty() && fstat(fd, &status) == 0 && files_.contains(status.st_ino)) return {};
  return name_below(directory_, fd);
}

void FileRecorder::on_write(int fd, uint64_t at, const void* bytes, uint64_t n) {
  const std::string name = name_of(fd);
  if (name.empty()) return;
  const size_t event = trace_.wrote(name, at, bytes, n);
  const int flags = fcntl(fd, F_GETFL);
  if ((flags & O_DSYNC) != 0 && !stub_syncs_) trace_.synced_one(event);
}

void FileRecorder::on_resize(int fd, uint64_t size) {
  const std::string name = name_of(fd);
  if (!name.empty()) trace_.resized(name, size);
}

void FileRecorder::on_sync(int fd) {
  const std::string name = name_of(fd);
  if (!name.empty() && !stub_syncs_) trace_.synced(name);
}

void FileRecorder::opened(uint64_t inode, const std::string& name, bool is_new) {
  files_[inode] = is_new ? trace_.made(name) : trace_.file_of(name);
}

void FileRecorder::names_synced() {
  if (!stub_syncs_) trace_.synced_names();
}

void FileRecorder::write_begins(uint64_t call, uint64_t inode, uint64_t at,
                                std::span<const chr_slice> slices) {
  std::string bytes;
  for (const chr_slice& slice : slices) bytes.append(reinterpret_cast<const char*>(slice.p), slice.n);
  const std::string& file = files_.at(inode);
  calls_[call] = {file, trace_.begun(file, at, std::move(bytes))};
}

void FileRecorder::write_ends(uint64_t call, bool is_durable) {
  const size_t write = calls_.extract(call).mapped().second;
  trace_.ended(write);
  if (is_durable && !stub_syncs_) trace_.synced_one(write);
}

void FileRecorder::sync_begins(uint64_t call, uint64_t inode) {
  calls_[call] = {files_.at(inode), trace_.events().size()};
}

void FileRecorder::sync_ends(uint64_t call) {
  const auto [file, began] = calls_.extract(call).mapped();
  if (!stub_syncs_) trace_.synced(file, began);
}

Image read_directory(const std::string& directory) {
  Image image;
  for (const auto& file : std::filesystem::recursive_directory_iterator(directory)) {
    if (!file.is_regular_file() || file.path().filename() == "lock.mdb") continue;
    std::ostringstream content;
    content << std::ifstream(file.path(), std::ios::binary).rdbuf();
    image[std::filesystem::relative(file.path(), directory)] = content.str();
  }
  return image;
}

void write_directory(const std::string& directory, const Image& image) {
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  for (const auto& [name, content] : image) {
    const std::filesystem::path path = std::filesystem::path(directory) / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary).write(content.data(), static_cast<std::streamsize>(content.size()));
  }
}

namespace {

uint64_t position(int fd) { return static_cast<uint64_t>(syscall(SYS_lseek, fd, 0, SEEK_CUR)); }

void record(int fd, uint64_t at, const iovec* parts, int count, ssize_t written) {
  FileRecorder* recorder = FileRecorder::active();
  for (int i = 0; recorder != nullptr && i < count && written > 0; ++i) {
    const size_t n = std::min<size_t>(parts[i].iov_len, static_cast<size_t>(written));
    recorder->on_write(fd, at, parts[i].iov_base, n);
    at += n;
    written -= static_cast<ssize_t>(n);
  }
}

uint64_t total(const iovec* parts, int count) {
  uint64_t n = 0;
  for (int i = 0; i < count; ++i) n += parts[i].iov_len;
  return n;
}

bool is_watching() { return g_active != nullptr || g_faults != nullptr; }

// Refuses a write where it must fail; sets errno.
bool refuses(int fd, uint64_t at, uint64_t n) {
  const int error = FileFaults::of_write(fd, at, n);
  if (error != 0) errno = error;
  return error != 0;
}

int sync(int fd, long call) {
  if (const int error = FileFaults::of_sync(fd); error != 0) {
    errno = error;
    return -1;
  }
  FileRecorder* recorder = FileRecorder::active();
  if (recorder != nullptr && recorder->stubs_syncs()) return 0;
  const int result = static_cast<int>(syscall(call, fd));
  if (result == 0 && recorder != nullptr) recorder->on_sync(fd);
  return result;
}

}  // namespace
}  // namespace chronik::conformance

// The functions of libc that the store under test finds here first.
extern "C" {

__attribute__((visibility("default"))) ssize_t pwrite(int fd, const void* bytes, size_t n, off_t at) {
  if (chronik::conformance::refuses(fd, static_cast<uint64_t>(at), n)) return -1;
  const ssize_t written = syscall(SYS_pwrite64, fd, bytes, n, at);
  const iovec part{const_cast<void*>(bytes), n};
  chronik::conformance::record(fd, static_cast<uint64_t>(at), &part, 1, written);
  return written;
}
__attribute__((visibility("default"))) ssize_t pwrite64(int fd, const void* bytes, size_t n, off64_t at) {
  return pwrite(fd, bytes, n, at);
}
__attribute__((visibility("default"))) ssize_t write(int fd, const void* bytes, size_t n) {
  const bool watched = chronik::conformance::is_watching();
  const uint64_t at = watched ? chronik::conformance::position(fd) : 0;
  if (watched && chronik::conformance::refuses(fd, at, n)) return -1;
  const ssize_t written = syscall(SYS_write, fd, bytes, n);
  const iovec part{const_cast<void*>(bytes), n};
  chronik::conformance::record(fd, at, &part, 1, written);
  return written;
}
__attribute__((visibility("default"))) ssize_t writev(int fd, const iovec* parts, int count) {
  const bool watched = chronik::conformance::is_watching();
  const uint64_t at = watched ? chronik::conformance::position(fd) : 0;
  if (watched && chronik::conformance::refuses(fd, at, chronik::conformance::total(parts, count))) return -1;
  const ssize_t written = syscall(SYS_writev, fd, parts, count);
  chronik::conformance::record(fd, at, parts, count, written);
  return written;
}
__attribute__((visibility("default"))) ssize_t pwritev(int fd, const iovec* parts, int count, off_t at) {
  if (chronik::conformance::refuses(fd, static_cast<uint64_t>(at), chronik::conformance::total(parts, count)))
    return -1;
  const ssize_t written = syscall(SYS_pwritev, fd, parts, count, at, 0);
  chronik::conformance::record(fd, static_cast<uint64_t>(at), parts, count, written);
  return written;
}
__attribute__((visibility("default"))) ssize_t pwritev64(int fd, const iovec* parts, int count, off64_t at) {
  return pwritev(fd, parts, count, at);
}
__attribute__((visibility("default"))) int ftruncate(int fd, off_t size) {
  const int result = static_cast<int>(syscall(SYS_ftruncate, fd, size));
  auto* recorder = chronik::conformance::FileRecorder::active();
  if (result == 0 && recorder != nullptr) recorder->on_resize(fd, static_cast<uint64_t>(size));
  return result;
}
__attribute__((visibility("default"))) int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }
__attribute__((visibility("default"))) int fsync(int fd) { return chronik::conformance::sync(fd, SYS_fsync); }
__attribute__((visibility("default"))) int fdatasync(int fd) {
  return chronik::conformance::sync(fd, SYS_fdatasync);
}

}  // extern "C"
