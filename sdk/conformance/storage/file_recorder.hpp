// Records what a store does to the files below a directory. The program that links this defines write,
// pwrite, writev, pwritev, ftruncate, fsync and fdatasync itself (and exports them), so that the store under
// test calls them here. Of the host's files it is told by them. A store that writes through a memory map is not
// seen.
#pragma once

#include "trace.hpp"

#include <chronik/testing/fake_files.hpp>

namespace chronik::conformance {

class FileRecorder : public testing::FakeFiles::Watcher {
 public:
  // Starts with the files as they are now. Only one recorder at a time; not thread-safe. With stub_syncs a
  // sync does nothing, which a crash test must notice.
  FileRecorder(std::string directory, bool stub_syncs);
  // Goes on with a trace; the directory holds what all of its writes made, synced or not.
  FileRecorder(std::string directory, bool stub_syncs, Trace trace);
  ~FileRecorder() override;
  FileRecorder(const FileRecorder&) = delete;
  FileRecorder& operator=(const FileRecorder&) = delete;

  Trace& trace() { return trace_; }

  // For the interposed functions.
  static FileRecorder* active();
  void on_write(int fd, uint64_t at, const void* bytes, uint64_t n);
  void on_resize(int fd, uint64_t size);
  void on_sync(int fd);
  bool stubs_syncs() const { return stub_syncs_; }

  // ---- for the host's files ----
  void opened(uint64_t inode, const std::string& name, bool is_new) override;
  void renamed(uint64_t, const std::string& from, const std::string& to) override {
    trace_.renamed(from, to);
  }
  void removed(const std::string& name) override { trace_.removed(name); }
  void names_synced() override;
  void write_begins(uint64_t call, uint64_t inode, uint64_t at, std::span<const chr_slice> slices) override;
  void write_ends(uint64_t call, bool is_durable) override;
  void zeroed(uint64_t inode, uint64_t at, uint64_t n) override { trace_.zeroed(files_.at(inode), at, n); }
  void resized(uint64_t inode, uint64_t n) override { trace_.cut(files_.at(inode), n); }
  void sync_begins(uint64_t call, uint64_t inode) override;
  void sync_ends(uint64_t call) override;

 private:
  // The name below the directory, empty for other files, and for those of the host.
  std::string name_of(int fd) const;

  std::string directory_;
  bool stub_syncs_;
  Trace trace_;
  std::map<uint64_t, std::string> files_;  // of the host, by inode: what the trace calls them
  std::map<uint64_t, std::pair<std::string, size_t>>
      calls_;  // under way: its file, and the event or their number
};

// Makes the disk below a directory fail while it lives. Only one at a time.
class FileFaults {
 public:
  explicit FileFaults(std::string directory);
  ~FileFaults();
  FileFaults(const FileFaults&) = delete;
  FileFaults& operator=(const FileFaults&) = delete;

  // From now on the files may take together what they take now, or as much as they like; beyond it ENOSPC.
  void disk_full(bool is_full);
  bool syncs_fail = false;  // every sync, and every write through O_DSYNC, fails with EIO

  // For the interposed functions: the errno of this call, 0 where it may go on.
  static int of_write(int fd, uint64_t at, uint64_t n);
  static int of_sync(int fd);

 private:
  uint64_t used() const;

  std::string directory_;
  uint64_t capacity_ = UINT64_MAX;
};

// Whole files of a directory, and back. LMDB's lock file holds nothing that lasts and is left out.
Image read_directory(const std::string& directory);
void write_directory(const std::string& directory, const Image& image);

}  // namespace chronik::conformance
