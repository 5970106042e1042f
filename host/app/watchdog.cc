#include "host/app/watchdog.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace chronik::host {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLook{200};  // between looks whether a signal came
constexpr std::chrono::seconds kGrace{1};        // in which the control thread should have seen it too

}  // namespace

Watchdog::Watchdog(Logger& logger, std::function<bool()> is_stopping, std::chrono::nanoseconds patience)
    : logger_(logger),
      is_stopping_(std::move(is_stopping)),
      patience_(patience),
      thread_([this] { watch_plugins(); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard guard(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Watchdog::Watch::Watch(Watchdog& dog, std::string who, std::string what) : dog_(dog) {
  const std::lock_guard guard(dog.mutex_);
  dog.who_ = std::move(who);
  dog.what_ = std::move(what);
  dog.since_ = steady_clock::now();
  dog.next_ = dog.since_ + dog.patience_;
  dog.asked_.reset();
  dog.stop_reported_ = dog.is_stopping_ && dog.is_stopping_();  // then a stop goes on as it should
  dog.changed_.notify_all();
}

Watchdog::Watch::~Watch() {
  const std::lock_guard guard(dog_.mutex_);
  dog_.who_.clear();
}

void Watchdog::watch_plugins() {
  std::unique_lock lock(mutex_);
  while (!ends_) {
    if (who_.empty()) {
      changed_.wait(lock);
      continue;
    }
    check_plugin();
    changed_.wait_until(lock, std::min<steady_clock::time_point>(next_, steady_clock::now() + kLook));
  }
}

void Watchdog::check_plugin() {
  const auto now = steady_clock::now();
  if (now >= next_) {
    next_ += patience_;
    const double seconds = std::chrono::duration<double>(now - since_).count();
    logger_.warn("node", fmt::format("{} has been {} for {:.0f} s", who_, what_, seconds));
  }
  if (stop_reported_ || !is_stopping_ || !is_stopping_()) return;
  if (!asked_) asked_ = now;
  if (now - *asked_ < kGrace) return;
  stop_reported_ = true;
  logger_.warn("node",
               fmt::format("a signal asked the node to stop, but {} is still {} and does not return; a "
                           "second signal ends the process at once",
                           who_, what_));
}

}  // namespace chronik::host
