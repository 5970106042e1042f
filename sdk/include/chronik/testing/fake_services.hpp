// The host services of FakeHost as ABI tables. Included by fake_host.hpp.
#pragma once

#include <chronik/testing/fake_host.hpp>

#include <algorithm>

namespace chronik::testing {

struct FakeServices {
  static FakeHost* of(chr_host* self) { return FakeHost::of(self); }

  // ---- exec ----
  static uint32_t CHR_CALL shard_count(chr_host* self) { return of(self)->shards_; }
  static int32_t CHR_CALL current_shard(chr_host* self) { return of(self)->current_; }
  static void CHR_CALL post(chr_host* self, uint32_t shard, chr_fn fn, void* context) {
    of(self)->queue_.push_back({static_cast<int32_t>(shard), fn, context});
  }
  static uint64_t CHR_CALL timer_start(chr_host* self, uint64_t delay_ns, chr_fn fn, void* context) {
    FakeHost* host = of(self);
    const uint64_t id = ++host->next_timer_;
    host->timers_[{host->now_ns_ + std::min(delay_ns, UINT64_MAX - host->now_ns_), id}] = {host->current_, fn,
                                                                                           context};
    return id;
  }
  static void CHR_CALL timer_cancel(chr_host* self, uint64_t timer) {
    auto& timers = of(self)->timers_;
    for (auto it = timers.begin(); it != timers.end(); ++it) {
      if (it->first.second == timer) {
        timers.erase(it);
        return;
      }
    }
  }
  static void CHR_CALL blocking(chr_host* self, chr_fn fn, void* context) {
    of(self)->queue_.push_back({-1, fn, context});
  }
  static uint64_t CHR_CALL op_begin(chr_host* self, chr_done_fn fn, void* context) {
    return of(self)->begin_operation(fn, context);
  }
  static void CHR_CALL op_abandon(chr_host* self, uint64_t token) { of(self)->operations_.erase(token); }
  static constexpr chr_exec_v1 kExec = {
      sizeof(chr_exec_v1), 1,        shard_count, current_shard, post, timer_start,
      timer_cancel,        blocking, op_begin,    op_abandon};

  // ---- clock, random, mem ----
  static uint64_t CHR_CALL monotonic_ns(chr_host* self) { return of(self)->now_ns_; }
  static int64_t CHR_CALL unix_ms(chr_host* self) {
    return of(self)->unix_start_ms + static_cast<int64_t>(of(self)->now_ns_ / 1'000'000);
  }
  static constexpr chr_clock_v1 kClock = {sizeof(chr_clock_v1), 1, monotonic_ns, unix_ms};

  static void CHR_CALL fill(chr_host* self, uint8_t* p, uint64_t n) {
    uint64_t& state = of(self)->random_;
    for (uint64_t i = 0; i < n; ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      p[i] = static_cast<uint8_t>(state >> 56);
    }
  }
  static constexpr chr_random_v1 kRandom = {sizeof(chr_random_v1), 1, fill};

  static chr_status CHR_CALL alloc(chr_host*, uint64_t n, chr_slice* out) {
    *out = FakeBuffer::make(n);
    return CHR_OK;
  }
  static constexpr chr_mem_v1 kMem = {sizeof(chr_mem_v1), 1, alloc};

  // ---- metrics ----
  static uint64_t CHR_CALL define(chr_host* self, int32_t, chr_str name, chr_str labels, chr_str) {
    FakeHost* host = of(self);
    std::string key(from_abi(name));
    if (labels.n != 0) key += "{" + std::string(from_abi(labels)) + "}";
    const auto [it, is_new] = host->metric_ids_.try_emplace(key, host->metrics_.size());
    if (is_new) host->metrics_.push_back(0);
    return it->second;
  }
  static void CHR_CALL add(chr_host* self, uint64_t metric, double delta) {
    of(self)->metrics_.at(metric) += delta;
  }
  static void CHR_CALL set(chr_host* self, uint64_t metric, double value) {
    of(self)->metrics_.at(metric) = value;
  }
  static void CHR_CALL observe(chr_host* self, uint64_t metric, double) {
    of(self)->metrics_.at(metric) += 1;
  }
  static void CHR_CALL remove(chr_host* self, uint64_t metric) { of(self)->metrics_.at(metric) = 0; }
  static constexpr chr_metrics_v1 kMetrics = {sizeof(chr_metrics_v1), 1, define, add, set, observe, remove};

  // ---- config ----
  static chr_status CHR_CALL integer_at(chr_host* self, chr_str key, uint32_t i, int64_t* out) {
    const auto found = of(self)->integers_.find(std::string(from_abi(key)));
    if (found == of(self)->integers_.end()) return CHR_E_NOT_FOUND;
    if (i >= found->second.size()) return CHR_E_OUT_OF_RANGE;
    *out = found->second[i];
    return CHR_OK;
  }
  static chr_status CHR_CALL integer(chr_host* self, chr_str key, int64_t* out) {
    return integer_at(self, key, 0, out);
  }
  static chr_status CHR_CALL string_at(chr_host* self, chr_str key, uint32_t i, chr_str* out) {
    const auto found = of(self)->strings_.find(std::string(from_abi(key)));
    if (found == of(self)->strings_.end()) return CHR_E_NOT_FOUND;
    if (i >= found->second.size()) return CHR_E_OUT_OF_RANGE;
    *out = to_abi(found->second[i]);
    return CHR_OK;
  }
  static chr_status CHR_CALL string(chr_host* self, chr_str key, chr_str* out) {
    return string_at(self, key, 0, out);
  }
  static constexpr chr_config_v1 kConfig = {sizeof(chr_config_v1), 1, integer, string, integer_at, string_at};

