#include "bench/groups/loop.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

namespace chronik::bench {

void die(const std::string& what) {
  std::fprintf(stderr, "group_client: %s\n", what.c_str());
  std::exit(1);
}

double ms_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

Loop::Loop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) die("no epoll");
}

Loop::~Loop() { ::close(epoll_); }

void Loop::watch(int fd, std::function<void(uint32_t)> ready) {
  watched_[fd] = std::move(ready);
  epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll refuses a socket");
}

void Loop::watch_writes(int fd, bool on) {
  epoll_event event{.events = on ? EPOLLIN | EPOLLOUT : EPOLLIN, .data = {.fd = fd}};
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
}

void Loop::forget(int fd) {
  watched_.erase(fd);
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
}

Loop::Timer Loop::at(Clock::time_point due, std::function<void()> run) {
  const Timer timer{due, ++timers_made_};
  timers_.emplace(timer, std::move(run));
  return timer;
}

void Loop::run_once(Clock::time_point until) {
  if (!timers_.empty()) until = std::min(until, timers_.begin()->first.first);
  const auto left = std::max<Clock::duration>(until - Clock::now(), Clock::duration::zero());
  const timespec wait{.tv_sec = left / seconds(1), .tv_nsec = (left % seconds(1)).count()};
  std::array<epoll_event, 256> events;
  const int n = ::epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &wait, nullptr);
  for (int i = 0; i < n; ++i) {
    const epoll_event& event = events.at(static_cast<size_t>(i));
    const auto found = watched_.find(event.data.fd);
    if (found == watched_.end()) continue;  // forgotten in this round
    const auto ready = found->second;       // it may forget itself
    ready(event.events);
  }
  for (const auto now = Clock::now(); !timers_.empty() && timers_.begin()->first.first <= now;) {
    const auto run = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    run();
  }
}

void Loop::run_until(const std::function<bool()>& done, Clock::duration patience, const std::string& what) {
  for (const auto end = Clock::now() + patience; !done();) {
    if (Clock::now() > end) die("not in time: " + what);
    run_once(end);
  }
}

void Loop::run_for(Clock::duration time) {
  for (const auto end = Clock::now() + time; Clock::now() < end;) run_once(end);
}

}  // namespace chronik::bench
