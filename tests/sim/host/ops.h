// The tokens of one node: who waits for what. Plugins of a node complete one another's
// tokens, so they share one table.
#pragma once

#include <chronik/host_services.h>

#include <cstdint>
#include <vector>

struct chr_host;

namespace chronik::sim {

// Told of a completion when it is delivered, right before its receiver is. For checkers.
struct OpObserver {
  virtual ~OpObserver() = default;
  virtual void on_completion(uint64_t tag, const chr_done& done) = 0;
};

class Ops {
 public:
  enum class Check { kGood, kStale, kDouble };

  uint64_t begin(chr_host* owner, int32_t shard, chr_done_fn fn, void* context);
  // False: no such operation.
  bool abandon(uint64_t token);
  // The operation is pending: watch how it ends. Several may watch one token.
  void observe(uint64_t token, OpObserver* observer, uint64_t tag);
  // Marks the token as completed; `slot` says where it waits for delivery.
  Check complete(const chr_done& done, uint32_t* slot);
  // Ends the token: tells its observers; what to call is returned through the arguments.
  void end(uint32_t slot, const chr_done& done, chr_host** owner, int32_t* shard, chr_done_fn* fn,
           void** context);
  int32_t shard(uint32_t slot) const { return slots_[slot].shard; }
  uint32_t pending() const { return pending_; }
  void clear();

 private:
  enum class State : uint8_t { kFree, kBegun, kCompleted };
  struct Watch {
    OpObserver* observer;
    uint64_t tag;
  };
  struct Slot {
    chr_done_fn fn = nullptr;
    void* context = nullptr;
    chr_host* owner = nullptr;
    std::vector<Watch> watches;
    uint32_t generation = 1;
    int32_t shard = 0;
    State state = State::kFree;
  };
  Slot* find(uint64_t token);
  void free(uint32_t index);

  std::vector<Slot> slots_;
  std::vector<uint32_t> spare_;
  uint32_t pending_ = 0;
};

}  // namespace chronik::sim
