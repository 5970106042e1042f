#include "host/runtime/runtime.h"

#include "host/observe/health.h"
#include "host/observe/logger.h"
#include "host/observe/metrics.h"
#include "host/runtime/blocking_pool.h"
#include "host/runtime/buffer_pool.h"
#include "host/runtime/module_name.h"
#include "host/runtime/shard.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <thread>

namespace chronik::host {
namespace {

constexpr uint64_t kTrimNs = 1'000'000'000;
constexpr uint64_t kTrimMallocNs = 5'000'000'000;
constexpr uint32_t kLookups = 4;                 // of names at once
constexpr std::chrono::milliseconds kLook{100};  // how soon a waiting call sees that it is given up

// What run_on and call wait for. Shared, as the waiting side may give up first.
struct Waiter {
  std::mutex mutex;
  std::condition_variable wake;
  bool finished = false;
  chr_status code = CHR_OK;
  std::string message;

  void finish(chr_status status, std::string_view text) {
    {
      const std::lock_guard lock(mutex);
      finished = true;
      code = status;
      message = text;
    }
    wake.notify_all();
  }
};

void CHR_CALL trim(void* context) {
  auto* runtime = static_cast<Runtime*>(context);
  runtime->buffers().trim();
  runtime->timer_start(kTrimNs, trim, runtime);
}

void CHR_CALL trim_heap(void* context) {
  auto* runtime = static_cast<Runtime*>(context);
  runtime->blocking([](void* self) { trim_malloc(static_cast<Runtime*>(self)->buffers().mapped_bytes()); },
                    runtime);
  runtime->timer_start(kTrimMallocNs, trim_heap, runtime);
}

}  // namespace

Runtime::Runtime(RuntimeOptions options, Logger& logger, Metrics& metrics)
    : options_(std::move(options)),
      logger_(logger),
      metrics_(metrics),
      buffers_(std::make_unique<BufferPool>()),
      blocking_(std::make_unique<BlockingPool>(options_.blocking_threads, escape_handler())),
      lookups_(std::make_unique<BlockingPool>(kLookups, escape_handler())) {
  uint32_t shards =
      options_.shards == 0 ? std::max(1u, std::thread::hardware_concurrency()) : options_.shards;
  shards = std::min(shards, kMaxShards);
  for (uint32_t i = 0; i < shards; ++i) shards_.push_back(std::make_unique<Shard>(*this, i));
  export_metrics();
}

std::function<void(const void*, std::string_view)> Runtime::escape_handler() {
  return [this](const void* code, std::string_view what) { callback_threw(code, what); };
}

Runtime::~Runtime() {
  stop();
  metrics_.off_collect(collector_);
}

void Runtime::start() {
  tune_malloc();
  started_ = true;
  post(0, trim, this);
  post(0, trim_heap, this);
  for (const auto& shard : shards_) shard->start();
}

void Runtime::stop() {
  if (stopped_) return;
  stopped_ = true;
  lookups_->stop();
  blocking_->stop();
  if (!started_) return;
  for (const auto& shard : shards_) shard->stop();
}

int32_t Runtime::current_shard() const {
  Shard* const shard = Shard::current();
  return shard != nullptr && &shard->runtime() == this ? static_cast<int32_t>(shard->index()) : -1;
}

Shard& Runtime::here(std::string_view what) {
  if (current_shard() < 0)
    fatal("runtime", fmt::format("{} was called on a thread that is no shard; post to a shard first", what));
  return *Shard::current();
}

void Runtime::post(uint32_t shard, chr_fn fn, void* context) {
  if (shard >= shards_.size())
    return fatal("runtime", fmt::format("post to shard {}, of {}", shard, shards_.size()));
  shards_[shard]->post(fn, context);
}

void Runtime::run_on(uint32_t shard, const std::function<void()>& fn) {
  if (current_shard() >= 0) return fatal("runtime", "run_on was called on a shard: it would wait for itself");
  Waiter waiter;
  post(shard, [&] {
    fn();
    // Under the lock, as the waiter goes away as soon as it may.
    const std::lock_guard lock(waiter.mutex);
    waiter.finished = true;
    waiter.wake.notify_all();
  });
  std::unique_lock lock(waiter.mutex);
  waiter.wake.wait(lock, [&] { return waiter.finished; });
}

bool Runtime::blocking(chr_fn fn, void* context) { return blocking_->submit(fn, context); }

void Runtime::look_up(chr_fn fn, void* context) { lookups_->submit(fn, context); }

uint64_t Runtime::timer_start(uint64_t delay_ns, chr_fn fn, void* context) {
  return here("timer_start").timer_start(delay_ns, fn, context);
}

void Runtime::timer_cancel(uint64_t timer) {
  if (timer == 0) return;
  if (!here("timer_cancel").timer_cancel(timer))
    fatal("runtime", "a timer was cancelled on another shard than it was started on");
}

uint64_t Runtime::op_begin(chr_done_fn fn, void* context) {
  const uint64_t token = here("op_begin").op_begin(fn, context);
  if (token == 0) fatal("runtime", "more than 16777216 operations are open on one shard");
  return token;
}

void Runtime::op_abandon(uint64_t token) {
  OpTable::Op ignored;
  here("op_abandon").op_end(token, &ignored);
}

void Runtime::complete(const chr_done* done, uint32_t n, const std::string& from) {
  std::vector<std::unique_ptr<Shard::CompletionBatch>> batches(shards_.size());
  for (uint32_t i = 0; i < n; ++i) {
    const uint32_t shard = OpTable::shard_of(done[i].token);
    if (shard >= shards_.size()) {
      logger_.error(from, "Plugin misbehaviour: completed an operation that it was not given; ignored",
                    Fields().add("token", fmt::format("{:#x}", done[i].token)));
      continue;
    }
    auto& batch = batches[shard];
    if (batch == nullptr) {
      batch = std::make_unique<Shard::CompletionBatch>();
      batch->from = &from;
      batch->completions.reserve(n - i);
    }
    Shard::Completion& completion = batch->completions.emplace_back();
    completion.done = done[i];
    completion.done.message = {};
    completion.message = from_abi(done[i].message);
    Lease::share(done[i].lease).release();
  }
  for (size_t shard = 0; shard < batches.size(); ++shard) {
    if (batches[shard] != nullptr) shards_[shard]->complete(std::move(batches[shard]));
  }
}

Status Runtime::call(const Call& call, std::chrono::nanoseconds patience,
                     const std::function<bool()>& given_up) {
  auto waiter = std::make_shared<Waiter>();
  auto* const context = new std::shared_ptr<Waiter>(waiter);
  const chr_done_fn finish = [](void* closure, const chr_done* done) {
    const std::unique_ptr<std::shared_ptr<Waiter>> owner(static_cast<std::shared_ptr<Waiter>*>(closure));
    (*owner)->finish(done->code, from_abi(done->message));
  };
  uint64_t token = 0;
  run_on(0, [&] { token = op_begin(finish, context); });
  chr_error error = make_abi_error();
  const chr_status status = call(token, &error);
  if (status != CHR_PENDING) {
    run_on(0, [&] {
      OpTable::Op op;
      if (shards_[0]->op_end(token, &op)) delete context;
    });
    if (status == CHR_OK) return {};
    return std::unexpected(from_abi(error, status));
  }
  std::unique_lock lock(waiter->mutex);
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!waiter->finished) {
    if (given_up && given_up()) return fail(Code::kCancelled, "a signal came before it was done");
    const auto now = std::chrono::steady_clock::now();
    if (now >= end) {
      const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
      return fail(Code::kTimeout, fmt::format("did not complete within {} ms", ms));
    }
    waiter->wake.wait_for(lock, std::min<std::chrono::nanoseconds>(end - now, kLook));
  }
  if (waiter->code == CHR_OK) return {};
  return fail(static_cast<Code>(waiter->code), waiter->message);
}

