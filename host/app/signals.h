// SIGTERM and SIGINT: the first asks for a clean stop, the second ends the process at once.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace chronik::host {

// Make it before any other thread: it blocks the signals for all threads that come after. One per process.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // Any thread. Waits for the first signal and returns its number.
  int wait();
  // Any thread. Waits no longer than that; whether a signal came, ever.
  bool wait_for(std::chrono::milliseconds time);
  bool requested() const;

 private:
  void listen(const std::stop_token& stop);

  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  int signal_ = 0;
  std::jthread thread_;
};

}  // namespace chronik::host
