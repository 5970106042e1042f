// The heart of the simulator: events in the order of their virtual time, one at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

namespace chronik::sim {

constexpr uint64_t kMicrosecond = 1'000;
constexpr uint64_t kMillisecond = 1'000'000;
constexpr uint64_t kSecond = 1'000'000'000;

constexpr uint32_t kHarness = 0;  // "node" of events that belong to no node

// What an event does. It is called exactly once: with alive true when its time has come, or with alive false
// when its node crashed first; then it only gives back what it holds.
struct Event;
using Handler = void (*)(const Event& event, bool alive);
struct Event {
  uint64_t at;
  uint64_t seq;
  Handler run;
  void* a;
  void* b;
  uint64_t c;
  uint32_t node;
};

class Loop {
 public:
  explicit Loop(uint32_t nodes) : paused_until_(nodes + 1, 0), waiting_(nodes + 1) {}
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop();

  uint64_t now() const { return now_; }
  uint64_t executed() const { return executed_; }

  // Events of one time run in the order in which they were added.
  void add(uint64_t at, uint32_t node, Handler run, void* a = nullptr, void* b = nullptr, uint64_t c = 0);
  // For what is rare: faults, the workload's own steps.
  void call(uint64_t at, std::function<void()> fn);

  // Runs the next event if it is due by `until`; otherwise moves the clock there and returns false.
  bool step(uint64_t until);
  // The node crashed: its events end without running.
  void drop(uint32_t node);
  // The node stands still (as by SIGSTOP): its events wait, in their order. A shorter
  // pause does not end a longer one.
  void pause(uint32_t node, uint64_t until);
  bool paused(uint32_t node) const { return paused_until_[node] > now_; }

 private:
  struct Later {
    bool operator()(const Event& x, const Event& y) const {
      return x.at != y.at ? x.at > y.at : x.seq > y.seq;
    }
  };
  void execute(const Event& event) {
    ++executed_;
    event.run(event, true);
  }

  uint64_t now_ = 0;
  uint64_t seq_ = 0;
  uint64_t executed_ = 0;
  std::vector<Event> heap_;
  std::vector<uint64_t> paused_until_;
  std::vector<std::deque<Event>> waiting_;  // by node
  uint32_t awake_ = kHarness;               // the node whose waiting events run now, before all others
};

}  // namespace chronik::sim
