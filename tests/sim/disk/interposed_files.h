// The real files of a storage that opens files by itself, on a simulated disk.
//
// chronik-sim defines write, pwrite, fsync and their like itself and exports them, so that a storage, and a
// library that it links, calls them here (interposed_files.cc). What such a call does to a file below the directory of a
// node is told to the node's Disk, which decides how long it takes, whether it fails, and what of it a
// power loss leaves in the file. InterposedFiles that are not below such a directory are left alone.
//
// Not simulated: names (that a file was made, renamed or removed is durable at once), and writes through a
// memory map. A file that is mapped for writing is taken for what a process keeps for itself, as LMDB's table
// of readers: it is removed when the process ends.
#pragma once

#include "sim/disk/disk.h"

#include <sys/uio.h>

#include <map>
#include <memory>
#include <string>

namespace chronik::sim {

class World;

class InterposedFiles {
 public:
  // Makes the directory. The world and the disk outlive this.
  InterposedFiles(World& world, uint32_t node, Disk& disk, const std::string& directory);
  ~InterposedFiles();
  InterposedFiles(const InterposedFiles&) = delete;
  InterposedFiles& operator=(const InterposedFiles&) = delete;

  const std::string& directory() const { return directory_; }
  void process_begins();
  // The process is killed: what its destructors still do reaches no file, until they are done.
  void process_dies();
  void process_is_gone();
  // The disk is another one.
  void remove_all();
  // One bit of the bytes in front of each place where these bytes lie; false: there is none.
  bool flip_before(const std::string& bytes, uint64_t which);

  // ---- for the interposed functions: what they return, errno set ----
  class File;
  // nullptr: no file of a simulated disk.
  static File* find(int fd);
  static ssize_t write(File& file, int fd, const iovec* parts, int count, uint64_t at);
  static int sync(File& file);
  static int resize(File& file, uint64_t size);
  static int allocate(File& file, uint64_t end);
  static void mapped_for_writing(File& file);

 private:
  File* file_of(int fd, uint64_t inode);
  // False: the call comes from where it must not, or too late.
  bool may_block();
  std::string aside() const { return directory_ + ".gone"; }

  World& world_;
  const uint32_t node_;
  Disk& disk_;
  const std::string directory_;  // absolute, as the kernel knows it
  bool dying_ = false;
  std::map<uint64_t, std::unique_ptr<File>> files_;  // by inode
};

}  // namespace chronik::sim
