// FakeHost: a whole host for unit tests of a plugin, in one thread and in virtual time.
//
//     chronik::testing::FakeHost host;
//     host.config_int("attempts", 5);
//     host.provide(CHR_RETRY_POLICY_ID, &table, &policy);  // what acquire() finds
//     MyPlugin plugin(chronik::Host(host.core()));
//     host.advance(std::chrono::milliseconds(100));  // posts, timers and blocking jobs due by then, in order
//
// Everything runs in run()/advance() on the calling thread; nothing runs by itself. Not thread-safe.
// Deterministic: the same calls give the same order. A completion of a stale or finished token throws, as
// does a leaked one in expect_idle().
#pragma once

#include <chronik/draft/admin.h>
#include <chronik/link.h>
#include <chronik/host.hpp>
#include <chronik/leased.hpp>

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <stdexcept>
#include <vector>

namespace chronik::testing {

// A heap buffer with a reference count, as chr_mem_v1.alloc and the fakes hand out.
class FakeBuffer : public Leased<FakeBuffer> {
 public:
  static chr_slice make(uint64_t n) {
    auto* buffer = new FakeBuffer(n);
    return {buffer->bytes_.data(), n, buffer->lease()};
  }
  static chr_slice copy(std::string_view bytes) {
    const chr_slice slice = make(bytes.size());
    std::memcpy(const_cast<uint8_t*>(slice.p), bytes.data(), bytes.size());
    return slice;
  }

 private:
  explicit FakeBuffer(uint64_t n) : bytes_(n + 1) {}

  std::vector<uint8_t> bytes_;
};

class FakeFiles;  // fake_files.hpp

class FakeHost {
 public:
  struct LogLine {
    uint64_t at_ns;
    int32_t level;
    std::string message;
    std::string fields;
  };
  struct Frame {
    uint64_t at_ns;
    std::string channel;
    int32_t to;
    uint32_t lane;
    std::string bytes;
  };
  struct LinkPeer {
    std::string address;
    chr_uuid incarnation;
  };
  struct Response {
    int32_t status;
    std::string content_type;
    std::string body;
  };
  enum class Link { kNone, kRecorded };  // kRecorded: a link service whose frames stand in frames()

  explicit FakeHost(int32_t node_id = 1, uint32_t shards = 1, uint64_t seed = 1, Link link = Link::kNone)
      : shards_(shards), link_(link), random_(seed * 0x9E3779B97F4A7C15u + 1) {
    core_ = {sizeof core_, CHR_ABI_MINOR, reinterpret_cast<chr_host*>(this), query, acquire, complete, log,
             log_level,    fatal};
    node_.struct_size = sizeof node_;
    node_.id = node_id;
    node_.new_node = 1;
    node_.incarnation.b[0] = static_cast<uint8_t>(node_id);
    peers({node_id});
  }
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;
  // Pending work is dropped, not run; its closures leak, as in a crash.
  ~FakeHost() = default;

  const chr_host_v1* core() { return &core_; }

  // ---- what the plugin finds ----
  void provide(const char* id, const void* table, void* instance) { services_[id] = {table, instance}; }
  void config_int(std::string_view key, int64_t value) { integers_[std::string(key)] = {value}; }
  void config_string(std::string_view key, std::string_view value) {
    strings_[std::string(key)] = {std::string(value)};
  }
  void config_list(std::string_view key, std::vector<int64_t> values) {
    integers_[std::string(key)] = std::move(values);
  }
  void config_list(std::string_view key, std::vector<std::string> values) {
    strings_[std::string(key)] = std::move(values);
  }
  void directory(std::string path) {
    directory_ = std::move(path);
    node_.directory = to_abi(directory_);
  }
  void peers(const std::vector<int32_t>& ids) {
    peers_.clear();
    for (const int32_t id : ids) peers_.push_back({id, 0, to_abi("127.0.0.1:0")});
    node_.peers = peers_.data();
    node_.n_peers = static_cast<uint32_t>(peers_.size());
  }
  // Replaces or adds a host service; the table's functions get core()->self first.
  void add_service(const char* id, const void* table) { host_services_[id] = table; }

  // ---- running ----
  uint64_t now_ns() const { return now_ns_; }
  int64_t unix_start_ms = 1'700'000'000'000;
  // Runs everything that is due now. Throws when it does not come to rest.
  void run() {
    uint64_t steps = 0;
    while (step_due()) {
      if (++steps > 10'000'000) throw std::runtime_error("FakeHost::run does not come to rest");
    }
  }
  // Runs everything that is due until now + d, then stands there.
  template <class Rep, class Period>
  void advance(std::chrono::duration<Rep, Period> d) {
    const uint64_t until =
        now_ns_ + static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(d).count());
    run();
    while (!timers_.empty() && timers_.begin()->first.first <= until) {
      now_ns_ = timers_.begin()->first.first;
      fire_timer();
      run();
    }
    now_ns_ = until;
  }
  // Holds blocking jobs back (a stalled disk) until released.
  void hold_blocking(bool held) { blocking_held_ = held; }
  // Runs fn as if on that shard.
  template <class F>
  void on_shard(uint32_t shard, F&& fn) {
    const int32_t before = std::exchange(current_, static_cast<int32_t>(shard));
    fn();
    current_ = before;
  }

