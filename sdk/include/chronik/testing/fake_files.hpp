// FakeFiles: chronik.host.files/1 of a FakeHost, over a real folder, for unit tests of a plugin that keeps files.
//
//     chronik::testing::FakeHost host;
//     chronik::testing::FakeFiles files(host, {.seed = 7});  // what is in flight ends in a random order
//     MyPlugin plugin(chronik::Host(host.core()));
//     host.run();  // every write and sync with a token takes a turn of the blocking lane, then completes
//     files.fault = [](const auto& call) { return call.kind == FakeFiles::Kind::kSync ? CHR_E_IO : CHR_OK; };
//
// A write or sync with a token is done when its turn comes, not when it is asked for: what reads before, does not
// find it, and bytes without a lease must still be there. FakeHost::hold_blocking stalls the disk. A caller's bug
// (writes in flight that overlap, a misaligned direct write, a handle that is not open, a blocking call on a
// shard) aborts and says which. The host outlives this; the folder may be given to another FakeFiles afterwards.
#pragma once

#include <chronik/files.hpp>
#include <chronik/testing/fake_host.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <optional>
#include <random>
#include <span>

namespace chronik::testing {

class FakeFiles {
 public:
  enum class Kind {
    kOpen,
    kWrite,
    kSync,
    kRead,
    kZero,
    kResize,
    kLoad,
    kRename,
    kRemove,
    kSyncNames,
    kSpace
  };
  // n: bytes, or of a resize the size. name: that of the file when it was opened, of a rename the old one.
  struct Call {
    Kind kind;
    std::string name;
    uint64_t at, n;
  };
  // Told what becomes of the files, for whoever works out what a power loss would leave. A file is known by the
  // number of its inode while it has a name or is open.
  struct Watcher {
    virtual ~Watcher() = default;
    virtual void opened(uint64_t inode, const std::string& name, bool is_new) = 0;
    virtual void renamed(uint64_t inode, const std::string& from, const std::string& to) = 0;
    virtual void removed(const std::string& name) = 0;
    virtual void names_synced() = 0;
    // Any part of it may be done until its end; ends only where it succeeds.
    virtual void write_begins(uint64_t call, uint64_t inode, uint64_t at,
                              std::span<const chr_slice> slices) = 0;
    virtual void write_ends(uint64_t call, bool is_durable) = 0;
    virtual void zeroed(uint64_t inode, uint64_t at, uint64_t n) = 0;
    virtual void resized(uint64_t inode, uint64_t n) = 0;
    // What ended before it began is durable at its end.
    virtual void sync_begins(uint64_t call, uint64_t inode) = 0;
    virtual void sync_ends(uint64_t call) = 0;
  };
  struct Options {
    std::string directory = {};  // empty: a new one, removed at the end
    uint64_t seed = 0;           // not 0: writes and syncs in flight end in a random order
    uint32_t block = 4096;       // of files that are opened DIRECT
    bool is_direct = true;       // what chr_file_info.direct says of them
    bool is_cold = false;        // is_loaded() is 0 where load() was not called
  };

  explicit FakeFiles(FakeHost& host) : FakeFiles(host, Options{}) {}
  FakeFiles(FakeHost& host, Options options)
      : host_(host),
        options_(std::move(options)),
        random_(options_.seed),
        removes_(options_.directory.empty()) {
    if (removes_) options_.directory = make_directory();
    bind();
  }
  FakeFiles(const FakeFiles&) = delete;
  FakeFiles& operator=(const FakeFiles&) = delete;
  // What is in flight is not written, as when a process is killed.
  ~FakeFiles() {
    host_.files_ = nullptr;
    for (const auto& [id, handle] : handles_) ::close(handle.fd);
    std::error_code ignored;
    if (removes_) std::filesystem::remove_all(options_.directory, ignored);
  }

  const std::string& directory() const { return options_.directory; }
  std::string path(std::string_view name) const { return options_.directory + "/" + std::string(name); }
  // Asked before each call does its work; what is not OK is how it ends. Of a write that ends with NO_SPACE the
  // first half is done.
  std::function<chr_status(const Call& call)> fault;
  Watcher* watcher = nullptr;
  std::optional<uint64_t> free_bytes;  // what space() says; nothing: as much as there is
  size_t open_files() const { return handles_.size(); }
  size_t in_flight() const { return in_flight_.size(); }
  // Forgets what load() brought.
  void evict() { loaded_.clear(); }

 private:
  void bind();

