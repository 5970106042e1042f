// BlockingPool: the threads where work may block. They start as work comes, up to a bound, and stay.
#pragma once

#include <chronik/host_services.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace chronik::host {

// Thread-safe.
class BlockingPool {
 public:
  // threw: a job let an exception out; gets the address of its code.
  using Threw = std::function<void(const void* code, std::string_view what)>;
  BlockingPool(uint32_t max_threads, Threw threw)
      : max_threads_(max_threads == 0 ? 1 : max_threads), threw_(std::move(threw)) {}
  ~BlockingPool() { stop(); }

  // False after stop(): fn will not run.
  bool submit(chr_fn fn, void* context);
  // Runs what was submitted, then joins.
  void stop();

 private:
  struct Job {
    chr_fn fn;
    void* context;
  };
  void run_jobs();
  void run_job(const Job& job);

  const uint32_t max_threads_;
  const Threw threw_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  uint32_t idle_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace chronik::host
