/* clang-format off */
/* The headers of one minor of the ABI as one, written by tests/abi/check.py. */
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
#define CHR_ABI_MAJOR 1
#define CHR_ABI_MINOR 0
#define CHR_CALL
typedef int32_t chr_status;
enum {
  CHR_OK = 0,
  CHR_PENDING = 1,
  CHR_E_FAILED = -1,
  CHR_E_INVALID_ARGUMENT = -2,
  CHR_E_NOT_FOUND = -3,
  CHR_E_EXISTS = -4,
  CHR_E_NOT_LEADER = -5,
  CHR_E_FENCED = -6,
  CHR_E_TIMEOUT = -7,
  CHR_E_CORRUPT = -8,
  CHR_E_IO = -9,
  CHR_E_NO_SPACE = -10,
  CHR_E_UNAVAILABLE = -11,
  CHR_E_OVERLOADED = -12,
  CHR_E_UNSUPPORTED = -13,
  CHR_E_SHUTTING_DOWN = -14,
  CHR_E_CANCELLED = -15,
  CHR_E_OUT_OF_RANGE = -16,
  CHR_E_CONFLICT = -17
};
typedef struct chr_str {
  const char* p;
  uint64_t n;
} chr_str;
enum {
  CHR_ERROR_RETRIABLE = 1u,
  CHR_ERROR_GROUP_FATAL = 2u,
  CHR_ERROR_PLUGIN_FATAL = 4u
};
typedef struct chr_error {
  uint32_t struct_size;
  chr_status code;
  uint32_t flags;
  uint32_t reserved;
  char message[240];
} chr_error;
typedef struct chr_buf chr_buf;
typedef struct chr_buf_ops {
  void(CHR_CALL* retain)(chr_buf* self);
  void(CHR_CALL* release)(chr_buf* self);
  int32_t(CHR_CALL* is_recalled)(const chr_buf* self);
} chr_buf_ops;
struct chr_buf {
  const chr_buf_ops* ops;
};
typedef struct chr_slice {
  const uint8_t* p;
  uint64_t n;
  chr_buf* lease;
} chr_slice;
typedef struct chr_done {
  uint64_t token;
  chr_status code;
  uint32_t flags;
  uint64_t u[4];
  chr_str message;
  chr_buf* lease;
} chr_done;
typedef struct chr_uuid {
  uint8_t b[16];
} chr_uuid;
typedef struct chr_host chr_host;
enum { CHR_LOG_ERROR = 1, CHR_LOG_WARN = 2, CHR_LOG_INFO = 3, CHR_LOG_DEBUG = 4, CHR_LOG_TRACE = 5 };
typedef struct chr_host_v1 {
  uint32_t struct_size;
  uint32_t abi_minor;
  chr_host* self;
  const void*(CHR_CALL* query)(chr_host* self, const char* service_id);
  const void*(CHR_CALL* acquire)(chr_host* self, const char* service_id, void** instance);
  void(CHR_CALL* complete)(chr_host* self, const chr_done* done, uint32_t n);
  void(CHR_CALL* log)(chr_host* self, int32_t level, chr_str message, chr_str fields);
  int32_t(CHR_CALL* log_level)(chr_host* self);
  void(CHR_CALL* fatal)(chr_host* self, chr_str message);
} chr_host_v1;
typedef struct chr_offer {
  uint32_t struct_size;
  uint32_t abi_major;
  uint32_t abi_minor;
  uint32_t reserved;
  uint64_t features;
} chr_offer;
enum { CHR_FEATURE_DRAFTS = 1u   };
enum {
  CHR_CONFIG_BOOL = 1,
  CHR_CONFIG_INT = 2,
  CHR_CONFIG_STRING = 3,
  CHR_CONFIG_DURATION = 4,
  CHR_CONFIG_SIZE = 5,
  CHR_CONFIG_ADDRESS = 6,
  CHR_CONFIG_CHOICE = 7,
  CHR_CONFIG_LIST = 256
};
typedef struct chr_config_key {
  chr_str name;
  int32_t type;
  uint32_t required;
  chr_str default_value;
  int64_t min, max;
  chr_str choices;
  chr_str doc;
} chr_config_key;
typedef struct chr_plugin chr_plugin;
typedef struct chr_plugin_v1 {
  uint32_t struct_size;
  uint32_t abi_minor;
  chr_str id;
  chr_str version;
  const chr_config_key*(CHR_CALL* config_schema)(uint32_t* n);
  chr_status(CHR_CALL* validate)(chr_str json, chr_error* error);
  chr_status(CHR_CALL* create)(const chr_host_v1* host, chr_str json, chr_plugin** instance, chr_error* error);
  const void*(CHR_CALL* service)(chr_plugin* self, const char* service_id, void** instance);
  chr_status(CHR_CALL* start)(chr_plugin* self, uint64_t token, chr_error* error);
  chr_status(CHR_CALL* stop)(chr_plugin* self, uint64_t token, chr_error* error);
  void(CHR_CALL* destroy)(chr_plugin* self);
} chr_plugin_v1;
#if defined(__GNUC__)
#define CHRONIK_EXPORT __attribute__((visibility("default")))
#else
#define CHRONIK_EXPORT
#endif
CHRONIK_EXPORT const chr_plugin_v1* CHR_CALL chronik_plugin_v1(const chr_offer* offer, chr_error* error);
#define CHR_EXEC_ID "chronik.host.exec/1"
typedef void(CHR_CALL* chr_fn)(void* context);
typedef void(CHR_CALL* chr_done_fn)(void* context, const chr_done* done);
typedef struct chr_exec_v1 {
  uint32_t struct_size, rev;
  uint32_t(CHR_CALL* shard_count)(chr_host* self);
  int32_t(CHR_CALL* current_shard)(chr_host* self);
  void(CHR_CALL* post)(chr_host* self, uint32_t shard, chr_fn fn, void* context);
  uint64_t(CHR_CALL* timer_start)(chr_host* self, uint64_t delay_ns, chr_fn fn, void* context);
  void(CHR_CALL* timer_cancel)(chr_host* self, uint64_t timer);
  void(CHR_CALL* blocking)(chr_host* self, chr_fn fn, void* context);
  uint64_t(CHR_CALL* op_begin)(chr_host* self, chr_done_fn fn, void* context);
  void(CHR_CALL* op_abandon)(chr_host* self, uint64_t token);
} chr_exec_v1;
#define CHR_CLOCK_ID "chronik.host.clock/1"
typedef struct chr_clock_v1 {
  uint32_t struct_size, rev;
  uint64_t(CHR_CALL* monotonic_ns)(chr_host* self);
  int64_t(CHR_CALL* unix_ms)(chr_host* self);
} chr_clock_v1;
#define CHR_RANDOM_ID "chronik.host.random/1"
typedef struct chr_random_v1 {
  uint32_t struct_size, rev;
  void(CHR_CALL* fill)(chr_host* self, uint8_t* p, uint64_t n);
} chr_random_v1;
#define CHR_MEM_ID "chronik.host.mem/1"
typedef struct chr_mem_v1 {
  uint32_t struct_size, rev;
  chr_status(CHR_CALL* alloc)(chr_host* self, uint64_t n, chr_slice* out);
} chr_mem_v1;
#define CHR_METRICS_ID "chronik.host.metrics/1"
enum { CHR_METRIC_COUNTER = 1, CHR_METRIC_GAUGE = 2, CHR_METRIC_HISTOGRAM = 3 };
typedef struct chr_metrics_v1 {
  uint32_t struct_size, rev;
  uint64_t(CHR_CALL* define)(chr_host* self, int32_t kind, chr_str name, chr_str labels, chr_str help);
  void(CHR_CALL* add)(chr_host* self, uint64_t metric, double delta);
  void(CHR_CALL* set)(chr_host* self, uint64_t metric, double value);
  void(CHR_CALL* observe)(chr_host* self, uint64_t metric, double seconds);
  void(CHR_CALL* remove)(chr_host* self, uint64_t metric);
} chr_metrics_v1;
#define CHR_CONFIG_ID "chronik.host.config/1"
typedef struct chr_config_v1 {
  uint32_t struct_size, rev;
  chr_status(CHR_CALL* integer)(chr_host* self, chr_str key, int64_t* out);
  chr_status(CHR_CALL* string)(chr_host* self, chr_str key, chr_str* out);
  chr_status(CHR_CALL* integer_at)(chr_host* self, chr_str key, uint32_t i, int64_t* out);
  chr_status(CHR_CALL* string_at)(chr_host* self, chr_str key, uint32_t i, chr_str* out);
} chr_config_v1;
#define CHR_NODE_ID "chronik.host.node/1"
typedef struct chr_peer {
  int32_t id;
  uint32_t reserved;
  chr_str address;
} chr_peer;
typedef struct chr_node_info {
  uint32_t struct_size;
  int32_t id;
  chr_str directory;
  const chr_peer* peers;
  uint32_t n_peers;
  uint32_t new_node;
  chr_uuid incarnation;
  chr_str rack;
} chr_node_info;
typedef struct chr_node_v1 {
  uint32_t struct_size, rev;
  const chr_node_info*(CHR_CALL* info)(chr_host* self);
  chr_status(CHR_CALL* adopt_cluster)(chr_host* self, chr_str cluster_id, chr_error* error);
} chr_node_v1;
#define CHR_HEALTH_ID "chronik.host.health/1"
enum { CHR_HEALTH_READY = 0, CHR_HEALTH_DEGRADED = 1, CHR_HEALTH_NOT_READY = 2 };
typedef struct chr_health_v1 {
  uint32_t struct_size, rev;
  void(CHR_CALL* set)(chr_host* self, chr_str part, int32_t state, chr_str reason);
} chr_health_v1;
typedef struct chr_conn chr_conn;
typedef struct chr_conn_info {
  uint32_t struct_size;
  uint32_t reserved;
  chr_str peer;
  chr_str local;
} chr_conn_info;
#define CHR_PROTOCOL_ID "chronik.protocol/1"
typedef struct chr_protocol_v1 {
  uint32_t struct_size, rev;
  chr_status(CHR_CALL* accept)(void* self, chr_conn* conn, const chr_conn_info* info, void** session);
  uint64_t(CHR_CALL* data)(void* session, chr_slice bytes, uint64_t* need);
  void(CHR_CALL* drained)(void* session);
  void(CHR_CALL* closed)(void* session, chr_status reason);
} chr_protocol_v1;
#define CHR_NET_ID "chronik.host.net/1"
typedef struct chr_net_v1 {
  uint32_t struct_size, rev;
  chr_status(CHR_CALL* listen)(chr_host* self, chr_str address, const chr_protocol_v1* protocol, void* instance,
                               uint16_t* port, chr_error* error);
  void(CHR_CALL* write)(chr_host* self, chr_conn* conn, const chr_slice* slices, uint32_t n);
  uint64_t(CHR_CALL* queued)(chr_host* self, chr_conn* conn);
  void(CHR_CALL* pause)(chr_host* self, chr_conn* conn);
  void(CHR_CALL* resume)(chr_host* self, chr_conn* conn);
  void(CHR_CALL* close)(chr_host* self, chr_conn* conn, uint32_t flush);
} chr_net_v1;
enum { CHR_LANE_CONTROL = 0, CHR_LANE_BULK = 1 };
typedef struct chr_channel_v1 {
  uint32_t struct_size, rev;
  void(CHR_CALL* frame)(void* context, int32_t from, chr_slice bytes);
  void(CHR_CALL* link)(void* context, int32_t peer, uint32_t up);
} chr_channel_v1;
#define CHR_LINK_ID "chronik.host.link/1"
typedef struct chr_link_v1 {
  uint32_t struct_size, rev;
  chr_status(CHR_CALL* open)(chr_host* self, chr_str channel, const chr_channel_v1* receiver, void* context,
                             uint32_t* channel_id, chr_error* error);
  chr_status(CHR_CALL* send)(chr_host* self, uint32_t channel_id, int32_t to, uint32_t lane, const chr_slice* slices,
                             uint32_t n);
  chr_status(CHR_CALL* set_peer)(chr_host* self, int32_t peer, chr_str address, const chr_uuid* incarnation);
  void(CHR_CALL* remove_peer)(chr_host* self, int32_t peer);
  uint32_t(CHR_CALL* is_up)(chr_host* self, int32_t peer);
} chr_link_v1;
typedef struct chr_entry_header {
  uint64_t index;
  uint64_t term;
  int64_t base_offset;
  int64_t max_timestamp;
  int64_t log_max_timestamp;
  uint32_t records;
  uint32_t kind;
  uint64_t bytes;
  uint64_t reserved;
} chr_entry_header;
typedef struct chr_entry {
  chr_entry_header header;
  chr_slice payload;
} chr_entry;
enum {
  CHR_STORAGE_TRUNCATE = 1,
  CHR_STORAGE_APPEND = 2,
  CHR_STORAGE_TRIM = 3,
  CHR_STORAGE_PUT = 4,
  CHR_STORAGE_DELETE = 5,
  CHR_STORAGE_DROP = 6
};
typedef struct chr_storage_step {
  uint32_t type;
  uint32_t n;
  uint64_t index;
  const chr_entry* entries;
  chr_str key;
  chr_slice value;
} chr_storage_step;
typedef struct chr_storage_write {
  uint64_t group;
  uint64_t token;
  const chr_storage_step* steps;
  uint64_t n;
} chr_storage_write;
typedef struct chr_storage_read {
  uint32_t struct_size;
  uint32_t headers_only;
  uint64_t group;
  uint64_t from;
  uint64_t to;
  uint64_t max_bytes;
  uint32_t max_entries;
  uint32_t max_lease_ms;
} chr_storage_read;
typedef struct chr_entries {
  uint32_t struct_size;
  uint32_t n;
  const chr_entry* entries;
  chr_buf* lease;
} chr_entries;
typedef struct chr_storage_bounds {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t first_index;
  uint64_t last_index;
  uint64_t entries;
  uint64_t bytes;
} chr_storage_bounds;
typedef struct chr_storage_usage {
  uint32_t struct_size;
  uint32_t full;
  uint64_t used_bytes;
  uint64_t file_bytes;
  uint64_t capacity_bytes;
} chr_storage_usage;
enum { CHR_FIND_OFFSET = 1, CHR_FIND_TIMESTAMP = 2, CHR_FIND_MAX_TIMESTAMP = 3 };
#define CHR_STORAGE_ID "chronik.storage/1"
typedef struct chr_storage_v1 {
  uint32_t struct_size, rev;
  chr_status(CHR_CALL* open_group)(void* self, chr_str name, uint64_t* group, chr_error* error);
  void(CHR_CALL* list_groups)(void* self, void(CHR_CALL* fn)(void* context, chr_str name, uint64_t group), void* context);
  chr_status(CHR_CALL* write)(void* self, const chr_storage_write* writes, uint32_t n, chr_error* error);
  chr_status(CHR_CALL* read)(void* self, const chr_storage_read* args, chr_entries* out, uint64_t token, chr_error* error);
  chr_status(CHR_CALL* find)(void* self, uint64_t group, int32_t by, int64_t value, chr_entry_header* out, uint64_t token,
                             chr_error* error);
  chr_status(CHR_CALL* get)(void* self, uint64_t group, chr_str key, chr_slice* out, uint64_t token, chr_error* error);
  chr_status(CHR_CALL* bounds)(void* self, uint64_t group, chr_storage_bounds* out);
  chr_status(CHR_CALL* usage)(void* self, chr_storage_usage* out);
} chr_storage_v1;
enum {
  CHR_ENTRY_NOOP = 1,
  CHR_ENTRY_CONFIG = 2,
  CHR_ENTRY_TRIM = 3,
  CHR_ENTRY_DATA = 16,
  CHR_ENTRY_COMMAND = 17
};
typedef struct chr_group chr_group;
enum { CHR_ROLE_FOLLOWER = 0, CHR_ROLE_LEADER = 1 };
typedef struct chr_role {
  uint32_t struct_size;
  int32_t role;
  uint64_t term;
  int32_t leader;
  uint32_t reserved;
} chr_role;
typedef struct chr_group_id {
  uint32_t reserved;
  int32_t partition;
  chr_uuid topic;
  chr_str name;
  chr_str label;
} chr_group_id;
typedef struct chr_sink {
  void* context;
  uint32_t(CHR_CALL* write)(void* context, const uint8_t* p, uint64_t n);
} chr_sink;
typedef struct chr_state_machine_v1 {
  uint32_t struct_size, rev;
  chr_status(CHR_CALL* apply)(void* context, const chr_entry* entries, uint32_t n, uint64_t token);
  void(CHR_CALL* role)(void* context, const chr_role* role);
  void(CHR_CALL* committed)(void* context, uint64_t index, int64_t offset);
  void(CHR_CALL* truncated)(void* context, uint64_t index, int64_t offset);
  void(CHR_CALL* trimmed)(void* context, int64_t offset);
  chr_status(CHR_CALL* save)(void* context, const chr_sink* sink);
  chr_status(CHR_CALL* load)(void* context, const chr_slice* pieces, uint32_t n, chr_error* error);
} chr_state_machine_v1;
typedef struct chr_group_options {
  uint32_t struct_size;
  uint32_t n_voters;
  chr_group_id id;
  const int32_t* voters;
} chr_group_options;
enum { CHR_PROPOSAL_WRITABLE = 1u   };
typedef struct chr_proposal {
  uint32_t kind;
  uint32_t flags;
  uint32_t records;
  int32_t offset_at;
  int32_t epoch_at;
  uint32_t reserved;
  int64_t max_timestamp;
  chr_slice payload;
} chr_proposal;
typedef struct chr_placed {
  uint64_t index;
  uint64_t term;
  int64_t base_offset;
} chr_placed;
enum {
  CHR_UNTIL_PLACED = 0,
  CHR_UNTIL_DURABLE = 1,
  CHR_UNTIL_COMMITTED = 2,
  CHR_UNTIL_COPIES = 256
};
enum { CHR_BOUND_COMMITTED = 0, CHR_BOUND_LOG_END = 1 };
typedef struct chr_group_read {
  uint32_t struct_size;
  int32_t bound;
  int64_t offset;
  uint64_t max_bytes;
  uint32_t headers_only;
  uint32_t max_lease_ms;
} chr_group_read;
typedef struct chr_group_bounds {
  uint32_t struct_size;
  int32_t leader;
  uint64_t term;
  int64_t log_start;
  int64_t high_watermark;
  int64_t log_end;
  uint64_t bytes;
  uint64_t commit_index;
  uint64_t last_index;
  uint32_t n_voters;
  uint32_t usable;
} chr_group_bounds;
enum {
  CHR_MEMBER_VOTER = 1u,
  CHR_MEMBER_OUTGOING = 2u,
  CHR_MEMBER_LEARNER = 4u
};
typedef struct chr_member {
  int32_t id;
  uint32_t flags;
  uint64_t match_index;
  int64_t match_offset;
  uint64_t heard_ns;
  uint64_t caught_up_ns;
} chr_member;
typedef struct chr_group_status {
  uint32_t struct_size;
  uint32_t n_members;
  chr_member* members;
  uint64_t config_index;
  uint32_t joint;
  uint32_t reserved;
} chr_group_status;
typedef struct chr_members_change {
  uint32_t struct_size;
  uint32_t n_voters;
  const int32_t* voters;
} chr_members_change;
typedef void(CHR_CALL* chr_role_fn)(void* context, const chr_group_id* id, const chr_role* role, uint32_t usable);
enum {
  CHR_CLOSE_PLAIN = 0,
  CHR_CLOSE_SNAPSHOT = 1,
  CHR_CLOSE_LEAVE = 2
};
#define CHR_CONSENSUS_ID "chronik.consensus/1"
typedef struct chr_consensus_v1 {
  uint32_t struct_size, rev;
  uint32_t(CHR_CALL* shard_of)(void* self, chr_str name);
  chr_status(CHR_CALL* open_group)(void* self, const chr_group_options* options, const chr_state_machine_v1* machine,
                                   void* context, chr_group** out, uint64_t token, chr_error* error);
  chr_status(CHR_CALL* close_group)(chr_group* group, uint32_t how, uint64_t token, chr_error* error);
  chr_status(CHR_CALL* delete_group)(void* self, chr_str name, uint64_t token, chr_error* error);
  chr_status(CHR_CALL* propose)(chr_group* group, uint64_t expected_term, const chr_proposal* items, uint32_t n, uint32_t until,
                                chr_placed* placed, uint64_t token, chr_error* error);
  chr_status(CHR_CALL* read)(chr_group* group, const chr_group_read* args, chr_entries* out, uint64_t token, chr_error* error);
  chr_status(CHR_CALL* find)(chr_group* group, int32_t by, int64_t value, chr_entry_header* out, uint64_t token, chr_error* error);
  chr_status(CHR_CALL* epoch_end)(chr_group* group, uint64_t term, uint64_t* found_term, int64_t* end_offset);
  chr_status(CHR_CALL* bounds)(chr_group* group, chr_group_bounds* out);
  chr_status(CHR_CALL* trim)(chr_group* group, int64_t offset, uint64_t token, chr_error* error);
  chr_status(CHR_CALL* barrier)(chr_group* group, uint64_t token, chr_error* error);
  chr_status(CHR_CALL* transfer)(chr_group* group, int32_t to, uint64_t token, chr_error* error);
  void(CHR_CALL* watch)(void* self, chr_role_fn fn, void* context);
  void(CHR_CALL* unwatch)(void* self, chr_role_fn fn, void* context);
  chr_status(CHR_CALL* status)(chr_group* group, chr_group_status* out);
  chr_status(CHR_CALL* change_members)(chr_group* group, const chr_members_change* change, uint64_t token, chr_error* error);
} chr_consensus_v1;
typedef struct chr_catalog chr_catalog;
typedef struct chr_topic {
  uint32_t struct_size;
  uint32_t n_partitions;
  chr_uuid id;
  chr_str name;
  uint32_t handle;
  uint32_t internal;
} chr_topic;
typedef struct chr_partition {
  uint32_t struct_size;
  int32_t leader;
  uint64_t term;
  const int32_t* replicas;
  uint32_t n_replicas;
  uint32_t n_target;
  const int32_t* target;
  const int32_t* others;
  uint32_t n_others;
  uint32_t reserved;
} chr_partition;
typedef struct chr_broker {
  uint32_t struct_size;
  int32_t id;
  chr_str host;
  uint16_t port;
  uint16_t leaving;
  uint16_t reserved[2];
  chr_str rack;
  chr_str raft;
} chr_broker;
typedef struct chr_config_entry {
  chr_str key;
  chr_str value;
} chr_config_entry;
typedef struct chr_new_topic {
  chr_str name;
  int32_t partitions;
  int32_t replication_factor;
  const int32_t* assignment;
  const chr_config_entry* configs;
  uint32_t n_configs;
  uint32_t reserved;
} chr_new_topic;
typedef struct chr_more_partitions {
  chr_str topic;
  int32_t total;
  uint32_t n_assignment;
  const int32_t* assignment;
} chr_more_partitions;
enum {
  CHR_REASSIGN_CANCEL = 1u,
  CHR_REASSIGN_SAME_FACTOR = 2u
};
typedef struct chr_reassignment {
  chr_uuid topic;
  int32_t partition;
  uint32_t flags;
  const int32_t* replicas;
  uint32_t n_replicas;
  uint32_t reserved;
} chr_reassignment;
typedef struct chr_config_change {
  chr_str key;
  chr_str value;
  uint32_t remove;
  uint32_t reserved;
} chr_config_change;
typedef struct chr_topic_configs {
  chr_uuid topic;
  const chr_config_change* changes;
  uint32_t n_changes;
  uint32_t reserved;
} chr_topic_configs;
typedef struct chr_quorum_member {
  int32_t id;
  uint32_t voter;
  uint64_t match_index;
  int64_t heard_ms;
  int64_t caught_up_ms;
  chr_uuid incarnation;
} chr_quorum_member;
typedef struct chr_quorum {
  uint32_t struct_size;
  uint32_t n_members;
  chr_quorum_member* members;
  int32_t leader;
  uint32_t reserved;
  uint64_t term;
  uint64_t commit_index;
} chr_quorum;
typedef struct chr_change_result {
  chr_status code;
  uint32_t n_partitions;
  chr_uuid topic;
  char message[112];
} chr_change_result;
typedef void(CHR_CALL* chr_catalog_fn)(void* context);
#define CHR_METADATA_ID "chronik.metadata/1"
typedef struct chr_metadata_v1 {
  uint32_t struct_size, rev;
  chr_catalog*(CHR_CALL* catalog)(void* self);
  void(CHR_CALL* release)(void* self, chr_catalog* catalog);
  uint64_t(CHR_CALL* version)(void* self, chr_catalog* catalog);
  chr_str(CHR_CALL* cluster_id)(void* self, chr_catalog* catalog);
  int32_t(CHR_CALL* controller)(void* self);
  uint32_t(CHR_CALL* n_topics)(void* self, chr_catalog* catalog);
  chr_status(CHR_CALL* topic_at)(void* self, chr_catalog* catalog, uint32_t i, chr_topic* out);
  chr_status(CHR_CALL* topic_by_name)(void* self, chr_catalog* catalog, chr_str name, chr_topic* out);
  chr_status(CHR_CALL* topic_by_id)(void* self, chr_catalog* catalog, const chr_uuid* id, chr_topic* out);
  chr_status(CHR_CALL* partition)(void* self, chr_catalog* catalog, uint32_t topic_handle, int32_t partition,
                                  chr_partition* out);
  chr_status(CHR_CALL* config_at)(void* self, chr_catalog* catalog, uint32_t topic_handle, uint32_t i,
                                  chr_config_entry* out);
  uint32_t(CHR_CALL* n_brokers)(void* self, chr_catalog* catalog);
  chr_status(CHR_CALL* broker_at)(void* self, chr_catalog* catalog, uint32_t i, chr_broker* out);
  void(CHR_CALL* watch)(void* self, chr_catalog_fn fn, void* context);
  void(CHR_CALL* unwatch)(void* self, chr_catalog_fn fn, void* context);
  chr_status(CHR_CALL* create_topics)(void* self, const chr_new_topic* topics, uint32_t n, uint32_t validate_only,
                                      uint64_t timeout_ns, chr_change_result* results, uint64_t token, chr_error* error);
  chr_status(CHR_CALL* delete_topics)(void* self, const chr_uuid* topics, uint32_t n, uint64_t timeout_ns,
                                      chr_change_result* results, uint64_t token, chr_error* error);
  chr_status(CHR_CALL* create_partitions)(void* self, const chr_more_partitions* items, uint32_t n, uint32_t validate_only,
                                          uint64_t timeout_ns, chr_change_result* results, uint64_t token, chr_error* error);
  chr_status(CHR_CALL* allocate_producer_ids)(void* self, uint64_t timeout_ns, uint64_t token, chr_error* error);
  void(CHR_CALL* announce)(void* self, chr_str host, uint16_t port);
  chr_status(CHR_CALL* alter_reassignments)(void* self, const chr_reassignment* items, uint32_t n, uint64_t timeout_ns,
                                            chr_change_result* results, uint64_t token, chr_error* error);
  chr_status(CHR_CALL* finish_reassignments)(void* self, const chr_reassignment* items, uint32_t n, uint64_t timeout_ns,
                                             chr_change_result* results, uint64_t token, chr_error* error);
  chr_status(CHR_CALL* describe_quorum)(void* self, uint64_t timeout_ns, chr_quorum* out, uint64_t token, chr_error* error);
  chr_status(CHR_CALL* alter_configs)(void* self, const chr_topic_configs* items, uint32_t n, uint32_t validate_only,
                                      uint64_t timeout_ns, chr_change_result* results, uint64_t token, chr_error* error);
} chr_metadata_v1;
typedef struct chr_retry {
  uint32_t struct_size;
  uint32_t attempt;
  uint64_t elapsed_ns;
  chr_status code;
  uint32_t reserved;
  uint64_t seed;
} chr_retry;
#define CHR_RETRY_POLICY_ID "chronik.retry_policy/1"
typedef struct chr_retry_policy_v1 {
  uint32_t struct_size, rev;
  chr_status(CHR_CALL* next_delay)(void* self, const chr_retry* retry, uint64_t* delay_ns);
} chr_retry_policy_v1;
#ifdef __cplusplus
}
#endif
