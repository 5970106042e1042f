/* clang-format off */
/* chronik plugin ABI: host services, found with chr_host_v1.query. Every function takes chr_host_v1.self first.
 * Networks are in net.h (clients) and link.h (other nodes). FROZEN, table by table. */
#ifndef CHRONIK_HOST_SERVICES_H_
#define CHRONIK_HOST_SERVICES_H_

#include <chronik/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- exec: shards, timers, blocking work, operations -------------------------------------------------------------
 * A host runs N shards, each one thread (in the simulator: one turn of the loop). Work crosses shards by posting. */
#define CHR_EXEC_ID "chronik.host.exec/1"
typedef void(CHR_CALL* chr_fn)(void* context);
typedef void(CHR_CALL* chr_done_fn)(void* context, const chr_done* done);
typedef struct chr_exec_v1 {
  uint32_t struct_size, rev;
  /* [any] From 1 on; does not change. */
  uint32_t(CHR_CALL* shard_count)(chr_host* self);
  /* [any] The shard of the calling thread, or -1 on other threads. */
  int32_t(CHR_CALL* current_shard)(chr_host* self);
  /* [any] Runs fn on a shard, after what the same thread posted to it before. */
  void(CHR_CALL* post)(chr_host* self, uint32_t shard, chr_fn fn, void* context);
  /* [shard] Runs fn once on this shard after delay_ns; never 0. */
  uint64_t(CHR_CALL* timer_start)(chr_host* self, uint64_t delay_ns, chr_fn fn, void* context);
  /* [shard] On the shard that started it: fn will not run any more. 0 and ended timers are ignored. */
  void(CHR_CALL* timer_cancel)(chr_host* self, uint64_t timer);
  /* [any] Runs fn on a blocking thread, in no promised order. */
  void(CHR_CALL* blocking)(chr_host* self, chr_fn fn, void* context);
  /* [shard] A token to hand to an asynchronous call. fn runs once on this shard when the token is completed; the
   * lease in chr_done is released after fn returns, unless fn retains it. Never 0. */
  uint64_t(CHR_CALL* op_begin)(chr_host* self, chr_done_fn fn, void* context);
  /* [shard] The call did not return PENDING: the token ends without fn. */
  void(CHR_CALL* op_abandon)(chr_host* self, uint64_t token);
} chr_exec_v1;

/* ---- clock and randomness --------------------------------------------------------------------------------------- */
#define CHR_CLOCK_ID "chronik.host.clock/1"
typedef struct chr_clock_v1 {
  uint32_t struct_size, rev;
  /* [any] Nanoseconds since some start; never goes back. On a shard it may be the time of the current turn. */
  uint64_t(CHR_CALL* monotonic_ns)(chr_host* self);
  /* [any] Milliseconds since 1970-01-01 UTC. */
  int64_t(CHR_CALL* unix_ms)(chr_host* self);
} chr_clock_v1;

#define CHR_RANDOM_ID "chronik.host.random/1"
typedef struct chr_random_v1 {
  uint32_t struct_size, rev;
  /* [any] n unpredictable bytes; in the simulator a function of the seed. */
  void(CHR_CALL* fill)(chr_host* self, uint8_t* p, uint64_t n);
} chr_random_v1;

/* ---- mem: reference-counted buffers ------------------------------------------------------------------------------ */
#define CHR_MEM_ID "chronik.host.mem/1"
typedef struct chr_mem_v1 {
  uint32_t struct_size, rev;
  /* [any] A buffer of n bytes, not zeroed, with one reference, which the caller owns: *out is {bytes, n, lease}, and
   * the bytes may be written until the slice is shared. Buffers are recycled, last in, first out. */
  chr_status(CHR_CALL* alloc)(chr_host* self, uint64_t n, chr_slice* out);
} chr_mem_v1;

