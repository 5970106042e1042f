#include "host/files/file_folder.h"

#include "host/files/file_error.h"
#include "host/files/file_map.h"
#include "host/files/file_service.h"
#include "host/files/file_system.h"
#include "host/observe/logger.h"
#include "host/runtime/runtime.h"

#include <chronik/call.hpp>
#include <chronik/files.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <span>
#include <thread>
#include <vector>

namespace chronik::host {
namespace {

constexpr uint64_t kZeroPiece = 1 << 20;
constexpr uint64_t kMapStep = 4096;
constexpr std::chrono::milliseconds kLockAgain{5};
constexpr uint64_t kPatienceNs = 200'000'000;  // before the log says what is waited for
constexpr uint64_t kTellAgainNs = 30'000'000'000;
constexpr size_t kClosedKept = 64;  // closed files whose inodes are gone through only once there are more

// Whether [at, at + n) is a range that a file can have.
bool is_range(uint64_t at, uint64_t n) { return at <= INT64_MAX && n <= INT64_MAX - at; }

Status check_range(const OpenFile& file, uint64_t at, uint64_t n, std::string_view doing) {
  if (is_range(at, n)) return {};
  return fail(Code::kInvalidArgument,
              fmt::format("{} {} bytes at {} of {}: no file is that large", doing, n, at, file.name()));
}

Status check_within(const OpenFile& file, uint64_t at, uint64_t n, std::string_view doing) {
  CHRONIK_CHECK(check_range(file, at, n, doing));
  if (const uint64_t size = file.size(); at + n > size) {
    return fail(Code::kOutOfRange,
                fmt::format("{} {} bytes at {} of {}, which has {}", doing, n, at, file.name(), size));
  }
  return {};
}

Status misaligned(const OpenFile& file, std::string_view what, uint64_t value) {
  return fail(Code::kInvalidArgument, fmt::format("{} of {} is {}, which is no multiple of its block, {}",
                                                  what, file.name(), value, file.kind().block));
}

Status check_aligned(const OpenFile& file, uint64_t at, const void* p, uint64_t n) {
  const uint64_t mask = file.kind().block - 1;
  const auto address = reinterpret_cast<uintptr_t>(p);
  if ((at & mask) != 0) return misaligned(file, "a position", at);
  if ((n & mask) != 0) return misaligned(file, "a size", n);
  if ((address & mask) != 0) return misaligned(file, "an address", address);
  return {};
}

Status check_file_name(std::string_view name) {
  if (is_file_name(name)) return {};
  return fail(Code::kInvalidArgument,
              fmt::format("\"{}\" is no name of a file: 1 to {} bytes of [a-z0-9._-], not a dot first",
                          name.substr(0, CHR_FILE_MAX_NAME), CHR_FILE_MAX_NAME));
}

// What the caller's struct_size covers.
void copy_covered(chr_file_info from, chr_file_info* to) {
  from.struct_size = to->struct_size;
  std::memcpy(to, &from, std::min<size_t>(to->struct_size, sizeof from));
}

}  // namespace

FileFolder::FileFolder(FileService& service, std::string owner, std::string path, int directory)
    : service_(service), owner_(std::move(owner)), path_(std::move(path)), directory_(directory) {}

FileFolder::~FileFolder() { ::close(directory_); }

void FileFolder::note_use() { service_.log_refusal_once(); }

Result<std::shared_ptr<OpenFile>> FileFolder::find(uint64_t file) {
  const std::lock_guard lock(mutex_);
  const auto found = files_.find(file);
  if (found != files_.end()) return found->second;
  return fail(Code::kInvalidArgument, fmt::format("there is no open file {}", file));
}

Result<std::shared_ptr<OpenFile>> FileFolder::find_to_change(uint64_t file) {
  CHRONIK_TRY(std::shared_ptr<OpenFile> found, find(file));
  if (!found->kind().to_read) return found;
  return fail(Code::kInvalidArgument, fmt::format("{} was opened to read only", found->name()));
}

std::shared_ptr<OpenFile> FileFolder::find_open(const std::string& name) {
  struct stat status{};
  if (::fstatat(directory_, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return nullptr;
  const std::lock_guard lock(mutex_);
  const auto found = by_inode_.find({status.st_dev, status.st_ino});
  return found == by_inode_.end() ? nullptr : found->second.lock();
}

Status FileFolder::wait_closed(const Inode& inode, std::string_view name) {
  std::shared_ptr<OpenFile> before;
  {
    const std::lock_guard lock(mutex_);
    const auto found = by_inode_.find(inode);
    if (found == by_inode_.end()) return {};
    before = found->second.lock();
    const auto is_it = [&](const auto& entry) { return entry.second == before; };
    if (before != nullptr && std::any_of(files_.begin(), files_.end(), is_it))
      return fail(Code::kInvalidArgument, fmt::format("{} is open already", name));
  }
  if (before == nullptr) return {};
  before->wait_idle();
  unlock(before->fd());
  return {};
}

void FileFolder::lock_file(int fd, std::string_view name) {
  for (uint64_t tell_ns = monotonic_ns() + kPatienceNs; !try_lock(fd);
       std::this_thread::sleep_for(kLockAgain)) {
    if (monotonic_ns() < tell_ns) continue;
    tell_ns = monotonic_ns() + kTellAgainNs;
    service_.runtime_.logger().warn(
        owner_,
        "Waiting for a file that is locked: writes of a process that was killed are still on their way to "
        "the disk, or another program has it (lslocks says which)",
        Fields().add("folder", path_).add("file", name));
  }
}

bool FileFolder::make_direct(int fd, std::string_view name) {
  if (set_direct(fd)) return true;
  if (!told_not_direct_.exchange(true)) {
    service_.runtime_.logger().info(
        owner_, "the file system of this folder does not take O_DIRECT; writes go through the page cache",
        Fields().add("folder", path_).add("file", name));
  }
  return false;
}

Result<uint64_t> FileFolder::open(std::string_view name, uint32_t flags, chr_file_info* info) {
  CHRONIK_CHECK(check_file_name(name));
  const bool both = (flags & CHR_FILE_CREATE) != 0 && (flags & CHR_FILE_READ) != 0;
  if (both || (flags & ~(CHR_FILE_CREATE | CHR_FILE_DIRECT | CHR_FILE_READ)) != 0)
    return fail(Code::kInvalidArgument,
                fmt::format("flags {:#x} to open {}, not all are known, or not together", flags, name));
  const std::lock_guard opening(opening_);
  CHRONIK_TRY(OpenedDescriptors opened, open_file(directory_, name, flags));
  const Inode inode{opened.status.st_dev, opened.status.st_ino};
  CHRONIK_CHECK(wait_closed(inode, name));
  lock_file(opened.fd.get(), name);
  OpenFile::Kind kind;
  kind.to_read = (flags & CHR_FILE_READ) != 0;
  if (kind.to_read) unlock(opened.fd.get());
  if ((flags & CHR_FILE_DIRECT) != 0) {
    kind.block = direct_block(opened.fd.get());
    kind.direct = make_direct(opened.fd.get(), name);
  }
  CHRONIK_TRY(const uint64_t size, file_size(opened.fd.get(), name));  // what was in flight has ended
  const OpenFile::Descriptors fds{opened.fd.release(), opened.sync_fd.release()};
  auto file = std::make_shared<OpenFile>(std::string(name), fds, kind, size, service_.reaper_);
  copy_covered(file->info(), info);
  const std::lock_guard lock(mutex_);
  by_inode_[inode] = file;
  files_.emplace(++last_handle_, std::move(file));
  return last_handle_;
}

void FileFolder::close(uint64_t file) {
  std::shared_ptr<OpenFile> closed;  // goes without the lock
  const std::lock_guard lock(mutex_);
  const auto found = files_.find(file);
  if (found == files_.end()) return;
  closed = std::move(found->second);
  files_.erase(found);
  if (by_inode_.size() <= 2 * files_.size() + kClosedKept) return;
  std::erase_if(by_inode_, [&](const auto& entry) { return entry.second.expired(); });
}

Status FileFolder::run_or_start(std::unique_ptr<FileOp> op) {
  if (op->token == 0) return service_.run(*op);
  service_.start(std::move(op));
  return {};
}

Status FileFolder::write(const chr_file_write& args) {
  CHRONIK_TRY(const std::shared_ptr<OpenFile> file, find_to_change(args.file));
  if (args.n == 0 || args.n > CHR_FILE_MAX_SLICES)
    return fail(Code::kInvalidArgument,
                fmt::format("a write of {} slices to {}, at least 1 and at most {} go", args.n, file->name(),
                            CHR_FILE_MAX_SLICES));
  if ((args.flags & ~CHR_FILE_DURABLE) != 0)
    return fail(Code::kInvalidArgument,
                fmt::format("a write to {} with flags {:#x}, not all are known", file->name(), args.flags));
  auto op = std::make_unique<FileOp>();
  op->file = file;
  op->token = args.token;
  op->durable = (args.flags & CHR_FILE_DURABLE) != 0;
  op->at = args.at;
  op->parts.reserve(args.n);
  for (const chr_slice& slice : std::span(args.slices, args.n)) {
    CHRONIK_CHECK(check_aligned(*file, args.at, slice.p, slice.n));
    CHRONIK_CHECK(check_range(*file, args.at + op->bytes, slice.n, "a write of"));
    if (slice.n == 0) continue;
    op->parts.push_back({const_cast<uint8_t*>(slice.p), slice.n});
    op->bytes += slice.n;
    if (args.token != 0 && slice.lease != nullptr) op->leases.push_back(Lease::share(slice.lease));
  }
  op->left = op->bytes;
  if (op->bytes == 0)
    return fail(Code::kInvalidArgument, fmt::format("a write of no bytes to {}", file->name()));
  CHRONIK_CHECK(file->begin_write(op->at, op->bytes));
  return run_or_start(std::move(op));
}

Status FileFolder::sync(uint64_t file, uint64_t token) {
  auto op = std::make_unique<FileOp>();
  CHRONIK_TRY(op->file, find(file));
  op->token = token;
  op->is_sync = true;
  op->file->begin_sync();
  return run_or_start(std::move(op));
}

Status FileFolder::sync_files(std::span<const uint64_t> files, chr_status* each) {
  std::vector<FileOp> ops(files.size());
  for (size_t i = 0; i < files.size(); ++i) {
    CHRONIK_TRY(ops[i].file, find(files[i]));
    ops[i].is_sync = true;
  }
  for (const FileOp& op : ops) op.file->begin_sync();
  Status first;
  for (const Status& ended : service_.run_syncs(std::move(ops))) {
    *each++ = code_of(ended);
    if (first) first = ended;
  }
  return first;
}

Status FileFolder::read(uint64_t file, uint64_t at, uint8_t* p, uint64_t n) {
  CHRONIK_TRY(const std::shared_ptr<OpenFile> from, find(file));
  CHRONIK_CHECK(check_range(*from, at, n, "a read of"));
  CHRONIK_CHECK(check_aligned(*from, at, p, n));
  uint64_t done = 0;
  while (done < n) {
    const ssize_t got = ::pread(from->fd(), p + done, n - done, static_cast<off_t>(at + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(file_error(errno, "read", from->name()));
    done += static_cast<uint64_t>(got);
    if (got == 0 || done % from->kind().block != 0) break;  // the end, which may lie within a block
  }
  if (done == n) return {};
  return fail(Code::kOutOfRange, fmt::format("a read of {} bytes at {} of {}, which ends at {}", n, at,
                                             from->name(), at + done));
}

Status FileFolder::zero_piece(const std::shared_ptr<OpenFile>& file, uint64_t at, uint8_t* zeros,
                              uint64_t n) {
  FileOp op;
  op.file = file;
  op.at = at;
  op.bytes = op.left = n;
  op.parts = {{zeros, n}};
  CHRONIK_CHECK(file->begin_write(at, n));
  return service_.run(op);
}

Status FileFolder::zero(uint64_t file, uint64_t at, uint64_t n) {
  CHRONIK_TRY(const std::shared_ptr<OpenFile> to, find_to_change(file));
  CHRONIK_CHECK(check_range(*to, at, n, "zeros of"));
  CHRONIK_CHECK(check_aligned(*to, at, nullptr, n));
  // Pages that nobody has written are one page of zeros: they take no memory.
  void* const zeros = ::mmap(nullptr, kZeroPiece, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (zeros == MAP_FAILED) return fail(Code::kOverloaded, "no memory for zeros to write");
  const auto unmap = [](void* p) { ::munmap(p, kZeroPiece); };
  const std::unique_ptr<void, decltype(unmap)> mapped(zeros, unmap);
  for (uint64_t done = 0; done < n;) {
    const uint64_t piece = std::min(n - done, kZeroPiece);
    CHRONIK_CHECK(zero_piece(to, at + done, static_cast<uint8_t*>(zeros), piece));
    done += piece;
  }
  return {};
}

Status FileFolder::resize(uint64_t file, uint64_t n) {
  CHRONIK_TRY(const std::shared_ptr<OpenFile> resized, find_to_change(file));
  CHRONIK_CHECK(check_range(*resized, 0, n, "a size of"));
  if (::ftruncate(resized->fd(), static_cast<off_t>(n)) != 0)
    return std::unexpected(file_error(errno, "resize", resized->name()));
  resized->set_size(n);
  return {};
}

Result<chr_slice> FileFolder::map(uint64_t file, uint64_t at, uint64_t n) {
  CHRONIK_TRY(const std::shared_ptr<OpenFile> mapped, find(file));
  CHRONIK_CHECK(check_range(*mapped, at, n, "a map of"));
  if (n == 0 || at % kMapStep != 0)
    return fail(Code::kInvalidArgument,
                fmt::format("a map of {} bytes at {} of {}: it begins at a multiple of {} and is not empty",
                            n, at, mapped->name(), kMapStep));
  return map_file(*mapped, at, n);
}

Status FileFolder::load(uint64_t file, uint64_t at, uint64_t n) {
  CHRONIK_TRY(const std::shared_ptr<OpenFile> loaded, find(file));
  CHRONIK_CHECK(check_within(*loaded, at, n, "loading"));
  return load_file(*loaded, at, n);
}

bool FileFolder::is_loaded(uint64_t file, uint64_t at, uint64_t n) {
  const Result<std::shared_ptr<OpenFile>> found = find(file);
  return found && check_within(**found, at, n, "looking for") && is_in_memory(**found, at, n);
}

Status FileFolder::rename(std::string_view from, std::string_view to) {
  CHRONIK_CHECK(check_file_name(from));
  CHRONIK_CHECK(check_file_name(to));
  const std::string old_name(from);
  const std::string new_name(to);
  const std::shared_ptr<OpenFile> open = find_open(old_name);
  if (::renameat(directory_, old_name.c_str(), directory_, new_name.c_str()) != 0)
    return std::unexpected(file_error(errno, "rename", old_name));
  if (open != nullptr) open->rename(to);
  return {};
}

Status FileFolder::remove(std::string_view name) {
  CHRONIK_CHECK(check_file_name(name));
  if (::unlinkat(directory_, std::string(name).c_str(), 0) != 0)
    return std::unexpected(file_error(errno, "remove", name));
  return {};
}

Status FileFolder::sync_names() {
  if (::fsync(directory_) != 0) return std::unexpected(file_error(errno, "sync the names in", path_));
  return {};
}

Status FileFolder::list(const std::function<void(std::string_view name, uint64_t size)>& fn) {
  std::map<std::string, uint64_t> sizes;
  CHRONIK_CHECK(list_files(directory_, path_, &sizes));
  for (const auto& [name, size] : sizes) fn(name, size);
  return {};
}

Result<uint64_t> FileFolder::free_bytes() {
  struct statvfs status{};
  if (::fstatvfs(directory_, &status) != 0)
    return std::unexpected(file_error(errno, "look for space in", path_));
  return uint64_t{status.f_bavail} * status.f_frsize;
}

}  // namespace chronik::host
