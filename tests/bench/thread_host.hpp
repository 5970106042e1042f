// A small real host for benches and concurrency tests of one storage plugin: one shard thread, some blocking
// threads, the real clock. No networks, no config file.
#pragma once

#include <chronik/host.hpp>
#include <chronik/leased.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace chronik::bench {

// A queue of jobs and the threads that run them.
class Threads {
 public:
  explicit Threads(int n) {
    for (int i = 0; i < n; ++i) threads_.emplace_back([this] { loop(); });
  }
  ~Threads() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  void post(chr_fn fn, void* context) {
    {
      const std::lock_guard lock(mutex_);
      jobs_.push_back({fn, context});
    }
    wake_.notify_one();
  }
  // Until there is nothing to do, and nothing is being done.
  void wait_idle() {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return jobs_.empty() && running_ == 0; });
  }
  bool runs_here() const { return std::this_thread::get_id() == threads_[0].get_id(); }

 private:
  struct Job {
    chr_fn fn;
    void* context;
  };
  void loop() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      const Job job = jobs_.front();
      jobs_.pop_front();
      ++running_;
      lock.unlock();
      job.fn(job.context);
      lock.lock();
      --running_;
      idle_.notify_all();
    }
  }
  std::mutex mutex_;
  std::condition_variable wake_, idle_;
  int running_ = 0;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

class ThreadHost {
 public:
  explicit ThreadHost(std::string directory, int blocking_threads = 2)
      : directory_(std::move(directory)), shard_(1), blocking_(blocking_threads) {
    core_ = {sizeof core_, CHR_ABI_MINOR, reinterpret_cast<chr_host*>(this), query, acquire, complete, log,
             log_level,    fatal};
    node_.struct_size = sizeof node_;
    node_.id = 1;
    node_.directory = to_abi(directory_);
  }
  const chr_host_v1* core() const { return &core_; }
  void config_int(const std::string& key, int64_t value) { settings_[key] = value; }
  void wait_until_blocking_threads_idle() { blocking_.wait_idle(); }
  bool quiet = false;
  std::function<void()> on_alloc;  // runs where a buffer is asked for

 private:
  struct Operation {
    chr_done_fn fn;
    void* context;
  };
  struct Buffer : Leased<Buffer> {  // before its bytes
    static void end(Buffer* buffer) {
      buffer->~Buffer();
      std::free(buffer);
    }
  };
  // Completions travel to the shard together.
  struct Completions {
    ThreadHost* host;
    std::vector<chr_done> done;
    std::vector<std::string> messages;
  };

  static ThreadHost& of(chr_host* self) { return *reinterpret_cast<ThreadHost*>(self); }
  static const void* CHR_CALL query(chr_host*, const char* id);
  static const void* CHR_CALL acquire(chr_host*, const char*, void**) { return nullptr; }
  static void CHR_CALL complete(chr_host* self, const chr_done* done, uint32_t n) {
    auto* completions = new Completions{&of(self), std::vector<chr_done>(done, done + n), {}};
    for (chr_done& one : completions->done) {
      completions->messages.emplace_back(from_abi(one.message));
      if (one.lease != nullptr) one.lease->ops->retain(one.lease);
    }
    of(self).shard_.post(
        [](void* context) {
          const std::unique_ptr<Completions> all(static_cast<Completions*>(context));
          for (size_t i = 0; i < all->done.size(); ++i) {
            all->done[i].message = to_abi(all->messages[i]);
            all->host->deliver(all->done[i]);
          }
        },
        completions);
  }
  void deliver(const chr_done& done) {
    Operation operation{};
    {
      const std::lock_guard lock(mutex_);
      const auto found = operations_.find(done.token);
      if (found == operations_.end()) std::abort();  // completed twice
      operation = found->second;
      operations_.erase(found);
    }
    operation.fn(operation.context, &done);
    if (done.lease != nullptr) done.lease->ops->release(done.lease);
  }
  static void CHR_CALL log(chr_host* self, int32_t level, chr_str message, chr_str fields) {
    if (level > CHR_LOG_WARN || of(self).quiet) return;
    std::fprintf(stderr, "%.*s %.*s\n", static_cast<int>(message.n), message.p, static_cast<int>(fields.n),
                 fields.p);
  }
  static int32_t CHR_CALL log_level(chr_host*) { return CHR_LOG_INFO; }
  static void CHR_CALL fatal(chr_host*, chr_str message) {
    std::fprintf(stderr, "fatal: %.*s\n", static_cast<int>(message.n), message.p);
    std::abort();
  }

