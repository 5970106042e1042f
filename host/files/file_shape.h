// What the file system says of a folder's files.
#pragma once

#include <chronik/draft/files.h>
#include <chronik/result.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace chronik::host {

class OpenFile;

// A descriptor, closed when it goes.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

struct FileShape {
  Descriptor fd;
  struct stat status;
  Descriptor sync_fd;  // another description of the file; none of one that is only read
};

// The rule of names that files have.
Status check_file_name(std::string_view name);

// [blocking], all that follow.

// A file of the folder, with the flags of chr_files_v1.open; of CREATE and READ only one.
Result<FileShape> open_file(int directory, std::string_view name, uint32_t flags);
Result<uint64_t> file_size(int fd, std::string_view name);
// What positions, sizes and addresses of a DIRECT file are multiples of.
uint32_t direct_block(int fd);
// Has its writes pass the page cache; false where the file system does not take that.
bool set_direct(int fd);
// Files of the folder whose names follow the rule, with their sizes. IO: something else has such a name. path: for the message.
Status list_files(int directory, std::string_view path, std::map<std::string, uint64_t>* sizes);
// Fills of *info what its struct_size covers.
void fill_info(chr_file_info* info, const OpenFile& file);

}  // namespace chronik::host