  // ---- what happened ----
  const std::vector<LogLine>& logs() const { return logs_; }
  bool logged(std::string_view part) const {
    for (const LogLine& line : logs_) {
      if (line.message.find(part) != std::string::npos) return true;
    }
    return false;
  }
  void clear_logs() { logs_.clear(); }
  const std::vector<std::string>& fatals() const { return fatals_; }
  std::vector<Frame>& frames() { return frames_; }
  double metric(const std::string& name_and_labels) const {
    const auto found = metric_ids_.find(name_and_labels);
    return found == metric_ids_.end() ? 0 : metrics_.at(found->second);
  }
  int32_t health(const std::string& part) const {
    const auto found = health_.find(part);
    return found == health_.end() ? CHR_HEALTH_READY : found->second;
  }
  const std::string& cluster_id() const { return cluster_id_; }
  size_t open_operations() const { return operations_.size(); }
  size_t open_timers() const { return timers_.size(); }
  // No work, timer or operation is left.
  void expect_idle() const {
    if (!queue_.empty() || !timers_.empty() || !operations_.empty())
      throw std::runtime_error("FakeHost is not idle");
  }

  // Sees every completion when the plugin makes it, long before the one who asked is told.
  std::function<void(const chr_done& done)> on_complete;

  // A token for a call that the test itself makes; *done receives the completion, its message
  // lives as long as this host.
  uint64_t begin(chr_done* done) {
    return begin_operation(
        [](void* context, const chr_done* result) {
          auto* out = static_cast<chr_done*>(context);
          *out = *result;
          if (out->lease != nullptr) out->lease->ops->retain(out->lease);
        },
        done);
  }
  // Delivers a frame, or a link change, to a channel that the plugin opened.
  void deliver(std::string_view channel, int32_t from, std::string_view bytes) {
    const Channel& c = channels_.at(std::string(channel));
    const chr_slice slice = FakeBuffer::copy(bytes);
    const Lease lease = Lease::adopt(slice.lease);
    on_shard(0, [&] { c.receiver->frame(c.context, from, slice); });
  }
  void set_link(std::string_view channel, int32_t peer, bool up) {
    up ? static_cast<void>(links_up_.insert(peer)) : static_cast<void>(links_up_.erase(peer));
    const Channel& c = channels_.at(std::string(channel));
    on_shard(0, [&] { c.receiver->link(c.context, peer, up ? 1 : 0); });
  }
  // What the plugin told the link service: peers set and not removed since.
  const std::map<int32_t, LinkPeer>& link_peers() const { return link_peers_; }

  // An HTTP request to the longest route of the plugin that takes it; throws when none does. run() it, then
  // look for the response.
  uint64_t request(std::string_view method, std::string_view path, std::string_view body = {},
                   std::string_view query = {}) {
    const Route* route = nullptr;
    for (const auto& [prefix, candidate] : routes_) {
      const bool below =
          path.size() == prefix.size() || (path.size() > prefix.size() && path[prefix.size()] == '/');
      if (path.starts_with(prefix) && below) route = &candidate;  // sorted: the longest comes last
    }
    if (route == nullptr) throw std::logic_error("no route takes " + std::string(path));
    const chr_slice slice = FakeBuffer::copy(body);
    const Lease lease = Lease::adopt(slice.lease);
    const chr_admin_request request{sizeof request, 0, to_abi(method), to_abi(path), to_abi(query), slice};
    const uint64_t id = ++next_request_;
    on_shard(static_cast<uint32_t>(route->shard), [&] { route->fn(route->context, id, &request); });
    return id;
  }
  // Null: not answered yet.
  const Response* response(uint64_t request) const {
    const auto found = responses_.find(request);
    return found == responses_.end() ? nullptr : &found->second;
  }

 private:
  struct Job {
    int32_t shard;  // -1: blocking
    chr_fn fn;
    void* context;
  };
  struct Operation {
    chr_done_fn fn;
    void* context;
    int32_t shard;
  };
  struct Channel {
    const chr_channel_v1* receiver;
    void* context;
  };
  struct Route {
    chr_admin_fn fn;
    void* context;
    int32_t shard;
  };
  struct Service {
    const void* table;
    void* instance;
  };
  // A completed operation on its way to its shard.
  struct Completion {
    FakeHost* host;
    chr_done done;
    std::string message;
    Lease lease;
    static void CHR_CALL deliver(void* context) {
      std::unique_ptr<Completion> self(static_cast<Completion*>(context));
      const auto found = self->host->operations_.find(self->done.token);
      const Operation operation = found->second;
      self->host->completing_.erase(self->done.token);
      self->host->operations_.erase(found);
      if (!self->message.empty())
        self->done.message = to_abi(self->host->messages_.emplace_back(self->message));
      operation.fn(operation.context, &self->done);
    }
  };

