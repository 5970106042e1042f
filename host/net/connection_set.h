// ConnectionSet: the connections of one shard.
#pragma once

#include <chronik/abi.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

namespace chronik::host {

class Connection;
class Shard;
struct ListenTarget;

// What the connections of one shard did. Written by the shard, read by anyone.
struct NetCounts {
  std::atomic<uint64_t> accepted{0};
  std::atomic<uint64_t> open{0};
  std::atomic<uint64_t> received_bytes{0};
  std::atomic<uint64_t> sent_bytes{0};
  std::atomic<uint64_t> copied_bytes{0};  // for slow readers
  std::atomic<uint64_t> slow_closed{0};
};

// On its shard only, but for counts().
class ConnectionSet {
 public:
  explicit ConnectionSet(Shard& shard);
  ~ConnectionSet();
  ConnectionSet(const ConnectionSet&) = delete;
  ConnectionSet& operator=(const ConnectionSet&) = delete;

  // Takes over fd, a connected socket.
  void add_connection(std::shared_ptr<ListenTarget> target, int fd);
  // Ends the connections of one owner (null: of all) and calls their closed() before it returns.
  void close_all(const void* owner);

  // ---- for Connection ----
  void flush_later(Connection& connection);
  void flush();
  void is_active(Connection& connection);  // it is read, or is to end in time
  void is_queued(Connection& connection);  // more than its reader takes at once
  void ended(Connection& connection);      // closed() is called in a later turn
  Shard& shard() { return shard_; }
  NetCounts& counts() { return counts_; }
  const NetCounts& counts() const { return counts_; }

 private:
  static void CHR_CALL check_connections(void* context);
  static void CHR_CALL destroy_ended(void* context);

  Shard& shard_;
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections_;
  std::vector<std::shared_ptr<Connection>> to_flush_;
  std::vector<std::shared_ptr<Connection>> flushing_;  // recycled
  std::vector<std::shared_ptr<Connection>> active_;    // of many that rest: only these have anything to sweep
  std::vector<std::shared_ptr<Connection>> queued_;    // only these can have old leases
  std::vector<std::shared_ptr<Connection>> ended_;
  bool checking_ = false;
  uint32_t checks_ = 0;
  NetCounts counts_;
};

}  // namespace chronik::host