/* ---- metrics: Prometheus ------------------------------------------------------------------------------------------ */
#define CHR_METRICS_ID "chronik.host.metrics/1"
enum { CHR_METRIC_COUNTER = 1, CHR_METRIC_GAUGE = 2, CHR_METRIC_HISTOGRAM = 3 };
typedef struct chr_metrics_v1 {
  uint32_t struct_size, rev;
  /* [any] One time series; labels as Prometheus writes them (`topic="a",partition="0"`) or empty. The same name and
   * labels give the same series. Names follow the Prometheus rules: base units, _total on counters. Never 0. */
  uint64_t(CHR_CALL* define)(chr_host* self, int32_t kind, chr_str name, chr_str labels, chr_str help);
  /* [any] Adds to a counter or a gauge. */
  void(CHR_CALL* add)(chr_host* self, uint64_t metric, double delta);
  /* [any] Sets a gauge. */
  void(CHR_CALL* set)(chr_host* self, uint64_t metric, double value);
  /* [any] Observes a value in a histogram of seconds (buckets from 100 us to 10 s). */
  void(CHR_CALL* observe)(chr_host* self, uint64_t metric, double seconds);
  /* [any] The series is not shown any more (its topic was deleted, ...). */
  void(CHR_CALL* remove)(chr_host* self, uint64_t metric);
} chr_metrics_v1;

/* ---- config: typed access to the plugin's own table --------------------------------------------------------------- */
#define CHR_CONFIG_ID "chronik.host.config/1"
typedef struct chr_config_v1 {
  uint32_t struct_size, rev;
  /* [any] BOOL (0, 1), INT, DURATION (ns), SIZE (bytes). NOT_FOUND if the schema has no such key or it has no value. */
  chr_status(CHR_CALL* integer)(chr_host* self, chr_str key, int64_t* out);
  /* [any] STRING, ADDRESS, CHOICE. The text lives as long as the instance. */
  chr_status(CHR_CALL* string)(chr_host* self, chr_str key, chr_str* out);
  /* [any] Element i of a list of numbers; OUT_OF_RANGE past the end. */
  chr_status(CHR_CALL* integer_at)(chr_host* self, chr_str key, uint32_t i, int64_t* out);
  /* [any] Element i of a list of texts, likewise. */
  chr_status(CHR_CALL* string_at)(chr_host* self, chr_str key, uint32_t i, chr_str* out);
} chr_config_v1;

/* ---- node: who this node is ------------------------------------------------------------------------------------------ */
#define CHR_NODE_ID "chronik.host.node/1"
typedef struct chr_peer { /* FROZEN */
  int32_t id;
  uint32_t reserved;
  chr_str address;               /* "host:port" of its links */
} chr_peer;
typedef struct chr_node_info { /* GROWS; lives as long as the instance */
  uint32_t struct_size;
  int32_t id;
  chr_str directory;             /* this plugin's own directory below data_dir; made by the host, empty on a diskless host */
  const chr_peer* peers;         /* all nodes of the cluster as configured, this one included; n_peers 1 for a node alone */
  uint32_t n_peers;
  uint32_t new_node;             /* 1: the data directory was empty at this start */
  chr_uuid incarnation;          /* made when the data directory was made; a lost disk is a new incarnation */
  chr_str rack;                  /* empty: none */
} chr_node_info;
typedef struct chr_node_v1 {
  uint32_t struct_size, rev;
  /* [any] Never NULL; lives as long as the instance. */
  const chr_node_info*(CHR_CALL* info)(chr_host* self);
  /* [blocking] Binds the data directory to a cluster: OK when it was unbound (now durably bound) or bound to the same
   * id; FENCED when it belongs to another cluster. Syncs one small file. UNSUPPORTED: this host has no directory. */
  chr_status(CHR_CALL* adopt_cluster)(chr_host* self, chr_str cluster_id, chr_error* error);
} chr_node_v1;

/* ---- health: what /readyz says ------------------------------------------------------------------------------------ */
#define CHR_HEALTH_ID "chronik.host.health/1"
enum { CHR_HEALTH_READY = 0, CHR_HEALTH_DEGRADED = 1, CHR_HEALTH_NOT_READY = 2 };
typedef struct chr_health_v1 {
  uint32_t struct_size, rev;
  /* [any] The state of one part of this plugin, with the reason in words. A node is ready when nothing is NOT_READY;
   * every plugin counts as NOT_READY until its start has completed. */
  void(CHR_CALL* set)(chr_host* self, chr_str part, int32_t state, chr_str reason);
} chr_health_v1;

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* CHRONIK_HOST_SERVICES_H_ */
