#include "host/app/signals.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>

namespace chronik::host {
namespace {

constexpr timespec kPoll = {0, 100'000'000};  // how long the listener may outlive its owner's wish

sigset_t stop_set() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

StopSignals::StopSignals() {
  const sigset_t set = stop_set();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);  // a client that went away is an error of its connection, not of the node
  ::signal(SIGXFSZ, SIG_IGN);  // a file at the limit of sizes is an error of its write
  thread_ = std::jthread([this](const std::stop_token& stop) { listen(stop); });
}

StopSignals::~StopSignals() = default;

void StopSignals::listen(const std::stop_token& stop) {
  const sigset_t set = stop_set();
  while (!stop.stop_requested()) {
    const int signal = ::sigtimedwait(&set, nullptr, &kPoll);
    if (signal <= 0) continue;
    const std::lock_guard guard(mutex_);
    if (signal_ != 0) std::_Exit(128 + signal);
    signal_ = signal;
    arrived_.notify_all();
  }
}

int StopSignals::wait() {
  std::unique_lock lock(mutex_);
  arrived_.wait(lock, [&] { return signal_ != 0; });
  return signal_;
}

bool StopSignals::wait_for(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return arrived_.wait_for(lock, time, [&] { return signal_ != 0; });
}

bool StopSignals::requested() const {
  const std::lock_guard guard(mutex_);
  return signal_ != 0;
}

}  // namespace chronik::host