  // ---- node, health ----
  static const chr_node_info* CHR_CALL info(chr_host* self) { return &of(self)->node_; }
  static chr_status CHR_CALL adopt_cluster(chr_host* self, chr_str cluster_id, chr_error* error) {
    std::string& bound = of(self)->cluster_id_;
    if (!bound.empty() && bound != from_abi(cluster_id))
      return report(error, CHR_E_FENCED, "bound to " + bound);
    bound = from_abi(cluster_id);
    return CHR_OK;
  }
  static constexpr chr_node_v1 kNode = {sizeof(chr_node_v1), 1, info, adopt_cluster};

  static void CHR_CALL set_health(chr_host* self, chr_str part, int32_t state, chr_str) {
    of(self)->health_[std::string(from_abi(part))] = state;
  }
  static constexpr chr_health_v1 kHealth = {sizeof(chr_health_v1), 1, set_health};

  // ---- link ----
  static chr_status CHR_CALL open(chr_host* self, chr_str channel, const chr_channel_v1* receiver,
                                  void* context, uint32_t* id, chr_error*) {
    FakeHost* host = of(self);
    host->channels_[std::string(from_abi(channel))] = {receiver, context};
    host->channel_names_.emplace_back(from_abi(channel));
    *id = static_cast<uint32_t>(host->channel_names_.size() - 1);
    return CHR_OK;
  }
  static chr_status CHR_CALL send(chr_host* self, uint32_t channel, int32_t to, uint32_t lane,
                                  const chr_slice* slices, uint32_t n) {
    FakeHost* host = of(self);
    FakeHost::Frame frame{host->now_ns_, host->channel_names_.at(channel), to, lane, {}};
    for (uint32_t i = 0; i < n; ++i)
      frame.bytes.append(reinterpret_cast<const char*>(slices[i].p), slices[i].n);
    host->frames_.push_back(std::move(frame));
    return CHR_OK;
  }
  static chr_status CHR_CALL set_peer(chr_host* self, int32_t peer, chr_str address,
                                      const chr_uuid* incarnation) {
    of(self)->link_peers_[peer] = {std::string(from_abi(address)), *incarnation};
    return CHR_OK;
  }
  static void CHR_CALL remove_peer(chr_host* self, int32_t peer) { of(self)->link_peers_.erase(peer); }
  static uint32_t CHR_CALL is_up(chr_host* self, int32_t peer) {
    return of(self)->links_up_.contains(peer) ? 1 : 0;
  }
  static constexpr chr_link_v1 kLink = {sizeof(chr_link_v1), 1, open, send, set_peer, remove_peer, is_up};

  // ---- admin ----
  static chr_status CHR_CALL route(chr_host* self, chr_str prefix, chr_admin_fn fn, void* context,
                                   chr_error* error) {
    const FakeHost::Route route{fn, context, of(self)->current_};
    if (!of(self)->routes_.try_emplace(std::string(from_abi(prefix)), route).second)
      return report(error, CHR_E_EXISTS, "the route is taken");
    return CHR_OK;
  }
  static void CHR_CALL respond(chr_host* self, uint64_t request, int32_t status, chr_str type, chr_str body) {
    of(self)->responses_[request] = {status, std::string(from_abi(type)), std::string(from_abi(body))};
  }
  static constexpr chr_admin_v1 kAdmin = {sizeof(chr_admin_v1), 1, route, respond};
};

inline const void* CHR_CALL FakeHost::query(chr_host* self, const char* service_id) {
  const std::string_view id = service_id;
  const auto found = of(self)->host_services_.find(std::string(id));
  if (found != of(self)->host_services_.end()) return found->second;
  if (id == CHR_EXEC_ID) return &FakeServices::kExec;
  if (id == CHR_CLOCK_ID) return &FakeServices::kClock;
  if (id == CHR_RANDOM_ID) return &FakeServices::kRandom;
  if (id == CHR_MEM_ID) return &FakeServices::kMem;
  if (id == CHR_METRICS_ID) return &FakeServices::kMetrics;
  if (id == CHR_CONFIG_ID) return &FakeServices::kConfig;
  if (id == CHR_NODE_ID) return &FakeServices::kNode;
  if (id == CHR_HEALTH_ID) return &FakeServices::kHealth;
  if (id == CHR_ADMIN_ID) return &FakeServices::kAdmin;
  if (id == CHR_LINK_ID && of(self)->link_ == Link::kRecorded) return &FakeServices::kLink;
  return nullptr;
}

}  // namespace chronik::testing
