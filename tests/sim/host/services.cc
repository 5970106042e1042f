// The tables of host services that every plugin of a simulated node sees. All state is in the node.
#include "sim/host/file_services.h"
#include "sim/host/net_services.h"
#include "sim/host/node.h"

#include <chronik/host.hpp>

#include <cstring>

namespace chronik::sim {
namespace {

World& world(chr_host* self) { return self->node->world(); }

// ---- exec ----
uint32_t CHR_CALL shard_count(chr_host* self) { return world(self).options.shards; }
int32_t CHR_CALL current_shard(chr_host* self) { return world(self).current.shard; }
void CHR_CALL post(chr_host* self, uint32_t shard, chr_fn fn, void* context) {
  if (shard >= world(self).options.shards)
    return self->node->misbehaved(self, "posted to a shard that does not exist");
  self->node->post(shard, fn, context);
}
uint64_t CHR_CALL timer_start(chr_host* self, uint64_t delay_ns, chr_fn fn, void* context) {
  return self->node->timer_start(self, delay_ns, fn, context);
}
void CHR_CALL timer_cancel(chr_host* self, uint64_t timer) { self->node->timer_cancel(timer); }
void CHR_CALL blocking(chr_host* self, chr_fn fn, void* context) { self->node->blocking(self, fn, context); }
uint64_t CHR_CALL op_begin(chr_host* self, chr_done_fn fn, void* context) {
  const Current& current = world(self).current;
  if (current.shard < 0) self->node->misbehaved(self, "op_begin was called outside of a shard");
  return self->node->ops().begin(self, current.shard < 0 ? 0 : current.shard, fn, context);
}
void CHR_CALL op_abandon(chr_host* self, uint64_t token) {
  if (!self->node->ops().abandon(token))
    self->node->misbehaved(self, "abandoned a token that is not pending");
}
constexpr chr_exec_v1 kExec = {sizeof(chr_exec_v1), 1,        shard_count, current_shard, post, timer_start,
                               timer_cancel,        blocking, op_begin,    op_abandon};

// ---- clock, random, mem ----
uint64_t CHR_CALL monotonic_ns(chr_host* self) { return self->node->local_ns(); }
int64_t CHR_CALL unix_ms(chr_host* self) { return self->node->unix_ms(); }
constexpr chr_clock_v1 kClock = {sizeof(chr_clock_v1), 1, monotonic_ns, unix_ms};

void CHR_CALL fill(chr_host* self, uint8_t* p, uint64_t n) {
  for (uint64_t i = 0; i < n; i += 8) {
    const uint64_t value = self->node->random().next();
    std::memcpy(p + i, &value, std::min<uint64_t>(8, n - i));
  }
}
constexpr chr_random_v1 kRandom = {sizeof(chr_random_v1), 1, fill};

chr_status CHR_CALL alloc(chr_host* self, uint64_t n, chr_slice* out) {
  *out = self->node->memory().alloc(n);
  return CHR_OK;
}
constexpr chr_mem_v1 kMem = {sizeof(chr_mem_v1), 1, alloc};

// ---- metrics ----
uint64_t CHR_CALL define(chr_host* self, int32_t, chr_str name, chr_str labels, chr_str) {
  return self->node->metrics().define(from_abi(name), from_abi(labels));
}
void CHR_CALL metric_add(chr_host* self, uint64_t metric, double delta) {
  self->node->metrics().add(metric, delta);
}
void CHR_CALL metric_set(chr_host* self, uint64_t metric, double value) {
  self->node->metrics().set(metric, value);
}
void CHR_CALL metric_observe(chr_host* self, uint64_t metric, double value) {
  self->node->metrics().observe(metric, value);
}
void CHR_CALL metric_remove(chr_host* self, uint64_t metric) { self->node->metrics().remove(metric); }
constexpr chr_metrics_v1 kMetrics = {
    sizeof(chr_metrics_v1), 1, define, metric_add, metric_set, metric_observe, metric_remove};

// ---- config ----
chr_status CHR_CALL config_integer(chr_host* self, chr_str key, int64_t* out) {
  const host::Value* const value = self->config.find(from_abi(key));
  if (value == nullptr || value->is_list) return CHR_E_NOT_FOUND;
  const auto* const number = std::get_if<int64_t>(&value->items.at(0));
  if (number == nullptr) return CHR_E_NOT_FOUND;
  *out = *number;
  return CHR_OK;
}
chr_status CHR_CALL config_string(chr_host* self, chr_str key, chr_str* out) {
  const host::Value* const value = self->config.find(from_abi(key));
  if (value == nullptr || value->is_list) return CHR_E_NOT_FOUND;
  const auto* const text = std::get_if<std::string>(&value->items.at(0));
  if (text == nullptr) return CHR_E_NOT_FOUND;
  *out = to_abi(*text);
  return CHR_OK;
}
chr_status CHR_CALL config_integer_at(chr_host* self, chr_str key, uint32_t i, int64_t* out) {
  const host::Value* const value = self->config.find(from_abi(key));
  if (value == nullptr || !value->is_list) return CHR_E_NOT_FOUND;
  if (i >= value->items.size()) return CHR_E_OUT_OF_RANGE;
  const auto* const number = std::get_if<int64_t>(&value->items[i]);
  if (number == nullptr) return CHR_E_NOT_FOUND;
  *out = *number;
  return CHR_OK;
}
chr_status CHR_CALL config_string_at(chr_host* self, chr_str key, uint32_t i, chr_str* out) {
  const host::Value* const value = self->config.find(from_abi(key));
  if (value == nullptr || !value->is_list) return CHR_E_NOT_FOUND;
  if (i >= value->items.size()) return CHR_E_OUT_OF_RANGE;
  const auto* const text = std::get_if<std::string>(&value->items[i]);
  if (text == nullptr) return CHR_E_NOT_FOUND;
  *out = to_abi(*text);
  return CHR_OK;
}
constexpr chr_config_v1 kConfig = {sizeof(chr_config_v1), 1, config_integer, config_string, config_integer_at,
                                   config_string_at};

// ---- node, health ----
const chr_node_info* CHR_CALL node_info(chr_host* self) { return &self->info; }
chr_status CHR_CALL adopt_cluster(chr_host* self, chr_str cluster_id, chr_error* error) {
  World& here = world(self);
  if (here.current.shard >= 0)
    self->node->misbehaved(self, "adopt_cluster blocks, and was called on a shard");
  here.current.cost += 200 * kMicrosecond;
  return self->node->adopt_cluster(from_abi(cluster_id), error);
}
constexpr chr_node_v1 kNode = {sizeof(chr_node_v1), 1, node_info, adopt_cluster};

void CHR_CALL health_set(chr_host* self, chr_str part, int32_t state, chr_str reason) {
  world(self).trace.note(world(self).now(), self->node->id(), Kind::kLog,
                         digest(from_abi(reason), digest(from_abi(part), static_cast<uint64_t>(state))));
}
constexpr chr_health_v1 kHealth = {sizeof(chr_health_v1), 1, health_set};

// ---- the core ----
const void* CHR_CALL query(chr_host*, const char* id) {
  struct Named {
    std::string_view id;
    const void* table;
  };
  static constexpr Named kServices[] = {
      {CHR_EXEC_ID, &kExec},    {CHR_CLOCK_ID, &kClock},     {CHR_RANDOM_ID, &kRandom},
      {CHR_MEM_ID, &kMem},      {CHR_METRICS_ID, &kMetrics}, {CHR_CONFIG_ID, &kConfig},
      {CHR_NODE_ID, &kNode},    {CHR_HEALTH_ID, &kHealth},   {CHR_FILES_ID, &kFilesTable},
      {CHR_NET_ID, &kNetTable}, {CHR_LINK_ID, &kLinkTable}};
  for (const Named& service : kServices) {
    if (service.id == id) return service.table;
  }
  return nullptr;
}
const void* CHR_CALL acquire(chr_host* self, const char* id, void** instance) {
  return self->node->acquire(self, id, instance);
}
void CHR_CALL complete(chr_host* self, const chr_done* done, uint32_t n) {
  for (uint32_t i = 0; i < n; ++i) self->node->complete(self, done[i]);
}
void CHR_CALL log(chr_host* self, int32_t level, chr_str message, chr_str fields) {
  if (level > world(self).options.log_level) return;
  world(self).log(self->node->id(), self->name, level, from_abi(message), from_abi(fields));
}
int32_t CHR_CALL log_level(chr_host* self) { return world(self).options.log_level; }
void CHR_CALL fatal(chr_host* self, chr_str message) { self->node->fatal(self, from_abi(message)); }

}  // namespace

void bind_services(chr_host& host) {
  host.core = {sizeof(chr_host_v1), CHR_ABI_MINOR, &host, query, acquire, complete, log, log_level, fatal};
}

}  // namespace chronik::sim
