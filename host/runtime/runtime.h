// The runtime of a node: shards (one thread and one event loop each), blocking threads,
// buffers, and the operations that cross between them. Plugins see it through PluginHost; the
// host's own code uses it directly.
//
//     Runtime runtime({}, logger, metrics);
//     runtime.start();
//     runtime.post(0, [] { ... });                               // any thread, any shard
//     const Runtime::Call start = [&](uint64_t token, chr_error* error) {
//       return plugin->start(self, token, error);
//     };
//     Status s = runtime.call(start, std::chrono::minutes(10));  // control thread: waits for the completion
//     runtime.stop();
#pragma once

#include <chronik/host_services.h>
#include <chronik/host.hpp>
#include <chronik/result.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace chronik::host {

class BlockingPool;
class BufferPool;
class Health;
class Logger;
class Metrics;
class Shard;

struct RuntimeOptions {
  uint32_t shards = 0;             // 0: one per core, at most kMaxShards
  uint32_t blocking_threads = 16;  // upper bound; threads start when there is work for them
  // A queued slice older than this no longer holds its lease: it is copied, or its connection is closed.
  std::chrono::nanoseconds lease_age = std::chrono::seconds(1);
  uint64_t slow_reader_bytes = 1 << 20;          // copied per connection, whatever its reader does
  uint64_t slow_reader_shared_bytes = 32 << 20;  // and in all, for readers that are slow but do read
  // Ends the process after a fatal error; replaced in tests. The default logs and aborts.
  std::function<void(std::string_view message)> on_fatal;
};

// Thread-safe unless a function says otherwise. Logger and metrics outlive it.
class Runtime {
 public:
  static constexpr uint32_t kMaxShards = 256;

  Runtime(RuntimeOptions options, Logger& logger, Metrics& metrics);
  ~Runtime();  // stops
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // Control thread. Starts the shard threads. Work may be posted before; it runs then.
  void start();
  // Control thread. Runs the shards' stop hooks, which end what connections are left, and what was posted;
  // joins every thread. Further posts are dropped. Idempotent.
  void stop();

  bool is_running() const { return started_ && !stopped_; }  // control thread
  uint32_t shard_count() const { return static_cast<uint32_t>(shards_.size()); }
  // The shard of this runtime whose thread is calling, or -1.
  int32_t current_shard() const;

  // Runs fn(context) on a shard, after what the same thread posted to it before. One wake-up per drain.
  void post(uint32_t shard, chr_fn fn, void* context);
  template <class F>
  void post(uint32_t shard, F&& fn) {
    using Closure = std::decay_t<F>;
    post(shard, &run_once<Closure>, new Closure(std::forward<F>(fn)));
  }
  // Runs fn on a shard and waits for it. Not from a shard thread.
  void run_on(uint32_t shard, const std::function<void()>& fn);

  // Runs fn(context) on a blocking thread, in no promised order. False: the runtime has stopped, it will not run.
  bool blocking(chr_fn fn, void* context);
  // The same for looking up a name, which may take many seconds: a few at a time,
  // beside the blocking threads.
  void look_up(chr_fn fn, void* context);

  // On a shard thread only: timers and operations of that shard. See chr_exec_v1.
  uint64_t timer_start(uint64_t delay_ns, chr_fn fn, void* context);
  void timer_cancel(uint64_t timer);
  uint64_t op_begin(chr_done_fn fn, void* context);
  void op_abandon(uint64_t token);

  // Delivers completions, each on the shard where its token was made; `from` names who completes, for the log
  // line about a stale or double completion. The name must live as long as the runtime.
  void complete(const chr_done* done, uint32_t n, const std::string& from);

  // Control thread: makes an asynchronous call and waits for its completion. kTimeout after `patience`,
  // kCancelled soon after `given_up` says so: the call goes on, its completion is then ignored.
  using Call = std::function<chr_status(uint64_t token, chr_error* error)>;
  Status call(const Call& call, std::chrono::nanoseconds patience,
              const std::function<bool()>& given_up = {});

  // The event loops' turning: nanoseconds since each shard's last heartbeat.
  std::vector<uint64_t> heartbeat_ages_ns() const;

  // An exception came out of a callback, which stops the node: nobody knows what it left half done. code: of
  // the callback; names the plugin.
  void callback_threw(const void* code, std::string_view what);
  // Logs, then ends the process (RuntimeOptions::on_fatal).
  void fatal(std::string_view component, std::string_view message);

  // Bytes copied for slow readers beyond each one's own share; false when the common share is used up.
  bool take_slow_budget(uint64_t bytes);
  void return_slow_budget(uint64_t bytes);

  BufferPool& buffers() { return *buffers_; }
  Logger& logger() { return logger_; }
  Metrics& metrics() { return metrics_; }
  const RuntimeOptions& options() const { return options_; }
  Shard& shard(uint32_t index) { return *shards_.at(index); }

 private:
  template <class F>
  static void CHR_CALL run_once(void* context) {
    const std::unique_ptr<F> fn(static_cast<F*>(context));
    (*fn)();
  }
  std::function<void(const void*, std::string_view)> escape_handler();
  Shard& here(std::string_view what);
  void export_metrics();

  RuntimeOptions options_;
  Logger& logger_;
  Metrics& metrics_;
  std::unique_ptr<BufferPool> buffers_;
  std::unique_ptr<BlockingPool> blocking_;
  std::unique_ptr<BlockingPool> lookups_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::atomic<uint64_t> slow_copied_{0};
  uint64_t collector_ = 0;
  bool started_ = false;
  bool stopped_ = false;
};

// Has /livez say which shard's loop has not turned for `patience` (it turns twice a second at least). Health
// is not asked any more once the runtime is gone.
void watch_shards(Health& health, const Runtime& runtime,
                  std::chrono::nanoseconds patience = std::chrono::seconds(5));

// Monotonic time in nanoseconds, the clock of every timer.
uint64_t monotonic_ns();

}  // namespace chronik::host