std::vector<uint64_t> Runtime::heartbeat_ages_ns() const {
  std::vector<uint64_t> ages;
  const uint64_t now = monotonic_ns();
  for (const auto& shard : shards_) ages.push_back(now - std::min(now, shard->last_heartbeat_ns()));
  return ages;
}

void Runtime::callback_threw(const void* code, std::string_view what) {
  const std::string module = module_name(code);
  fatal(module.empty() ? "runtime" : module, fmt::format("an exception left a callback: {}", what));
}

void Runtime::fatal(std::string_view component, std::string_view message) {
  logger_.error(component, message, "fatal=true");
  if (options_.on_fatal) return options_.on_fatal(message);
  std::abort();
}

bool Runtime::take_slow_budget(uint64_t bytes) {
  uint64_t taken = slow_copied_.load();
  do {
    if (taken + bytes > options_.slow_reader_shared_bytes) return false;
  } while (!slow_copied_.compare_exchange_weak(taken, taken + bytes));
  return true;
}

void Runtime::return_slow_budget(uint64_t bytes) {
  if (bytes != 0) slow_copied_.fetch_sub(bytes);
}

void Runtime::export_metrics() {
  const uint64_t cached = metrics_.define(CHR_METRIC_GAUGE, "chronik_mem_cached_bytes", {},
                                          "Bytes of buffers that wait to be used again.");
  struct Turns {
    uint64_t longest, long_ones;
  };
  std::vector<Turns> turns;
  for (size_t i = 0; i < shards_.size(); ++i) {
    const std::string shard = label("shard", std::to_string(i));
    turns.push_back({metrics_.define(CHR_METRIC_GAUGE, "chronik_shard_longest_turn_seconds", shard,
                                     "Longest turn of the shard in the last one to two minutes."),
                     metrics_.define(CHR_METRIC_COUNTER, "chronik_shard_long_turns_total", shard,
                                     "Turns of the shard that took longer than 20 ms.")});
  }
  collector_ = metrics_.on_collect([this, cached, turns = std::move(turns)](Metrics& metrics) {
    metrics.set(cached, static_cast<double>(buffers_->cached_bytes()));
    for (size_t i = 0; i < shards_.size(); ++i) {
      metrics.set(turns[i].longest, static_cast<double>(shards_[i]->turns().longest_ns()) / 1e9);
      metrics.set(turns[i].long_ones, static_cast<double>(shards_[i]->turns().long_turns()));
    }
  });
}

void watch_shards(Health& health, const Runtime& runtime, std::chrono::nanoseconds patience) {
  health.add_probe([&runtime, patience]() -> std::optional<std::string> {
    std::string standing;
    const std::vector<uint64_t> ages = runtime.heartbeat_ages_ns();
    for (size_t i = 0; i < ages.size(); ++i) {
      if (ages[i] < static_cast<uint64_t>(patience.count())) continue;
      standing += fmt::format("{}shard {} has not turned for {} ms", standing.empty() ? "" : "; ", i,
                              ages[i] / 1'000'000);
    }
    if (standing.empty()) return std::nullopt;
    return standing;
  });
}

}  // namespace chronik::host
