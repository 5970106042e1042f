// RequestBudget: what large requests take of memory over all connections,
// from their first bytes to their answer.
//
// Only those are counted that are larger than ordinary clients send: whoever fills the budget keeps nobody
// else waiting. A request takes what has arrived of it and a step more, not what it announces. One that would
// pass the budget waits, and nothing is read of its connection until others gave back. Since requests that
// have a part each could wait for each other for ever, the one that began first always goes on: so the budget
// is passed by one request, while those that are under way keep to it. While some wait, one that does not go
// on although it may has its connection ended, the one that stands for longest first; also where it is
// complete and its client does not read the answers that stand before it.
//
// Only what clients send is counted: the links between nodes do not come through here.
#pragma once

#include <chronik/host.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace chronik::kafka {

class Connection;

// Thread-safe. Outlives its requests.
class RequestBudget {
 public:
  static constexpr uint64_t kNotCounted = 4 << 20;  // a request of up to this size
  static bool counts(uint64_t size) { return size > kNotCounted; }
  static constexpr uint64_t kStep = 256 << 10;             // given at once
  static constexpr uint64_t kPatienceNs = 10'000'000'000;  // for a step
  static constexpr uint64_t kLookNs = 1'000'000'000;       // how often who waits calls end_stalled()

  // A request's part. Gives back when it ends, on any thread.
  class Part {
   public:
    ~Part() { budget_.give_back(*this); }
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;

   private:
    friend class RequestBudget;
    Part(RequestBudget& budget, std::weak_ptr<Connection> connection, uint32_t shard, uint64_t size)
        : budget_(budget), connection_(std::move(connection)), shard_(shard), size_(size) {}

    RequestBudget& budget_;
    const std::weak_ptr<Connection> connection_;
    const uint32_t shard_;
    const uint64_t size_;  // of the whole request
    // ---- under the lock ----
    uint64_t number_ = 0;  // in the order in which they began
    uint64_t have_ = 0;
    uint64_t taken_ = 0;
    uint64_t wanted_ = 0;  // not 0: it waits for so much more
    uint64_t moved_ns_ = 0;
    bool started_ = false;
    bool ending_ = false;
    std::string_view api_;
  };

  RequestBudget(Host host, uint64_t most) : host_(host), most_(most) {}

  // On the connection's shard: a request of this size has begun.
  std::unique_ptr<Part> begin(const std::shared_ptr<Connection>& connection, uint64_t size);
  // On the connection's shard: `have` bytes of it arrived, of an API of that name. Returns how many it may
  // have now, always more or the whole; or 0: it has to wait,
  // and its connection is resumed when that is over.
  uint64_t allow(Part& part, uint64_t have, std::string_view api);
  // On the connection's shard: the request is complete, and its work begins.
  void start(Part& part);
  // Ends the connections of those that others wait for in vain. Cheap where it was called just before.
  void end_stalled();

 private:
  using Waiting = std::map<uint64_t, Part*>;  // by number_
  // The connections of those whose wait is over, and their shards.
  using Served = std::vector<std::pair<uint32_t, std::weak_ptr<Connection>>>;

  bool is_first(const Part& part) const { return !arriving_.empty() && arriving_.begin()->second == &part; }
  bool fits(const Part& part, uint64_t n) const;
  void take_bytes(Part& part, uint64_t n);
  Served serve_waiting();
  void resume(const Served& served);
  void give_back(Part& part);

  const Host host_;
  const uint64_t most_;
  std::mutex mutex_;  // of all below
  uint64_t taken_ = 0;
  uint64_t started_ = 0;  // bytes of these in taken_
  uint64_t wanted_ = 0;   // by those in waiting_
  uint64_t last_number_ = 0;
  uint64_t looked_ns_ = 0;
  Waiting arriving_;  // until they are started
  Waiting waiting_;   // of these
};

}  // namespace chronik::kafka
