// FileFolder: the files in the directory of one plugin, as chronik/draft/files.h promises them.
#pragma once

#include "host/files/file_op.h"

#include <chronik/draft/files.h>
#include <chronik/result.hpp>

#include <sys/stat.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace chronik::host {

class FileService;

// Thread-safe. Which functions may block stands in the header of the ABI.
class FileFolder {
 public:
  // Takes the descriptor of the directory over. The service outlives it.
  FileFolder(FileService& service, std::string owner, std::string path, int directory);
  ~FileFolder();
  FileFolder(const FileFolder&) = delete;
  FileFolder& operator=(const FileFolder&) = delete;

  // A plugin asked for the service.
  void note_use();

  Result<uint64_t> open(std::string_view name, uint32_t flags, chr_file_info* info);
  void close(uint64_t file);

  // With a token: it has begun, and the token will be completed. Without: it is done.
  Status write(const chr_file_write& args);
  Status sync(uint64_t file, uint64_t token);
  Status sync_files(std::span<const uint64_t> files, chr_status* each);

  Status read(uint64_t file, uint64_t at, uint8_t* p, uint64_t n);
  Status zero(uint64_t file, uint64_t at, uint64_t n);
  Status resize(uint64_t file, uint64_t n);

  Result<chr_slice> map(uint64_t file, uint64_t at, uint64_t n);
  Status load(uint64_t file, uint64_t at, uint64_t n);
  bool is_loaded(uint64_t file, uint64_t at, uint64_t n);

  Status rename(std::string_view from, std::string_view to);
  Status remove(std::string_view name);
  Status sync_names();
  Status list(const std::function<void(std::string_view name, uint64_t size)>& fn);
  Result<uint64_t> free_bytes();

 private:
  using Inode = std::pair<dev_t, ino_t>;

  Result<std::shared_ptr<OpenFile>> find(uint64_t file);
  Result<std::shared_ptr<OpenFile>> find_to_change(uint64_t file);
  // The open file that has this name, or null.
  std::shared_ptr<OpenFile> find_open(const std::string& name);
  // Waits for what is in flight on a handle that was closed; an error where the file is open.
  Status wait_closed(const Inode& inode, std::string_view name);
  // Locks a file that was opened; waits until nobody else has it locked, or writes in flight on it.
  void lock_file(int fd, std::string_view name);
  bool make_direct(int fd, std::string_view name);
  Status run_or_start(std::unique_ptr<FileOp> op);
  Status zero_piece(const std::shared_ptr<OpenFile>& file, uint64_t at, uint8_t* zeros, uint64_t n);

  FileService& service_;
  const std::string owner_;
  const std::string path_;
  const int directory_;
  std::atomic<bool> told_not_direct_{false};

  std::mutex opening_;  // one open() at a time
  std::mutex mutex_;    // guards what follows
  uint64_t last_handle_ = 0;
  std::unordered_map<uint64_t, std::shared_ptr<OpenFile>> files_;
  std::map<Inode, std::weak_ptr<OpenFile>>
      by_inode_;  // those that are open, closed ones with something in flight, and some that are gone
};

}  // namespace chronik::host
