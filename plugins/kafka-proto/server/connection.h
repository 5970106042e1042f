// One client connection: cuts frames, hands requests to their handlers, and sends the answers in the order of
// the requests.
//
// A connection lives on one shard. Requests of a connection are started in order and may be under way at the
// same time, as long as their bytes stay below a bound, the client reads its answers, and few of those wait
// for one before them; then it stops reading. Only Produce and ApiVersions start before what stands before
// them is answered, as what the others say may not be true any more by then; a Fetch is under way alone,
// since its answer is large and leans on pages of the store. A large one arrives as the memory for requests
// of all connections allows, and where requests kept the shard for long, the next one waits for its turn
// (Turns). Answers may come from any shard in any order. Hostile input (sizes, headers, HTTP or TLS) is
// answered or logged with the peer's address, and ends the connection.
#pragma once

#include <chronik/net.h>

#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kafka-proto/server/request_budget.h"
#include "kafka-proto/wire/frame.h"

namespace chronik::kafka {

struct ApiEntry;
struct Server;
class ConnectionSet;

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  static constexpr uint64_t kMaxBytesUnderWay = 8u << 20;  // above it, one request at a time
  // Of answers, sent or behind one that is not there yet; above it, no request is started.
  static constexpr uint64_t kMaxBytesUnread = 1u << 20;
  static constexpr size_t kMaxRequestsUnderWay = 128;

  Connection(Server& server, ConnectionSet& set, chr_conn* conn, std::string peer);

  // chr_protocol_v1, on the connection's shard.
  uint64_t data(chr_slice bytes, uint64_t* need);
  void drained();
  void closed();
  // On its shard: a frame that waited for this turn may start.
  void begin_turn();

  Server& server() const { return server_; }
  bool open() const { return conn_ != nullptr; }
  uint32_t shard() const { return shard_; }
  const std::string& peer() const { return peer_; }

  // On the connection's shard: the answer to a request is there.
  // No frame: the request has no answer (acks=0).
  void finish_request(uint64_t sequence, std::optional<OutFrame> frame);
  // On the connection's shard: fn runs when the connection ends, until it is taken back by this number. 0: it
  // ended already, and fn does not run.
  uint64_t add_close_hook(std::function<void()> fn);
  void remove_close_hook(uint64_t hook);
  // On the connection's shard: while it is held no request is started,
  // as the newest one must not be overtaken.
  void hold(bool held);
  // On the connection's shard: ends the connection and says why in the log.
  void refuse(std::string_view reason);
  // The same, if a request that is counted (RequestBudget) has not begun yet.
  void refuse_arrival(std::string_view reason) {
    if (part_ != nullptr) refuse(reason);
  }
  void close();
  // On the connection's shard: what was waited for may be there now.
  void resume();
  // Starts no more requests, and closes once those under way are answered.
  void wind_down();

 private:
  struct Slot {
    const ApiEntry* api;
    uint64_t started_ns;
    uint64_t bytes;
    bool done = false;
    std::optional<OutFrame> frame;
  };

  uint64_t most_bytes(const uint8_t* prefix) const;
  bool must_wait(Bytes frame) const;
  uint64_t bytes_unread() const;
  bool starts_like_kafka(Bytes bytes);
  uint64_t may_arrive(Bytes frame, uint64_t size);
  void wait_for_budget();
  void end_part();
  void start(chr_slice frame);
  void name_versions(const InRequest& request, const ApiEntry& api, uint64_t sequence);
  void refuse_request(const InRequest& request);
  void flush();
  void send(const OutFrame& frame);
  void pause();

  Server& server_;
  const Host& host_;
  ConnectionSet& set_;
  chr_conn* conn_;  // null once it is closed
  const uint32_t shard_;
  const std::string peer_;
  std::deque<Slot> slots_;       // requests not yet answered to the client, oldest first
  uint64_t first_sequence_ = 0;  // of slots_.front()
  uint64_t bytes_under_way_ = 0;
  uint64_t bytes_held_ = 0;                    // of answers in slots_
  std::unique_ptr<RequestBudget::Part> part_;  // of the request that arrives; null: it is not counted
  uint64_t budget_timer_ = 0;                  // while part_ waits
  bool greeted_ = false;                       // the first bytes looked like Kafka
  bool paused_ = false;
  bool held_ = false;
  bool awaits_turn_ = false;
  uint64_t turn_ = 0;  // in which it started a request
  bool winding_down_ = false;
  std::vector<std::pair<uint64_t, std::function<void()>>> close_hooks_;  // in the order in which they came
  uint64_t last_close_hook_ = 0;
  std::list<Connection*>::iterator place_;  // in set_
};

// A request from its first byte to its answer: what a Call holds. Movable between shards with the Call.
struct InFlight {
  std::shared_ptr<Connection> connection;
  uint64_t sequence = 0;
  int16_t version = 0;
  int32_t correlation_id = 0;
  std::string_view client_id;                 // points into the frame
  Lease frame;                                // keeps the request's bytes
  std::unique_ptr<RequestBudget::Part> part;  // that they take of the memory for requests
  Reader body{Bytes()};
};

// The connections of one shard, so that a stop can close them.
class ConnectionSet {
 public:
  using Place = std::list<Connection*>::iterator;
  Place add(Connection* connection) { return open_.insert(open_.end(), connection); }
  void remove(Place place) { open_.erase(place); }
  size_t size() const { return open_.size(); }
  // Returns how many are not closed yet.
  size_t wind_down() {
    size_t left = 0;
    for (Connection* connection : open_) {
      connection->wind_down();
      left += connection->open() ? 1 : 0;
    }
    return left;
  }

 private:
  std::list<Connection*> open_;
};

}  // namespace chronik::kafka
