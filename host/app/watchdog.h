// Watchdog: tells which plugin holds up the control thread, since a start or stop that hangs says nothing.
#pragma once

#include "host/observe/logger.h"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace chronik::host {

// Thread-safe. logger outlives it.
class Watchdog {
 public:
  // is_stopping: whether a signal asked the node to stop.
  Watchdog(Logger& logger, std::function<bool()> is_stopping,
           std::chrono::nanoseconds patience = std::chrono::seconds(10));
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // While an object of this kind lives, a line is written after each `patience`, "storage-x has been starting
  // for 10 s", and once where a signal does not end it: the plugin does not return.
  class Watch {
   public:
    Watch(Watchdog& dog, std::string who, std::string what);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    Watchdog& dog_;
  };

 private:
  void watch_plugins();
  void check_plugin();

  Logger& logger_;
  const std::function<bool()> is_stopping_;
  const std::chrono::nanoseconds patience_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ends_ = false;
  std::string who_, what_;  // empty: nothing is watched
  std::chrono::steady_clock::time_point since_, next_;
  std::optional<std::chrono::steady_clock::time_point> asked_;  // when the signal was seen
  bool stop_reported_ = false;
  std::thread thread_;
};

}  // namespace chronik::host