  struct Handle {
    int fd;
    uint64_t inode;
    std::string name;
    uint64_t block;
    uint64_t size;  // with the writes in flight
    bool is_to_read;
    bool is_closed = false;
  };
  // A write or sync, n == 0 and no slices: a sync.
  struct Operation {
    Kind kind;
    uint64_t file, at, n;
    uint32_t flags;
    uint64_t token;
    uint64_t number;  // of the call
    std::vector<chr_slice> slices;
    std::vector<Lease> leases;
  };
  // A mapped range, for as long as someone holds it.
  struct Map : Leased<Map> {
    Map(void* at, uint64_t bytes) : p(at), n(bytes) {}
    ~Map() { ::munmap(p, n); }
    Map(const Map&) = delete;
    Map& operator=(const Map&) = delete;
    void* const p;
    const uint64_t n;
  };
  // One turn of the blocking lane; the files may be gone by then.
  struct Turn {
    FakeFiles* files;
    std::weak_ptr<int> alive;
    static void CHR_CALL run(void* context) {
      const std::unique_ptr<Turn> self(static_cast<Turn*>(context));
      if (!self->alive.expired() && !self->files->in_flight_.empty()) self->files->end_one();
    }
  };

  static FakeFiles& of(chr_host* self) {
    FakeFiles* const files = reinterpret_cast<FakeHost*>(self)->files_;
    if (files == nullptr) misuse("the files are gone");
    return *files;
  }
  [[noreturn]] static void misuse(const std::string& what) {
    std::fprintf(stderr, "FakeFiles: misuse of chronik.host.files/1: %s\n", what.c_str());
    std::abort();
  }
  static std::string make_directory() {
    std::string path = (std::filesystem::temp_directory_path() / "chronik-files-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("cannot make a folder like " + path);
    return path;
  }
  std::string named(chr_str name) const {
    if (!is_file_name(from_abi(name))) misuse("\"" + std::string(from_abi(name)) + "\" is no name of a file");
    return path(from_abi(name));
  }
  void may_block(const char* what) const {
    if (host_.current_ >= 0) misuse(std::string(what) + " blocks, and was called on a shard");
  }
  Handle& handle(uint64_t file, const char* what) {
    const auto found = handles_.find(file);
    if (found == handles_.end() || found->second.is_closed)
      misuse(std::string(what) + " of handle " + std::to_string(file) + ", which is not open");
    return found->second;
  }
  Handle& handle_to_change(uint64_t file, const char* what) {
    Handle& found = handle(file, what);
    if (found.is_to_read) misuse(std::string(what) + " of " + found.name + ", which was opened to read");
    return found;
  }
  static chr_status code_of(int error) {
    if (error == ENOSPC || error == EDQUOT || error == EFBIG) return CHR_E_NO_SPACE;
    if (error == EMFILE || error == ENFILE) return CHR_E_OVERLOADED;
    return error == ENOENT ? CHR_E_NOT_FOUND : CHR_E_IO;
  }
  static chr_status failed(chr_error* error, const std::string& what) {
    return report(error, code_of(errno), what + ": " + std::strerror(errno));
  }
  chr_status faulted(const Call& call, chr_error* error) const {
    const chr_status code = fault ? fault(call) : CHR_OK;
    return code == CHR_OK ? CHR_OK : report(error, code, "a planted fault of " + call.name);
  }
  static chr_status write_all(int fd, const uint8_t* p, uint64_t n, uint64_t at, chr_error* error) {
    while (n > 0) {
      const ssize_t put = ::pwrite(fd, p, n, static_cast<off_t>(at));
      if (put < 0 && errno != EINTR) return failed(error, "cannot write");
      if (put <= 0) continue;
      p += put;
      n -= static_cast<uint64_t>(put);
      at += static_cast<uint64_t>(put);
    }
    return CHR_OK;
  }
  // What a block asks of positions, sizes and addresses.
  static void aligned(const Handle& to, uint64_t value, const char* what) {
    if (value % to.block != 0)
      misuse(std::string(what) + " " + std::to_string(value) + " of " + to.name + " is no multiple of " +
             std::to_string(to.block));
  }
  static void aligned(const Handle& to, const void* p) {
    aligned(to, reinterpret_cast<uintptr_t>(p), "the address");
  }
  // No write in flight touches [at, at + n) of the file.
  void expect_apart(uint64_t file, uint64_t at, uint64_t n, const char* what) const {
    for (const Operation& other : in_flight_) {
      if (other.kind != Kind::kWrite || other.file != file || at >= other.at + other.n || other.at >= at + n)
        continue;
      misuse(std::string(what) + " of [" + std::to_string(at) + ", " + std::to_string(at + n) + ") of " +
             handles_.at(file).name + " overlaps a write in flight of [" + std::to_string(other.at) + ", " +
             std::to_string(other.at + other.n) + ")");
    }
  }

  // A file that was closed with something in flight is waited for.
  void expect_not_open(uint64_t inode, std::string_view name) {
    for (const auto& [file, handle] : std::map(handles_)) {
      if (handle.inode != inode) continue;
      if (!handle.is_closed) misuse(std::string(name) + " is opened twice at a time");
      while (has_in_flight(file)) end_one();
    }
  }

  // ---- writes and syncs ----
  chr_status begin(Operation operation, chr_error* error) {
    operation.number = ++last_call_;
    const uint64_t inode = handles_.at(operation.file).inode;
    if (watcher != nullptr && operation.kind == Kind::kSync) watcher->sync_begins(operation.number, inode);
    if (watcher != nullptr && operation.kind == Kind::kWrite)
      watcher->write_begins(operation.number, inode, operation.at, operation.slices);
    if (operation.token == 0) return perform(operation, error);
    in_flight_.push_back(std::move(operation));
    host_.queue_.push_back({-1, Turn::run, new Turn{this, alive_}});
    return CHR_PENDING;
  }
  // All have begun before the first ends.
  chr_status sync_together(std::span<const uint64_t> files, chr_status* each, chr_error* error) {
    std::vector<Operation> operations;
    for (const uint64_t file : files) {
      operations.push_back({Kind::kSync, file, 0, 0, 0, 0, ++last_call_, {}, {}});
      if (watcher != nullptr) watcher->sync_begins(last_call_, handles_.at(file).inode);
    }
    std::vector<size_t> order(files.size());
    std::iota(order.begin(), order.end(), size_t{0});
    if (options_.seed != 0) std::ranges::shuffle(order, random_);
    std::vector<chr_error> errors(files.size(), make_abi_error());
    for (const size_t i : order) each[i] = perform(operations[i], &errors[i]);
    const auto* const failed =
        std::find_if(each, each + files.size(), [](chr_status one) { return one < 0; });
    if (failed == each + files.size()) return CHR_OK;
    return report(error, *failed, errors[static_cast<size_t>(failed - each)].message);
  }
  void end_one(size_t which) {
    Operation operation = std::move(in_flight_[which]);
    in_flight_.erase(in_flight_.begin() + static_cast<std::ptrdiff_t>(which));
    chr_error error = make_abi_error();
    chr_done done{};
    done.code = perform(operation, &error);
    done.token = operation.token;
    done.message = to_abi(error.message);
    operation.leases.clear();
    end_if_closed(operation.file);
    FakeHost::complete(reinterpret_cast<chr_host*>(&host_), &done, 1);
  }
  void end_one() { end_one(options_.seed == 0 ? 0 : random_() % in_flight_.size()); }
  void end_if_closed(uint64_t file) {
    const Handle& ended = handles_.at(file);
    if (!ended.is_closed || has_in_flight(file)) return;
    ::close(ended.fd);
    handles_.erase(file);
  }
  bool has_in_flight(uint64_t file) const {
    return std::ranges::any_of(in_flight_, [file](const Operation& one) { return one.file == file; });
  }
  chr_status perform(const Operation& operation, chr_error* error) {
    const Handle& to = handles_.at(operation.file);
    const chr_status fails = faulted({operation.kind, to.name, operation.at, operation.n}, error);
    if (fails != CHR_OK && fails != CHR_E_NO_SPACE) return fails;
    uint64_t left = fails == CHR_OK ? operation.n : operation.n / 2;
    uint64_t at = operation.at;
    for (const chr_slice& slice : operation.slices) {
      const uint64_t n = std::min(left, slice.n);
      if (const chr_status status = write_all(to.fd, slice.p, n, at, error); status != CHR_OK) return status;
      at += n;
      left -= n;
    }
    if (fails != CHR_OK) return fails;
    const bool syncs = operation.kind == Kind::kSync || (operation.flags & CHR_FILE_DURABLE) != 0;
    if (syncs && ::fdatasync(to.fd) != 0) return failed(error, "cannot sync " + to.name);
    if (watcher != nullptr && operation.kind == Kind::kSync) watcher->sync_ends(operation.number);
    if (watcher != nullptr && operation.kind == Kind::kWrite) watcher->write_ends(operation.number, syncs);
    return CHR_OK;
  }

  friend struct FakeFilesTable;

  FakeHost& host_;
  Options options_;
  std::mt19937_64 random_;
  bool removes_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  std::map<uint64_t, Handle> handles_;
  uint64_t last_file_ = 0;
  uint64_t last_call_ = 0;
  std::vector<Operation> in_flight_;
  std::set<std::pair<uint64_t, uint64_t>> loaded_;  // (inode, page)
};

}  // namespace chronik::testing

#include <chronik/testing/fake_files_table.hpp>
