#include "host/abi/plugin_services.h"

#include "host/abi/file_services.h"
#include "host/http/admin_routes.h"
#include "host/link/links.h"
#include "host/net/connection.h"
#include "host/observe/health.h"
#include "host/observe/logger.h"
#include "host/observe/metrics.h"
#include "host/runtime/buffer_pool.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <cerrno>
#include <chrono>
#include <cstring>

namespace chronik::host {

chr_host_v1 PluginServices::core(PluginHost* host, uint32_t abi_minor) {
  return {sizeof(chr_host_v1), abi_minor, reinterpret_cast<chr_host*>(host), query, acquire, complete, log,
          log_level,           fatal};
}

bool PluginServices::on_shard(chr_host* self, const char* what) {
  PluginHost* const host = of(self);
  if (host->runtime_.current_shard() >= 0) return true;
  host->runtime_.fatal(
      host->id(), fmt::format("{} was called on a thread that is no shard; post to a shard first", what));
  return false;
}

// ---- chr_host_v1 ----

const void* CHR_CALL PluginServices::query(chr_host* self, const char* service_id) {
  const std::string_view id = service_id;
  if (id == CHR_EXEC_ID) return &kExec;
  if (id == CHR_CLOCK_ID) return &kClock;
  if (id == CHR_RANDOM_ID) return &kRandom;
  if (id == CHR_MEM_ID) return &kMem;
  if (id == CHR_METRICS_ID) return &kMetrics;
  if (id == CHR_CONFIG_ID) return &kConfig;
  if (id == CHR_CONFIG_ORIGIN_ID) return &kConfigOrigin;
  if (id == CHR_NODE_ID) return &kNode;
  if (id == CHR_HEALTH_ID) return &kHealth;
  if (id == CHR_ADMIN_ID && of(self)->options_.admin != nullptr) return &kAdmin;
  if (id == CHR_NET_ID) return &kNet;
  if (id == CHR_LINK_ID && of(self)->options_.links != nullptr) return &kLink;
  if (id == CHR_FILES_ID) return FileServices::table(of(self));
  return nullptr;
}

const void* CHR_CALL PluginServices::acquire(chr_host* self, const char* service_id, void** instance) {
  PluginHost* const host = of(self);
  *instance = nullptr;
  return host->options_.resolve ? host->options_.resolve(service_id, instance) : nullptr;
}

void CHR_CALL PluginServices::complete(chr_host* self, const chr_done* done, uint32_t n) {
  of(self)->runtime_.complete(done, n, of(self)->id());
}

void CHR_CALL PluginServices::log(chr_host* self, int32_t level, chr_str message, chr_str fields) {
  of(self)->runtime_.logger().log(level, of(self)->id(), from_abi(message), from_abi(fields));
}

int32_t CHR_CALL PluginServices::log_level(chr_host* self) { return of(self)->runtime_.logger().level(); }

void CHR_CALL PluginServices::fatal(chr_host* self, chr_str message) {
  of(self)->runtime_.fatal(of(self)->id(), from_abi(message));
}

// ---- exec ----

uint32_t CHR_CALL PluginServices::shard_count(chr_host* self) { return of(self)->runtime_.shard_count(); }

int32_t CHR_CALL PluginServices::current_shard(chr_host* self) { return of(self)->runtime_.current_shard(); }

void CHR_CALL PluginServices::post(chr_host* self, uint32_t shard, chr_fn fn, void* context) {
  of(self)->runtime_.post(shard, fn, context);
}

uint64_t CHR_CALL PluginServices::timer_start(chr_host* self, uint64_t delay_ns, chr_fn fn, void* context) {
  return on_shard(self, "timer_start") ? of(self)->runtime_.timer_start(delay_ns, fn, context) : 0;
}

void CHR_CALL PluginServices::timer_cancel(chr_host* self, uint64_t timer) {
  if (timer != 0 && on_shard(self, "timer_cancel")) of(self)->runtime_.timer_cancel(timer);
}

void CHR_CALL PluginServices::blocking(chr_host* self, chr_fn fn, void* context) {
  of(self)->runtime_.blocking(fn, context);
}

uint64_t CHR_CALL PluginServices::op_begin(chr_host* self, chr_done_fn fn, void* context) {
  return on_shard(self, "op_begin") ? of(self)->runtime_.op_begin(fn, context) : 0;
}

void CHR_CALL PluginServices::op_abandon(chr_host* self, uint64_t token) {
  if (on_shard(self, "op_abandon")) of(self)->runtime_.op_abandon(token);
}

// ---- clock, random, mem ----

uint64_t CHR_CALL PluginServices::clock_monotonic_ns(chr_host*) { return monotonic_ns(); }

int64_t CHR_CALL PluginServices::clock_unix_ms(chr_host*) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

void CHR_CALL PluginServices::random_fill(chr_host* self, uint8_t* p, uint64_t n) {
  while (n > 0) {
    const ssize_t got = ::getrandom(p, n, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return of(self)->runtime_.fatal("runtime", "the system gives no random bytes");
    p += got;
    n -= static_cast<uint64_t>(got);
  }
}

chr_status CHR_CALL PluginServices::mem_alloc(chr_host* self, uint64_t n, chr_slice* out) {
  Buffer* buffer = of(self)->runtime_.buffers().alloc(n, of(self)->buffer_owner_);
  if (buffer == nullptr) return CHR_E_OVERLOADED;
  *out = {buffer->bytes(), n, buffer->lease()};
  return CHR_OK;
}

// ---- metrics ----

uint64_t CHR_CALL PluginServices::metric_define(chr_host* self, int32_t kind, chr_str name, chr_str labels,
                                                chr_str help) {
  Runtime& runtime = of(self)->runtime_;
  const uint64_t id = runtime.metrics().define(kind, from_abi(name), from_abi(labels), from_abi(help));
  if (id != 0) return id;
  runtime.logger().error(of(self)->id(),
                         "Plugin misbehaviour: defined a metric with a bad name, label or kind; ignored",
                         Fields().add("name", from_abi(name)).add("labels", from_abi(labels)));
  return UINT64_MAX;  // updates of it go nowhere
}

void CHR_CALL PluginServices::metric_add(chr_host* self, uint64_t metric, double delta) {
  of(self)->runtime_.metrics().add(metric, delta);
}

void CHR_CALL PluginServices::metric_set(chr_host* self, uint64_t metric, double value) {
  of(self)->runtime_.metrics().set(metric, value);
}

void CHR_CALL PluginServices::metric_observe(chr_host* self, uint64_t metric, double seconds) {
  of(self)->runtime_.metrics().observe(metric, seconds);
}

void CHR_CALL PluginServices::metric_remove(chr_host* self, uint64_t metric) {
  of(self)->runtime_.metrics().remove(metric);
}

// ---- config ----

chr_status CHR_CALL PluginServices::config_integer(chr_host* self, chr_str key, int64_t* out) {
  const ConfigValues* config = of(self)->options_.config;
  return config == nullptr ? CHR_E_NOT_FOUND : config->integer(from_abi(key), out);
}

chr_status CHR_CALL PluginServices::config_string(chr_host* self, chr_str key, chr_str* out) {
  const ConfigValues* config = of(self)->options_.config;
  std::string_view value;
  const chr_status status = config == nullptr ? CHR_E_NOT_FOUND : config->string(from_abi(key), &value);
  if (status == CHR_OK) *out = to_abi(value);
  return status;
}

chr_status CHR_CALL PluginServices::config_integer_at(chr_host* self, chr_str key, uint32_t i, int64_t* out) {
  const ConfigValues* config = of(self)->options_.config;
  return config == nullptr ? CHR_E_NOT_FOUND : config->integer_at(from_abi(key), i, out);
}

chr_status CHR_CALL PluginServices::config_string_at(chr_host* self, chr_str key, uint32_t i, chr_str* out) {
  const ConfigValues* config = of(self)->options_.config;
  std::string_view value;
  const chr_status status = config == nullptr ? CHR_E_NOT_FOUND : config->string_at(from_abi(key), i, &value);
  if (status == CHR_OK) *out = to_abi(value);
  return status;
}

uint32_t CHR_CALL PluginServices::config_is_given(chr_host* self, chr_str key) {
  const ConfigValues* config = of(self)->options_.config;
  return config != nullptr && config->is_given(from_abi(key)) ? 1 : 0;
}

// ---- node, health ----

const chr_node_info* CHR_CALL PluginServices::node_info(chr_host* self) { return &of(self)->node_; }

chr_status CHR_CALL PluginServices::adopt_cluster(chr_host* self, chr_str cluster_id, chr_error* error) {
  PluginHost* const host = of(self);
  if (!host->options_.adopt_cluster)
    return report(error, CHR_E_UNSUPPORTED, "this host has no data directory to bind");
  const Status status = host->options_.adopt_cluster(from_abi(cluster_id));
  return status ? CHR_OK : report(error, status.error());
}

void CHR_CALL PluginServices::health_set(chr_host* self, chr_str part, int32_t state, chr_str reason) {
  of(self)->health_.set(of(self)->id(), from_abi(part), state, from_abi(reason));
}

// ---- admin ----

chr_status CHR_CALL PluginServices::admin_route(chr_host* self, chr_str path, chr_admin_fn fn, void* context,
                                                chr_error* error) {
  PluginHost* const host = of(self);
  if (!on_shard(self, "route")) return CHR_E_INVALID_ARGUMENT;
  const Status added = host->options_.admin->add_route(host, host->id(), from_abi(path), fn, context);
  return added ? CHR_OK : report(error, added.error());
}

void CHR_CALL PluginServices::admin_respond(chr_host* self, uint64_t request, int32_t status,
                                            chr_str content_type, chr_str body) {
  of(self)->options_.admin->respond(request, status, from_abi(content_type), from_abi(body));
}

// ---- net ----

chr_status CHR_CALL PluginServices::listen(chr_host* self, chr_str address, const chr_protocol_v1* protocol,
                                           void* instance, uint16_t* port, chr_error* error) {
  const Result<uint16_t> bound = of(self)->listen(from_abi(address), protocol, instance);
  if (!bound) return report(error, bound.error());
  if (port != nullptr) *port = *bound;
  return CHR_OK;
}

void CHR_CALL PluginServices::net_write(chr_host*, chr_conn* conn, const chr_slice* slices, uint32_t n) {
  Connection::of(conn)->write(slices, n);
}

uint64_t CHR_CALL PluginServices::net_queued(chr_host*, chr_conn* conn) {
  return Connection::of(conn)->queued();
}

void CHR_CALL PluginServices::net_pause(chr_host*, chr_conn* conn) { Connection::of(conn)->pause(); }

void CHR_CALL PluginServices::net_resume(chr_host*, chr_conn* conn) { Connection::of(conn)->resume(); }

void CHR_CALL PluginServices::net_close(chr_host*, chr_conn* conn, uint32_t flush) {
  Connection::of(conn)->close(flush != 0);
}

// ---- link ----

chr_status CHR_CALL PluginServices::link_open(chr_host* self, chr_str channel, const chr_channel_v1* receiver,
                                              void* context, uint32_t* channel_id, chr_error* error) {
  PluginHost* const host = of(self);
  const Status status = host->options_.links->open(host, from_abi(channel), receiver, context, channel_id);
  return status ? CHR_OK : report(error, status.error());
}

chr_status CHR_CALL PluginServices::link_send(chr_host* self, uint32_t channel_id, int32_t to, uint32_t lane,
                                              const chr_slice* slices, uint32_t n) {
  return of(self)->options_.links->send(channel_id, to, lane, slices, n);
}

chr_status CHR_CALL PluginServices::link_set_peer(chr_host* self, int32_t peer, chr_str address,
                                                  const chr_uuid* incarnation) {
  return of(self)->options_.links->set_peer(peer, from_abi(address), *incarnation);
}

void CHR_CALL PluginServices::link_remove_peer(chr_host* self, int32_t peer) {
  of(self)->options_.links->remove_peer(peer);
}

uint32_t CHR_CALL PluginServices::link_is_up(chr_host* self, int32_t peer) {
  return of(self)->options_.links->is_up(peer) ? 1 : 0;
}

// ---- tables ----

const chr_exec_v1 PluginServices::kExec = {
    sizeof(chr_exec_v1), 1,        shard_count, current_shard, post, timer_start,
    timer_cancel,        blocking, op_begin,    op_abandon};
const chr_clock_v1 PluginServices::kClock = {sizeof(chr_clock_v1), 1, clock_monotonic_ns, clock_unix_ms};
const chr_random_v1 PluginServices::kRandom = {sizeof(chr_random_v1), 1, random_fill};
const chr_mem_v1 PluginServices::kMem = {sizeof(chr_mem_v1), 1, mem_alloc};
const chr_metrics_v1 PluginServices::kMetrics = {
    sizeof(chr_metrics_v1), 1, metric_define, metric_add, metric_set, metric_observe, metric_remove};
const chr_config_v1 PluginServices::kConfig = {
    sizeof(chr_config_v1), 1, config_integer, config_string, config_integer_at, config_string_at};
const chr_config_origin_v1 PluginServices::kConfigOrigin = {sizeof(chr_config_origin_v1), 1, config_is_given};
const chr_node_v1 PluginServices::kNode = {sizeof(chr_node_v1), 1, node_info, adopt_cluster};
const chr_health_v1 PluginServices::kHealth = {sizeof(chr_health_v1), 1, health_set};
const chr_admin_v1 PluginServices::kAdmin = {sizeof(chr_admin_v1), 1, admin_route, admin_respond};
const chr_net_v1 PluginServices::kNet = {sizeof(chr_net_v1), 1,         listen,     net_write,
                                         net_queued,         net_pause, net_resume, net_close};
const chr_link_v1 PluginServices::kLink = {
    sizeof(chr_link_v1), 1, link_open, link_send, link_set_peer, link_remove_peer, link_is_up};

}  // namespace chronik::host
