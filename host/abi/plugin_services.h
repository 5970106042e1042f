// The ABI tables behind PluginHost. Internal to abi/.
#pragma once

#include "host/abi/plugin_host.h"

#include <chronik/draft/admin.h>
#include <chronik/draft/config_origin.h>
#include <chronik/link.h>

namespace chronik::host {

struct PluginServices {
  static chr_host_v1 core(PluginHost* host, uint32_t abi_minor);

 private:
  static PluginHost* of(chr_host* self) { return reinterpret_cast<PluginHost*>(self); }
  // Whether the calling thread is a shard; if not, that is a broken rule, which stops the node.
  static bool on_shard(chr_host* self, const char* what);

  static const void* CHR_CALL query(chr_host* self, const char* service_id);
  static const void* CHR_CALL acquire(chr_host* self, const char* service_id, void** instance);
  static void CHR_CALL complete(chr_host* self, const chr_done* done, uint32_t n);
  static void CHR_CALL log(chr_host* self, int32_t level, chr_str message, chr_str fields);
  static int32_t CHR_CALL log_level(chr_host* self);
  static void CHR_CALL fatal(chr_host* self, chr_str message);

  static uint32_t CHR_CALL shard_count(chr_host* self);
  static int32_t CHR_CALL current_shard(chr_host* self);
  static void CHR_CALL post(chr_host* self, uint32_t shard, chr_fn fn, void* context);
  static uint64_t CHR_CALL timer_start(chr_host* self, uint64_t delay_ns, chr_fn fn, void* context);
  static void CHR_CALL timer_cancel(chr_host* self, uint64_t timer);
  static void CHR_CALL blocking(chr_host* self, chr_fn fn, void* context);
  static uint64_t CHR_CALL op_begin(chr_host* self, chr_done_fn fn, void* context);
  static void CHR_CALL op_abandon(chr_host* self, uint64_t token);

  static uint64_t CHR_CALL clock_monotonic_ns(chr_host* self);
  static int64_t CHR_CALL clock_unix_ms(chr_host* self);
  static void CHR_CALL random_fill(chr_host* self, uint8_t* p, uint64_t n);
  static chr_status CHR_CALL mem_alloc(chr_host* self, uint64_t n, chr_slice* out);

  static uint64_t CHR_CALL metric_define(chr_host* self, int32_t kind, chr_str name, chr_str labels,
                                         chr_str help);
  static void CHR_CALL metric_add(chr_host* self, uint64_t metric, double delta);
  static void CHR_CALL metric_set(chr_host* self, uint64_t metric, double value);
  static void CHR_CALL metric_observe(chr_host* self, uint64_t metric, double seconds);
  static void CHR_CALL metric_remove(chr_host* self, uint64_t metric);

  static chr_status CHR_CALL config_integer(chr_host* self, chr_str key, int64_t* out);
  static chr_status CHR_CALL config_string(chr_host* self, chr_str key, chr_str* out);
  static chr_status CHR_CALL config_integer_at(chr_host* self, chr_str key, uint32_t i, int64_t* out);
  static chr_status CHR_CALL config_string_at(chr_host* self, chr_str key, uint32_t i, chr_str* out);
  static uint32_t CHR_CALL config_is_given(chr_host* self, chr_str key);

  static chr_status CHR_CALL admin_route(chr_host* self, chr_str path, chr_admin_fn fn, void* context,
                                         chr_error* error);
  static void CHR_CALL admin_respond(chr_host* self, uint64_t request, int32_t status, chr_str content_type,
                                     chr_str body);

  static const chr_node_info* CHR_CALL node_info(chr_host* self);
  static chr_status CHR_CALL adopt_cluster(chr_host* self, chr_str cluster_id, chr_error* error);
  static void CHR_CALL health_set(chr_host* self, chr_str part, int32_t state, chr_str reason);

  static chr_status CHR_CALL listen(chr_host* self, chr_str address, const chr_protocol_v1* protocol,
                                    void* instance, uint16_t* port, chr_error* error);
  static void CHR_CALL net_write(chr_host* self, chr_conn* conn, const chr_slice* slices, uint32_t n);
  static uint64_t CHR_CALL net_queued(chr_host* self, chr_conn* conn);
  static void CHR_CALL net_pause(chr_host* self, chr_conn* conn);
  static void CHR_CALL net_resume(chr_host* self, chr_conn* conn);
  static void CHR_CALL net_close(chr_host* self, chr_conn* conn, uint32_t flush);

  static chr_status CHR_CALL link_open(chr_host* self, chr_str channel, const chr_channel_v1* receiver,
                                       void* context, uint32_t* channel_id, chr_error* error);
  static chr_status CHR_CALL link_send(chr_host* self, uint32_t channel_id, int32_t to, uint32_t lane,
                                       const chr_slice* slices, uint32_t n);
  static chr_status CHR_CALL link_set_peer(chr_host* self, int32_t peer, chr_str address,
                                           const chr_uuid* incarnation);
  static void CHR_CALL link_remove_peer(chr_host* self, int32_t peer);
  static uint32_t CHR_CALL link_is_up(chr_host* self, int32_t peer);

  static const chr_exec_v1 kExec;
  static const chr_clock_v1 kClock;
  static const chr_random_v1 kRandom;
  static const chr_mem_v1 kMem;
  static const chr_metrics_v1 kMetrics;
  static const chr_config_v1 kConfig;
  static const chr_config_origin_v1 kConfigOrigin;
  static const chr_node_v1 kNode;
  static const chr_health_v1 kHealth;
  static const chr_admin_v1 kAdmin;
  static const chr_net_v1 kNet;
  static const chr_link_v1 kLink;
};

}  // namespace chronik::host
