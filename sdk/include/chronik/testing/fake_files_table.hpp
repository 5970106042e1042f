// The functions of FakeFiles as the ABI's table. Included by fake_files.hpp.
#pragma once

#include <chronik/testing/fake_files.hpp>

namespace chronik::testing {

struct FakeFilesTable {
  using Kind = FakeFiles::Kind;
  using Handle = FakeFiles::Handle;

  static FakeFiles& of(chr_host* self) { return FakeFiles::of(self); }

  static chr_status CHR_CALL open(chr_host* self, chr_str name, uint32_t flags, uint64_t* file,
                                  chr_file_info* info, chr_error* error) {
    FakeFiles& files = of(self);
    files.may_block("open");
    const bool is_to_read = (flags & CHR_FILE_READ) != 0;
    const bool both = is_to_read && (flags & CHR_FILE_CREATE) != 0;
    if (both || (flags & ~(CHR_FILE_CREATE | CHR_FILE_DIRECT | CHR_FILE_READ)) != 0)
      FakeFiles::misuse("open() with flags that are unknown, or do not go together");
    const std::string path = files.named(name);
    if (const chr_status status = files.faulted({Kind::kOpen, std::string(from_abi(name)), 0, 0}, error))
      return status;
    int fd = ::open(path.c_str(), (is_to_read ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    const bool is_new = fd < 0 && errno == ENOENT && (flags & CHR_FILE_CREATE) != 0;
    if (is_new) fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL, 0644);
    if (fd < 0) return FakeFiles::failed(error, "cannot open " + path);
    struct stat status{};
    ::fstat(fd, &status);
    files.expect_not_open(status.st_ino, from_abi(name));
    ::fstat(fd, &status);
    if (files.watcher != nullptr) files.watcher->opened(status.st_ino, std::string(from_abi(name)), is_new);
    const bool is_direct = (flags & CHR_FILE_DIRECT) != 0;
    const uint32_t block = is_direct ? files.options_.block : 1;
    const auto size = static_cast<uint64_t>(status.st_size);
    *file = ++files.last_file_;
    files.handles_[*file] = {fd, status.st_ino, std::string(from_abi(name)), block, size, is_to_read};
    chr_file_info all{info->struct_size, block, is_direct && files.options_.is_direct ? 1u : 0u, 0, size};
    std::memcpy(info, &all, std::min<size_t>(info->struct_size, sizeof all));
    return CHR_OK;
  }
  static void CHR_CALL close(chr_host* self, uint64_t file) {
    FakeFiles& files = of(self);
    files.handle(file, "close()").is_closed = true;
    files.end_if_closed(file);
  }

  static chr_status CHR_CALL write(chr_host* self, const chr_file_write* args, chr_error* error) {
    FakeFiles& files = of(self);
    Handle& to = files.handle_to_change(args->file, "write()");
    if (args->token == 0) files.may_block("write() without a token");
    if (args->n == 0 || args->n > CHR_FILE_MAX_SLICES) FakeFiles::misuse("a write has 1 to 1024 slices");
    if ((args->flags & ~CHR_FILE_DURABLE) != 0) FakeFiles::misuse("write() with unknown flags");
    FakeFiles::Operation operation{Kind::kWrite, args->file, args->at, 0, args->flags,
                                   args->token,  0,          {},       {}};
    for (const chr_slice& slice : std::span(args->slices, args->n)) {
      FakeFiles::aligned(to, slice.n, "the size");
      FakeFiles::aligned(to, slice.p);
      operation.n += slice.n;
      operation.slices.push_back(slice);
      operation.leases.push_back(Lease::share(slice.lease));
    }
    if (operation.n == 0) FakeFiles::misuse("a write of no bytes");
    FakeFiles::aligned(to, args->at, "the position");
    if (args->at > to.size)
      FakeFiles::misuse("a write at " + std::to_string(args->at) + " leaves a hole in " + to.name);
    files.expect_apart(args->file, args->at, operation.n, "a write");
    to.size = std::max(to.size, args->at + operation.n);
    return files.begin(std::move(operation), error);
  }
  static chr_status CHR_CALL sync(chr_host* self, uint64_t file, uint64_t token, chr_error* error) {
    FakeFiles& files = of(self);
    files.handle(file, "sync()");
    if (token == 0) files.may_block("sync() without a token");
    return files.begin({Kind::kSync, file, 0, 0, 0, token, 0, {}, {}}, error);
  }
  static chr_status CHR_CALL read(chr_host* self, uint64_t file, uint64_t at, uint8_t* p, uint64_t n,
                                  chr_error* error) {
    FakeFiles& files = of(self);
    files.may_block("read()");
    const Handle& from = files.handle(file, "read()");
    FakeFiles::aligned(from, at, "the position");
    FakeFiles::aligned(from, n, "the size");
    FakeFiles::aligned(from, p);
    if (const chr_status status = files.faulted({Kind::kRead, from.name, at, n}, error)) return status;
    while (n > 0) {
      const ssize_t got = ::pread(from.fd, p, n, static_cast<off_t>(at));
      if (got < 0 && errno != EINTR) return FakeFiles::failed(error, "cannot read " + from.name);
      if (got == 0) return report(error, CHR_E_OUT_OF_RANGE, from.name + " ends before");
      if (got < 0) continue;
      p += got;
      at += static_cast<uint64_t>(got);
      n -= static_cast<uint64_t>(got);
    }
    return CHR_OK;
  }
  static chr_status CHR_CALL zero(chr_host* self, uint64_t file, uint64_t at, uint64_t n, chr_error* error) {
    FakeFiles& files = of(self);
    files.may_block("zero()");
    Handle& to = files.handle_to_change(file, "zero()");
    FakeFiles::aligned(to, at, "the position");
    FakeFiles::aligned(to, n, "the size");
    if (at > to.size) FakeFiles::misuse("zero() at " + std::to_string(at) + " leaves a hole in " + to.name);
    files.expect_apart(file, at, n, "zero()");
    if (const chr_status status = files.faulted({Kind::kZero, to.name, at, n}, error)) return status;
    const uint64_t begin = at;
    const std::vector<uint8_t> zeros(std::min<uint64_t>(n, 1 << 20));
    for (const uint64_t end = at + n; at < end; at += zeros.size()) {
      const chr_status status =
          FakeFiles::write_all(to.fd, zeros.data(), std::min(end - at, zeros.size()), at, error);
      if (status != CHR_OK) return status;
      to.size = std::max(to.size, std::min(end, at + zeros.size()));
    }
    if (files.watcher != nullptr) files.watcher->zeroed(to.inode, begin, n);
    return CHR_OK;
  }
  static chr_status CHR_CALL resize(chr_host* self, uint64_t file, uint64_t n, chr_error* error) {
    FakeFiles& files = of(self);
    files.may_block("resize()");
    Handle& to = files.handle_to_change(file, "resize()");
    files.expect_apart(file, n, UINT64_MAX - n, "resize()");
    if (const chr_status status = files.faulted({Kind::kResize, to.name, 0, n}, error)) return status;
    if (::ftruncate(to.fd, static_cast<off_t>(n)) != 0)
      return FakeFiles::failed(error, "cannot resize " + to.name);
    to.size = n;
    if (files.watcher != nullptr) files.watcher->resized(to.inode, n);
    return CHR_OK;
  }

  static chr_status CHR_CALL map(chr_host* self, uint64_t file, uint64_t at, uint64_t n, chr_slice* out,
                                 chr_error* error) {
    FakeFiles& files = of(self);
    const Handle& from = files.handle(file, "map()");
    if (at % 4096 != 0 || n == 0) FakeFiles::misuse("map() at " + std::to_string(at) + " of " + from.name);
    void* const p = ::mmap(nullptr, n, PROT_READ, MAP_SHARED, from.fd, static_cast<off_t>(at));
    if (p == MAP_FAILED) return FakeFiles::failed(error, "cannot map " + from.name);
    auto* const map = new FakeFiles::Map(p, n);
    *out = {static_cast<const uint8_t*>(p), n, map->lease()};
    return CHR_OK;
  }
  static chr_status CHR_CALL load(chr_host* self, uint64_t file, uint64_t at, uint64_t n, chr_error* error) {
    FakeFiles& files = of(self);
    files.may_block("load()");
    const Handle& from = files.handle(file, "load()");
    if (at + n > from.size) return report(error, CHR_E_OUT_OF_RANGE, from.name + " ends before");
    if (const chr_status status = files.faulted({Kind::kLoad, from.name, at, n}, error)) return status;
    for (uint64_t page = at / 4096; page * 4096 < at + n; ++page) files.loaded_.insert({from.inode, page});
    return CHR_OK;
  }
  static int32_t CHR_CALL is_loaded(chr_host* self, uint64_t file, uint64_t at, uint64_t n) {
    FakeFiles& files = of(self);
    const Handle& from = files.handle(file, "is_loaded()");
    if (at + n > from.size) return 0;
    if (!files.options_.is_cold) return 1;
    for (uint64_t page = at / 4096; page * 4096 < at + n; ++page) {
      if (!files.loaded_.contains({from.inode, page})) return 0;
    }
    return 1;
  }

  static chr_status CHR_CALL rename(chr_host* self, chr_str from, chr_str to, chr_error* error) {
    FakeFiles& files = of(self);
    files.may_block("rename()");
    const std::string source = files.named(from);
    const std::string target = files.named(to);
    if (const chr_status status = files.faulted({Kind::kRename, std::string(from_abi(from)), 0, 0}, error))
      return status;
    if (::rename(source.c_str(), target.c_str()) != 0)
      return FakeFiles::failed(error, "cannot rename " + source);
    struct stat status{};
    ::stat(target.c_str(), &status);
    if (files.watcher != nullptr)
      files.watcher->renamed(status.st_ino, std::string(from_abi(from)), std::string(from_abi(to)));
    return CHR_OK;
  }
  static chr_status CHR_CALL remove(chr_host* self, chr_str name, chr_error* error) {
    FakeFiles& files = of(self);
    files.may_block("remove()");
    const std::string path = files.named(name);
    if (const chr_status status = files.faulted({Kind::kRemove, std::string(from_abi(name)), 0, 0}, error))
      return status;
    if (::unlink(path.c_str()) != 0) return FakeFiles::failed(error, "cannot remove " + path);
    if (files.watcher != nullptr) files.watcher->removed(std::string(from_abi(name)));
    return CHR_OK;
  }
  static chr_status CHR_CALL sync_names(chr_host* self, chr_error* error) {
    FakeFiles& files = of(self);
    files.may_block("sync_names()");
    if (const chr_status status = files.faulted({Kind::kSyncNames, {}, 0, 0}, error)) return status;
    const int fd = ::open(files.directory().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool is_synced = fd >= 0 && ::fsync(fd) == 0;
    if (fd >= 0) ::close(fd);
    if (!is_synced) return FakeFiles::failed(error, "cannot sync " + files.directory());
    if (files.watcher != nullptr) files.watcher->names_synced();
    return CHR_OK;
  }
  static chr_status CHR_CALL list(chr_host* self, void(CHR_CALL* fn)(void*, chr_str, uint64_t), void* context,
                                  chr_error*) {
    FakeFiles& files = of(self);
    files.may_block("list()");
    std::map<std::string, uint64_t> all;
    for (const auto& entry : std::filesystem::directory_iterator(files.directory())) {
      const std::string name = entry.path().filename().string();
      if (entry.is_regular_file() && is_file_name(name)) all[name] = entry.file_size();
    }
    for (const auto& [name, size] : all) fn(context, to_abi(name), size);
    return CHR_OK;
  }
  static chr_status CHR_CALL space(chr_host* self, uint64_t* free_bytes, chr_error* error) {
    FakeFiles& files = of(self);
    files.may_block("space()");
    if (const chr_status status = files.faulted({Kind::kSpace, {}, 0, 0}, error)) return status;
    struct statvfs status{};
    if (::statvfs(files.directory().c_str(), &status) != 0)
      return FakeFiles::failed(error, "cannot ask for space");
    *free_bytes = files.free_bytes.value_or(status.f_bavail * status.f_frsize);
    return CHR_OK;
  }
  static chr_status CHR_CALL sync_files(chr_host* self, const uint64_t* all, uint32_t n, chr_status* each,
                                        chr_error* error) {
    FakeFiles& files = of(self);
    files.may_block("sync_files()");
    for (const uint64_t file : std::span(all, n)) files.handle(file, "sync_files()");
    return files.sync_together({all, n}, each, error);
  }
  static constexpr chr_files_v1 kTable = {sizeof(chr_files_v1),
                                          1,
                                          open,
                                          close,
                                          write,
                                          sync,
                                          read,
                                          zero,
                                          resize,
                                          map,
                                          load,
                                          is_loaded,
                                          rename,
                                          remove,
                                          sync_names,
                                          list,
                                          space,
                                          sync_files};
};

inline void FakeFiles::bind() {
  host_.add_service(CHR_FILES_ID, &FakeFilesTable::kTable);
  host_.files_ = this;
}

}  // namespace chronik::testing
