// Writes of a copy, a batch at a time: while one is being written, the next is filled.
#pragma once

#include "host/runtime/runtime.h"

#include <chronik/storage.hpp>

#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace chronik::host {

// A part of one group, or of several.
struct ImportBatch {
  struct Group {
    uint64_t id = 0;
    std::vector<std::pair<std::string, chr_slice>> keys;
    std::vector<chr_entry> entries;  // behind those that the group has
  };
  std::vector<Group> groups;  // one without keys and entries is made
  std::vector<Lease> leases;  // of values and payloads
  uint64_t bytes = 0;
  size_t items = 0;
};

// Control thread, but for what runs on the shard.
class ImportQueue {
 public:
  // storage is started on this runtime.
  ImportQueue(Runtime& runtime, const Storage& storage) : runtime_(runtime), storage_(storage) {}
  ~ImportQueue() { static_cast<void>(wait()); }
  ImportQueue(const ImportQueue&) = delete;
  ImportQueue& operator=(const ImportQueue&) = delete;

  // Waits for the batch before this one; the error is that batch's.
  Status submit(ImportBatch batch);
  // Until all is durable.
  Status wait();

 private:
  void write(const std::vector<size_t>& groups);
  void finish(size_t group, const Status& status);
  void end();

  Runtime& runtime_;
  Storage storage_;
  ImportBatch batch_;

  // Of the shard, while a batch is being written.
  std::vector<size_t> refused_;  // groups whose write found no room in the storage's queue
  size_t written_ = 0;
  size_t pending_ = 0;
  Status outcome_;

  std::mutex mutex_;
  std::condition_variable done_;
  bool is_writing_ = false;  // under mutex_
};

}  // namespace chronik::host
