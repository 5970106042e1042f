// C++ access to the host's services. Header-only sugar over host.h and host_services.h; no state of its own.
#pragma once

#include <chronik/host_services.h>
#include <chronik/result.hpp>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace chronik {

inline chr_str to_abi(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view from_abi(chr_str text) { return {text.p, text.n}; }

// Copies an error into the struct that the other side owns; a null struct is fine.
// Returns the status to return.
inline chr_status report(chr_error* out, chr_status code, std::string_view message,
                         uint32_t flags = 0) noexcept {
  if (out == nullptr) return code;
  out->code = code;
  out->flags = flags;
  const size_t n = message.size() < sizeof out->message - 1 ? message.size() : sizeof out->message - 1;
  std::memcpy(out->message, message.data(), n);
  out->message[n] = '\0';
  return code;
}
inline chr_status report(chr_error* out, const Error& error) noexcept {
  return report(out, static_cast<chr_status>(error.code), error.message);
}

// A zeroed chr_error of the right size, and what it says as an Error.
inline chr_error make_abi_error() {
  chr_error error{};
  error.struct_size = sizeof error;
  return error;
}
inline Error from_abi(const chr_error& error, chr_status code) {
  return Error{static_cast<Code>(code), std::string(error.message)};
}

// Owns one reference of a lease.
class Lease {
 public:
  Lease() = default;
  // Takes over a reference that the caller owns.
  static Lease adopt(chr_buf* buf) { return Lease(buf); }
  // Takes a reference of its own.
  static Lease share(chr_buf* buf) {
    if (buf != nullptr) buf->ops->retain(buf);
    return Lease(buf);
  }
  Lease(const Lease& other) : Lease(share(other.buf_)) {}
  Lease(Lease&& other) noexcept : buf_(std::exchange(other.buf_, nullptr)) {}
  Lease& operator=(Lease other) noexcept {
    std::swap(buf_, other.buf_);
    return *this;
  }
  ~Lease() {
    if (buf_ != nullptr) buf_->ops->release(buf_);
  }
  chr_buf* get() const { return buf_; }
  chr_buf* release() { return std::exchange(buf_, nullptr); }
  // Whether its owner wants the memory back.
  bool is_recalled() const {
    return buf_ != nullptr && buf_->ops->is_recalled != nullptr && buf_->ops->is_recalled(buf_) != 0;
  }

 private:
  explicit Lease(chr_buf* buf) : buf_(buf) {}
  chr_buf* buf_ = nullptr;
};

// The host as one plugin instance sees it. Cheap to copy; valid as long as the instance. Thread rules are
// those of the ABI functions behind each method. The services exec, clock, random, mem, metrics, config, node
// and health exist in every host.
class Host {
 public:
  Host() = default;
  explicit Host(const chr_host_v1* core)
      : core_(core),
        exec_(find<chr_exec_v1>(CHR_EXEC_ID)),
        clock_(find<chr_clock_v1>(CHR_CLOCK_ID)),
        random_(find<chr_random_v1>(CHR_RANDOM_ID)),
        mem_(find<chr_mem_v1>(CHR_MEM_ID)),
        metrics_(find<chr_metrics_v1>(CHR_METRICS_ID)),
        config_(find<chr_config_v1>(CHR_CONFIG_ID)),
        node_(find<chr_node_v1>(CHR_NODE_ID)),
        health_(find<chr_health_v1>(CHR_HEALTH_ID)) {}

  const chr_host_v1* core() const { return core_; }
  chr_host* self() const { return core_->self; }

  // A host service as its table, or nullptr.
  template <class Table>
  const Table* find(const char* id) const {
    return static_cast<const Table*>(core_->query(core_->self, id));
  }
  // Another plugin's service, from start() on.
  template <class Table>
  const Table* acquire(const char* id, void** instance) const {
    return static_cast<const Table*>(core_->acquire(core_->self, id, instance));
  }

  // ---- log ----
  bool logs(int32_t level) const { return core_->log_level(core_->self) >= level; }
  void log(int32_t level, std::string_view message, std::string_view fields = {}) const {
    core_->log(core_->self, level, to_abi(message), to_abi(fields));
  }
  void error(std::string_view message, std::string_view fields = {}) const {
    log(CHR_LOG_ERROR, message, fields);
  }
  void warn(std::string_view message, std::string_view fields = {}) const {
    log(CHR_LOG_WARN, message, fields);
  }
  void info(std::string_view message, std::string_view fields = {}) const {
    log(CHR_LOG_INFO, message, fields);
  }
  void debug(std::string_view message, std::string_view fields = {}) const {
    log(CHR_LOG_DEBUG, message, fields);
  }
  void fatal(std::string_view message) const { core_->fatal(core_->self, to_abi(message)); }

  // ---- exec ----
  uint32_t shard_count() const { return exec_->shard_count(self()); }
  int32_t current_shard() const { return exec_->current_shard(self()); }
  template <class F>
  void post(uint32_t shard, F&& fn) const {
    exec_->post(self(), shard, &run_once<std::decay_t<F>>, new std::decay_t<F>(std::forward<F>(fn)));
  }
  void post(uint32_t shard, chr_fn fn, void* context) const { exec_->post(self(), shard, fn, context); }
  // The context outlives the timer, or the timer is cancelled first.
  uint64_t timer(uint64_t delay_ns, chr_fn fn, void* context) const {
    return exec_->timer_start(self(), delay_ns, fn, context);
  }
  void cancel_timer(uint64_t timer) const { exec_->timer_cancel(self(), timer); }
  template <class F>
  void blocking(F&& fn) const {
    exec_->blocking(self(), &run_once<std::decay_t<F>>, new std::decay_t<F>(std::forward<F>(fn)));
  }

  // Makes an asynchronous call: call(token) -> chr_status. If that is CHR_PENDING, done(const chr_done&) runs
  // later on this shard; otherwise done is dropped and the caller deals with the status here.
  template <class Call, class Done>
  chr_status async(Call&& call, Done&& done) const {
    using Closure = std::decay_t<Done>;
    auto closure = std::make_unique<Closure>(std::forward<Done>(done));
    Closure* const context = closure.get();
    const uint64_t token = exec_->op_begin(self(), &finish_once<Closure>, context);
    closure.release();  // the completion may already run on another thread's behalf when call returns
    const chr_status status = call(token);
    if (status != CHR_PENDING) {
      exec_->op_abandon(self(), token);
      delete context;
    }
    return status;
  }

  // ---- completing what others asked of this plugin ----
  void complete(const chr_done* done, uint32_t n) const { core_->complete(self(), done, n); }
  void complete(uint64_t token, chr_status code, std::string_view message = {}) const {
    chr_done done{};
    done.token = token;
    done.code = code;
    done.message = to_abi(message);
    complete(&done, 1);
  }
  void complete(uint64_t token, const Error& error) const {
    complete(token, static_cast<chr_status>(error.code), error.message);
  }
  void complete(uint64_t token, const Status& status) const {
    status ? complete(token, CHR_OK) : complete(token, status.error());
  }

  // ---- clock, random, mem ----
  uint64_t now_ns() const { return clock_->monotonic_ns(self()); }
  int64_t unix_ms() const { return clock_->unix_ms(self()); }
  void random(uint8_t* p, uint64_t n) const { random_->fill(self(), p, n); }
  uint64_t random_u64() const {
    uint64_t value = 0;
    random_->fill(self(), reinterpret_cast<uint8_t*>(&value), sizeof value);
    return value;
  }
  // The caller owns the one reference of out->lease.
  chr_status alloc(uint64_t n, chr_slice* out) const { return mem_->alloc(self(), n, out); }

  // ---- metrics ----
  uint64_t counter(std::string_view name, std::string_view help, std::string_view labels = {}) const {
    return define(CHR_METRIC_COUNTER, name, help, labels);
  }
  uint64_t gauge(std::string_view name, std::string_view help, std::string_view labels = {}) const {
    return define(CHR_METRIC_GAUGE, name, help, labels);
  }
  uint64_t histogram(std::string_view name, std::string_view help, std::string_view labels = {}) const {
    return define(CHR_METRIC_HISTOGRAM, name, help, labels);
  }
  void add(uint64_t metric, double delta = 1) const { metrics_->add(self(), metric, delta); }
  void set(uint64_t metric, double value) const { metrics_->set(self(), metric, value); }
  void observe(uint64_t metric, double seconds) const { metrics_->observe(self(), metric, seconds); }
  void remove_metric(uint64_t metric) const { metrics_->remove(self(), metric); }

  // ---- config: a key that the schema has, with its default; `fallback` where it has no value ----
  int64_t config_int(std::string_view key, int64_t fallback = 0) const {
    int64_t value = 0;
    return config_->integer(self(), to_abi(key), &value) == CHR_OK ? value : fallback;
  }
  std::string_view config_string(std::string_view key) const {
    chr_str value{};
    return config_->string(self(), to_abi(key), &value) == CHR_OK ? from_abi(value) : std::string_view();
  }
  // Element i of a list; false past its end.
  bool config_int_at(std::string_view key, uint32_t i, int64_t* out) const {
    return config_->integer_at(self(), to_abi(key), i, out) == CHR_OK;
  }
  bool config_string_at(std::string_view key, uint32_t i, std::string_view* out) const {
    chr_str value{};
    if (config_->string_at(self(), to_abi(key), i, &value) != CHR_OK) return false;
    *out = from_abi(value);
    return true;
  }

  // ---- node, health ----
  const chr_node_info& node() const { return *node_->info(self()); }
  Status adopt_cluster(std::string_view cluster_id) const {
    chr_error error = make_abi_error();
    const chr_status status = node_->adopt_cluster(self(), to_abi(cluster_id), &error);
    if (status == CHR_OK) return {};
    return std::unexpected(from_abi(error, status));
  }
  void health(std::string_view part, int32_t state, std::string_view reason = {}) const {
    health_->set(self(), to_abi(part), state, to_abi(reason));
  }

 private:
  template <class F>
  static void CHR_CALL run_once(void* context) {
    std::unique_ptr<F> fn(static_cast<F*>(context));
    (*fn)();
  }
  template <class F>
  static void CHR_CALL finish_once(void* context, const chr_done* done) {
    std::unique_ptr<F> fn(static_cast<F*>(context));
    (*fn)(*done);
  }
  uint64_t define(int32_t kind, std::string_view name, std::string_view help, std::string_view labels) const {
    return metrics_->define(self(), kind, to_abi(name), to_abi(labels), to_abi(help));
  }

  const chr_host_v1* core_ = nullptr;
  const chr_exec_v1* exec_ = nullptr;
  const chr_clock_v1* clock_ = nullptr;
  const chr_random_v1* random_ = nullptr;
  const chr_mem_v1* mem_ = nullptr;
  const chr_metrics_v1* metrics_ = nullptr;
  const chr_config_v1* config_ = nullptr;
  const chr_node_v1* node_ = nullptr;
  const chr_health_v1* health_ = nullptr;
};

}  // namespace chronik
