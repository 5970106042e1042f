// Turns: how long requests keep a shard before everything else on it gets its turn: other connections,
// replication, heartbeats.
//
// A request is handled in one go, so what it names is bounded (Reader) and takes a tenth of a second at most.
// Once requests took kLongNs, those that come wait until all that is due on the shard had its turn, and begin
// in the order in which they came. So one large request runs a turn, however many clients send them. Small
// ones need not wait behind the large ones of others: each connection may start one in such a turn, within
// kSmallNs. One per shard, touched there only.
#pragma once

#include <chronik/host.hpp>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace chronik::kafka {

class Connection;

class Turns {
 public:
  static constexpr uint64_t kLongNs = 20'000'000;
  static constexpr uint64_t kSmallNs = 20'000'000;
  static constexpr uint64_t kSmallBytes = 4096;  // of a request
  // What a byte of a Reader's budget takes: the largest request 0.1 s.
  static constexpr uint64_t kNsOfByte = 4;

  Turns(const Host& host, uint32_t shard) : host_(host), shard_(shard) {}
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;

  // Whether a connection may start a request of so many bytes. *last: the turn in which it started one.
  bool begin_request(uint64_t bytes, uint64_t* last);
  // A request kept the shard for so long, or named so much where the clock stands still.
  void count_request(uint64_t ns, uint64_t named);
  // Resumes it in the next turn.
  void wait_for_turn(std::shared_ptr<Connection> connection) { waiting_.push_back(std::move(connection)); }

 private:
  void next();
  bool is_long() const { return taken_ns_ >= kLongNs; }

  const Host host_;
  const uint32_t shard_;
  uint64_t number_ = 1;
  uint64_t taken_ns_ = 0;       // since the turn began
  uint64_t taken_late_ns_ = 0;  // of it, once it was long
  std::vector<std::shared_ptr<Connection>> waiting_;
};

}  // namespace chronik::kafka
