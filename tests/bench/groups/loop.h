// Loop: sockets and timers of one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

namespace chronik::bench {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

[[noreturn]] void die(const std::string& what);
double ms_between(Clock::time_point from, Clock::time_point to);

class Loop {
 public:
  using Timer = std::pair<Clock::time_point, uint64_t>;

  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // ready(events) as epoll has them, until forget().
  void watch(int fd, std::function<void(uint32_t events)> ready);
  void watch_writes(int fd, bool on);
  void forget(int fd);

  Timer at(Clock::time_point due, std::function<void()> run);
  Timer after(Clock::duration delay, std::function<void()> run) {
    return at(Clock::now() + delay, std::move(run));
  }
  void cancel(const Timer& timer) { timers_.erase(timer); }

  // Until done() says so, asked after each round. Dies with `what` when that takes longer than `patience`.
  void run_until(const std::function<bool()>& done, Clock::duration patience, const std::string& what);
  void run_for(Clock::duration time);

 private:
  void run_once(Clock::time_point until);

  int epoll_;
  uint64_t timers_made_ = 0;
  std::map<Timer, std::function<void()>> timers_;
  std::map<int, std::function<void(uint32_t)>> watched_;
};

}  // namespace chronik::bench