  static FakeHost* of(chr_host* self) { return reinterpret_cast<FakeHost*>(self); }

  bool step_due() {
    for (size_t i = 0; i < queue_.size(); ++i) {
      if (queue_[i].shard < 0 && blocking_held_) continue;
      const Job job = queue_[i];
      queue_.erase(queue_.begin() + static_cast<std::ptrdiff_t>(i));
      const int32_t before = std::exchange(current_, job.shard);
      job.fn(job.context);
      current_ = before;
      return true;
    }
    if (!timers_.empty() && timers_.begin()->first.first <= now_ns_) {
      fire_timer();
      return true;
    }
    return false;
  }
  void fire_timer() {
    const Job job = timers_.begin()->second;
    timers_.erase(timers_.begin());
    const int32_t before = std::exchange(current_, job.shard);
    job.fn(job.context);
    current_ = before;
  }
  uint64_t begin_operation(chr_done_fn fn, void* context) {
    operations_[++next_token_] = {fn, context, current_ < 0 ? 0 : current_};
    return next_token_;
  }

  // ---- chr_host_v1 ----
  static const void* CHR_CALL query(chr_host* self, const char* id);
  static const void* CHR_CALL acquire(chr_host* self, const char* id, void** instance) {
    const auto found = of(self)->services_.find(id);
    if (found == of(self)->services_.end()) return nullptr;
    *instance = found->second.instance;
    return found->second.table;
  }
  static void CHR_CALL complete(chr_host* self, const chr_done* done, uint32_t n) {
    FakeHost* host = of(self);
    for (uint32_t i = 0; i < n; ++i) {
      const auto found = host->operations_.find(done[i].token);
      if (found == host->operations_.end() || !host->completing_.insert({done[i].token, true}).second)
        throw std::logic_error("a token was completed twice, or never given");
      if (host->on_complete) host->on_complete(done[i]);
      auto* completion =
          new Completion{host, done[i], std::string(from_abi(done[i].message)), Lease::share(done[i].lease)};
      completion->done.message = {};
      host->queue_.push_back({found->second.shard, Completion::deliver, completion});
    }
  }
  static void CHR_CALL log(chr_host* self, int32_t level, chr_str message, chr_str fields) {
    of(self)->logs_.push_back(
        {of(self)->now_ns_, level, std::string(from_abi(message)), std::string(from_abi(fields))});
  }
  static int32_t CHR_CALL log_level(chr_host*) { return CHR_LOG_DEBUG; }
  static void CHR_CALL fatal(chr_host* self, chr_str message) {
    of(self)->fatals_.emplace_back(from_abi(message));
  }

  friend struct FakeServices;
  friend class FakeFiles;

  chr_host_v1 core_{};
  chr_node_info node_{};
  std::string directory_;
  std::vector<chr_peer> peers_;
  uint32_t shards_;
  Link link_;
  uint64_t random_;
  uint64_t now_ns_ = 1'000'000'000;
  int32_t current_ = -1;
  bool blocking_held_ = false;
  std::vector<Job> queue_;
  std::map<std::pair<uint64_t, uint64_t>, Job> timers_;  // (due, id)
  uint64_t next_timer_ = 0;
  uint64_t next_token_ = 0;
  std::map<uint64_t, Operation> operations_;
  std::map<uint64_t, bool> completing_;
  std::deque<std::string> messages_;  // of completions
  std::map<std::string, Service> services_;
  std::map<std::string, const void*> host_services_;
  std::map<std::string, Channel> channels_;
  std::vector<std::string> channel_names_;
  std::map<int32_t, LinkPeer> link_peers_;
  std::set<int32_t> links_up_;
  std::map<std::string, Route> routes_;
  std::map<uint64_t, Response> responses_;
  uint64_t next_request_ = 0;
  std::map<std::string, std::vector<int64_t>> integers_;
  std::map<std::string, std::vector<std::string>> strings_;
  std::map<std::string, uint64_t> metric_ids_;
  std::vector<double> metrics_{0};
  std::map<std::string, int32_t> health_;
  std::string cluster_id_;
  FakeFiles* files_ = nullptr;
  std::vector<LogLine> logs_;
  std::vector<std::string> fatals_;
  std::vector<Frame> frames_;
};

}  // namespace chronik::testing

#include <chronik/testing/fake_services.hpp>
