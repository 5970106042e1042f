#include "host/runtime/blocking_pool.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

namespace chronik::host {

bool BlockingPool::submit(chr_fn fn, void* context) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    jobs_.push_back({fn, context});
    if (jobs_.size() > idle_ && threads_.size() < max_threads_) threads_.emplace_back([this] { run_jobs(); });
  }
  wake_.notify_one();
  return true;
}

void BlockingPool::stop() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    threads.swap(threads_);
  }
  wake_.notify_all();
  for (std::thread& thread : threads) thread.join();
}

void BlockingPool::run_job(const Job& job) {
  try {
    job.fn(job.context);
  } catch (const std::exception& e) {
    threw_(reinterpret_cast<const void*>(job.fn), e.what());
  } catch (...) {
    threw_(reinterpret_cast<const void*>(job.fn), "of unknown type");
  }
}

void BlockingPool::run_jobs() {
  ::pthread_setname_np(::pthread_self(), "chr-blocking");
  // A thread inherits the raised priority of the shard that started it, which is for shards alone.
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()),
                ::getpriority(PRIO_PROCESS, static_cast<id_t>(::getpid())));
  std::unique_lock lock(mutex_);
  while (true) {
    if (jobs_.empty()) {
      if (stopping_) return;
      ++idle_;
      wake_.wait(lock, [this] { return !jobs_.empty() || stopping_; });
      --idle_;
      continue;
    }
    const Job job = jobs_.front();
    jobs_.pop_front();
    lock.unlock();
    run_job(job);
    lock.lock();
  }
}

}  // namespace chronik::host