  static uint32_t CHR_CALL shard_count(chr_host*) { return 1; }
  static int32_t CHR_CALL current_shard(chr_host* self) { return of(self).shard_.runs_here() ? 0 : -1; }
  static void CHR_CALL post(chr_host* self, uint32_t, chr_fn fn, void* context) {
    of(self).shard_.post(fn, context);
  }
  static uint64_t CHR_CALL timer_start(chr_host*, uint64_t, chr_fn, void*) {
    std::abort();
  }  // storages need none
  static void CHR_CALL timer_cancel(chr_host*, uint64_t) {}
  static void CHR_CALL blocking(chr_host* self, chr_fn fn, void* context) {
    of(self).blocking_.post(fn, context);
  }
  static uint64_t CHR_CALL op_begin(chr_host* self, chr_done_fn fn, void* context) {
    const std::lock_guard lock(of(self).mutex_);
    of(self).operations_[++of(self).next_token_] = {fn, context};
    return of(self).next_token_;
  }
  static void CHR_CALL op_abandon(chr_host* self, uint64_t token) {
    const std::lock_guard lock(of(self).mutex_);
    of(self).operations_.erase(token);
  }
  static constexpr chr_exec_v1 kExec = {
      sizeof(chr_exec_v1), 1,        shard_count, current_shard, post, timer_start,
      timer_cancel,        blocking, op_begin,    op_abandon};

  static uint64_t CHR_CALL monotonic_ns(chr_host*) {
    return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  }
  static int64_t CHR_CALL unix_ms(chr_host*) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  static constexpr chr_clock_v1 kClock = {sizeof(chr_clock_v1), 1, monotonic_ns, unix_ms};
  static void CHR_CALL fill(chr_host*, uint8_t* p, uint64_t n) {
    std::random_device random;
    for (uint64_t i = 0; i < n; ++i) p[i] = static_cast<uint8_t>(random());
  }
  static constexpr chr_random_v1 kRandom = {sizeof(chr_random_v1), 1, fill};

  static chr_status CHR_CALL alloc(chr_host* self, uint64_t n, chr_slice* out) {
    if (of(self).on_alloc) of(self).on_alloc();
    void* memory = std::malloc(sizeof(Buffer) + n);
    auto* buffer = new (memory) Buffer;
    *out = {reinterpret_cast<uint8_t*>(buffer + 1), n, buffer->lease()};
    return CHR_OK;
  }
  static constexpr chr_mem_v1 kMem = {sizeof(chr_mem_v1), 1, alloc};

  static uint64_t CHR_CALL define(chr_host*, int32_t, chr_str, chr_str, chr_str) { return 1; }
  static void CHR_CALL add(chr_host*, uint64_t, double) {}
  static void CHR_CALL remove(chr_host*, uint64_t) {}
  static constexpr chr_metrics_v1 kMetrics = {sizeof(chr_metrics_v1), 1, define, add, add, add, remove};

  static chr_status CHR_CALL integer(chr_host* self, chr_str key, int64_t* out) {
    const auto found = of(self).settings_.find(std::string(from_abi(key)));
    if (found == of(self).settings_.end()) return CHR_E_NOT_FOUND;
    *out = found->second;
    return CHR_OK;
  }
  static chr_status CHR_CALL string(chr_host*, chr_str, chr_str*) { return CHR_E_NOT_FOUND; }
  static chr_status CHR_CALL integer_at(chr_host*, chr_str, uint32_t, int64_t*) { return CHR_E_NOT_FOUND; }
  static chr_status CHR_CALL string_at(chr_host*, chr_str, uint32_t, chr_str*) { return CHR_E_NOT_FOUND; }
  static constexpr chr_config_v1 kConfig = {sizeof(chr_config_v1), 1, integer, string, integer_at, string_at};
  static const chr_node_info* CHR_CALL info(chr_host* self) { return &of(self).node_; }
  static chr_status CHR_CALL adopt(chr_host*, chr_str, chr_error*) { return CHR_OK; }
  static constexpr chr_node_v1 kNode = {sizeof(chr_node_v1), 1, info, adopt};
  static void CHR_CALL set_health(chr_host*, chr_str, int32_t, chr_str) {}
  static constexpr chr_health_v1 kHealth = {sizeof(chr_health_v1), 1, set_health};

  chr_host_v1 core_{};
  chr_node_info node_{};
  std::string directory_;
  std::map<std::string, int64_t> settings_;
  std::mutex mutex_;
  std::unordered_map<uint64_t, Operation> operations_;
  uint64_t next_token_ = 0;
  Threads shard_;  // last: their threads end first
  Threads blocking_;
};

inline const void* CHR_CALL ThreadHost::query(chr_host*, const char* service_id) {
  const std::string_view id = service_id;
  if (id == CHR_EXEC_ID) return &kExec;
  if (id == CHR_CLOCK_ID) return &kClock;
  if (id == CHR_RANDOM_ID) return &kRandom;
  if (id == CHR_MEM_ID) return &kMem;
  if (id == CHR_METRICS_ID) return &kMetrics;
  if (id == CHR_CONFIG_ID) return &kConfig;
  if (id == CHR_NODE_ID) return &kNode;
  if (id == CHR_HEALTH_ID) return &kHealth;
  return nullptr;
}

}  // namespace chronik::bench
