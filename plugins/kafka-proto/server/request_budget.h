// RequestBudget: what requests take of memory over all connections, from their first bytes to their answer.
//
// A request takes what has arrived of it and a step more, not what it announces. One that would pass the
// budget waits, and nothing is read of its connection until others gave back. Since requests that have a part
// each could wait for each other for ever, the one that began first always goes on: so the budget is passed
// by one request, while those that are complete keep to it. The large ones leave a quarter to the others, and
// small ones are not counted. While some wait, one that does not go on although it may has its connection
// ended, the one that stands for longest first.
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
  static constexpr uint64_t kNotCounted = 64 << 10;  // a request of up to this size
  static constexpr uint64_t kStep = 256 << 10;       // at most given at once
  static constexpr uint64_t kWhole = 2 << 20;        // up to this size given at once, while there is room
  static constexpr uint64_t kPatienceNs = 10'000'000'000;  // for what is given in a step
  static constexpr uint64_t kLookNs = 1'000'000'000;       // how often who waits calls look()

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
    uint64_t given_ = 0;   // of it, the last time
    uint64_t wanted_ = 0;  // not 0: it waits for so much more
    uint64_t moved_ns_ = 0;
    bool complete_ = false;
    bool ending_ = false;
    std::string_view api_;
  };

  RequestBudget(Host host, uint64_t most) : host_(host), most_(most) {}

  // On the connection's shard: a request of this size has begun.
  std::unique_ptr<Part> begin(const std::shared_ptr<Connection>& connection, uint64_t size);
  // On the connection's shard: `have` bytes of it arrived, of an API of that name. Returns how many it may
  // have now, always more or the whole; or 0: it has to wait, and its connection is resumed when that is
  // over.
  uint64_t allow(Part& part, uint64_t have, std::string_view api);
  // Ends the connections of those that others wait for in vain. Cheap where it was called just before.
  void look();

 private:
  using Waiting = std::map<uint64_t, Part*>;  // by number_
  // The connections of those whose wait is over, and their shards.
  using Served = std::vector<std::pair<uint32_t, std::weak_ptr<Connection>>>;

  bool is_large(const Part& part) const { return part.size_ > most_ / 16; }
  Waiting& queue_of(const Part& part) { return waiting_[is_large(part) ? 1 : 0]; }
  bool is_first(const Part& part) const { return !arriving_.empty() && arriving_.begin()->second == &part; }
  bool is_ample(const Part& part) const;
  bool fits(const Part& part, uint64_t n) const;
  void take(Part& part, uint64_t n);
  Served serve();
  void resume(const Served& served);
  void give_back(Part& part);

  const Host host_;
  const uint64_t most_;
  std::mutex mutex_;  // of all below
  uint64_t taken_ = 0;
  uint64_t complete_ = 0;  // bytes of these in taken_
  uint64_t wanted_ = 0;    // by those in waiting_
  uint64_t last_number_ = 0;
  uint64_t looked_ns_ = 0;
  Waiting arriving_;
  Waiting waiting_[2];  // of arriving_: small and large ones
};

}  // namespace chronik::kafka
