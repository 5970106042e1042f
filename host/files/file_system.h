// The system calls on a folder's files, but for reads, writes and maps.
#pragma once

#include "host/files/descriptor.h"

#include <chronik/result.hpp>

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace chronik::host {

struct OpenedDescriptors {
  Descriptor fd;
  struct stat status;
  Descriptor sync_fd;  // another description of the file; none of one that is only read
};

// [blocking], all that follow.

// A file of the folder, with the flags of chr_files_v1.open; of CREATE and READ only one.
Result<OpenedDescriptors> open_file(int directory, std::string_view name, uint32_t flags);
// Locks a file as long as this description of it is in use. The kernel goes on with what a process that was killed had given to
// io_uring, for seconds where the disk is slow: those writes hold on to their description, and so to its lock, and must not land
// on what the next process writes. False: such writes go on, or another program has locked the file.
bool try_lock(int fd);
void unlock(int fd);
Result<uint64_t> file_size(int fd, std::string_view name);
// What positions, sizes and addresses of a DIRECT file are multiples of.
uint32_t direct_block(int fd);
// Has its writes pass the page cache; false where the file system does not take that.
bool set_direct(int fd);
// Files of the folder whose names follow the rule, with their sizes. IO: something else has such a name. path: for the message.
Status list_files(int directory, std::string_view path, std::map<std::string, uint64_t>* sizes);

}  // namespace chronik::host
