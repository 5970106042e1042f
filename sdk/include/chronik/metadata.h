/* clang-format off */
/* chronik plugin ABI: chronik.metadata/1, the cluster's catalog and who leads what.
 *
 * The catalog (topics, partitions, configs, nodes) is a state machine on the group "__meta". Readers take an immutable
 * image of it. Who leads a partition is the catalog joined with what consensus itself says on this node, by newest term.
 */
#ifndef CHRONIK_METADATA_H_
#define CHRONIK_METADATA_H_

#include <chronik/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An immutable image of the catalog; texts and arrays that its functions return live until it is released. */
typedef struct chr_catalog chr_catalog;

typedef struct chr_topic { /* GROWS */
  uint32_t struct_size;
  uint32_t n_partitions;
  chr_uuid id;
  chr_str name;
  uint32_t handle;               /* of this image, for partition() and config_at() */
  uint32_t internal;
} chr_topic;

typedef struct chr_partition { /* GROWS */
  uint32_t struct_size;
  int32_t leader;                /* joined with consensus; -1: none known */
  uint64_t term;                 /* of that leader; Kafka's leader epoch */
  const int32_t* replicas;       /* node ids, the preferred leader first */
  uint32_t n_replicas;
  uint32_t n_target;             /* 0: no reassignment is in progress */
  const int32_t* target;         /* where the replicas shall be; the replicas themselves where that was taken back */
  const int32_t* others;         /* neither, but of a target before: may be members of the group still */
  uint32_t n_others;
  uint32_t reserved;
} chr_partition;

typedef struct chr_broker { /* GROWS */
  uint32_t struct_size;
  int32_t id;
  chr_str host;                  /* what clients are told; empty before it announced itself */
  uint16_t port;
  uint16_t leaving;              /* 1: nothing new is placed on it */
  uint16_t reserved[2];
  chr_str rack;
  chr_str raft;                  /* "host:port" of its links; empty: not known */
} chr_broker;

typedef struct chr_config_entry { /* FROZEN */
  chr_str key;
  chr_str value;
} chr_config_entry;

/* What to create. FROZEN. */
typedef struct chr_new_topic {
  chr_str name;
  int32_t partitions;            /* used where assignment is NULL */
  int32_t replication_factor;
  const int32_t* assignment;     /* NULL, or partitions * replication_factor node ids, partition by partition */
  const chr_config_entry* configs;
  uint32_t n_configs;
  uint32_t reserved;
} chr_new_topic;

typedef struct chr_more_partitions { /* FROZEN */
  chr_str topic;
  int32_t total;                 /* the new number of partitions */
  uint32_t n_assignment;         /* 0: the catalog chooses; otherwise (total - present) * replication_factor */
  const int32_t* assignment;     /* that many node ids, partition by partition; borrowed for the call */
} chr_more_partitions;

enum {
  CHR_REASSIGN_CANCEL = 1u,      /* takes a reassignment back */
  CHR_REASSIGN_SAME_FACTOR = 2u  /* refuses another number of replicas, OUT_OF_RANGE */
};
typedef struct chr_reassignment { /* FROZEN */
  chr_uuid topic;
  int32_t partition;
  uint32_t flags;                /* CHR_REASSIGN_* */
  const int32_t* replicas;       /* the whole target, the preferred leader first; borrowed for the call */
  uint32_t n_replicas;
  uint32_t reserved;
} chr_reassignment;

/* What changes in the configs of a topic. FROZEN. */
typedef struct chr_config_change {
  chr_str key;
  chr_str value;
  uint32_t remove;               /* 1: nothing is set any more, the value is not looked at */
  uint32_t reserved;
} chr_config_change;
typedef struct chr_topic_configs { /* FROZEN */
  chr_uuid topic;
  const chr_config_change* changes; /* borrowed for the call; of two for one key the last counts */
  uint32_t n_changes;
  uint32_t reserved;
} chr_topic_configs;

/* A member of __meta, as its leader knows. FROZEN. */
typedef struct chr_quorum_member {
  int32_t id;
  uint32_t voter;                /* 0: it follows without a vote */
  uint64_t match_index;          /* of the last entry that it has */
  int64_t heard_ms;              /* Unix time of its last answer, -1: none */
  int64_t caught_up_ms;          /* Unix time when it last had all that the leader had, -1: never */
  chr_uuid incarnation;          /* zero: not known */
} chr_quorum_member;
typedef struct chr_quorum { /* GROWS; members is the caller's array, filled before the completion */
  uint32_t struct_size;
  uint32_t n_members;            /* in: room in members; out: how many there are, perhaps more than that */
  chr_quorum_member* members;
  int32_t leader;
  uint32_t reserved;
  uint64_t term;
  uint64_t commit_index;
} chr_quorum;

/* How one item of a change ended; owned by the caller, filled before the completion. FROZEN. */
typedef struct chr_change_result {
  chr_status code;               /* OK, EXISTS, NOT_FOUND, INVALID_ARGUMENT, UNAVAILABLE (nodes did not register in time), ... */
  uint32_t n_partitions;
  chr_uuid topic;
  char message[112];
} chr_change_result;

/* [shard] The one that called watch(). The catalog, a leader or the controller changed; look again. Level-triggered. */
typedef void(CHR_CALL* chr_catalog_fn)(void* context);

#define CHR_METADATA_ID "chronik.metadata/1"
typedef struct chr_metadata_v1 {
  uint32_t struct_size, rev;

  /* ---- reading ---------------------------------------------------------------------------------------------------
   * Positions and handles are of one image: OUT_OF_RANGE past the end, NOT_FOUND where nothing has the name or id. */
  /* [any] The newest image, retained; never NULL. Empty before the first election. */
  chr_catalog*(CHR_CALL* catalog)(void* self);
  /* [any] */
  void(CHR_CALL* release)(void* self, chr_catalog* catalog);
  /* [any] Grows with every change. */
  uint64_t(CHR_CALL* version)(void* self, chr_catalog* catalog);
  /* [any] Empty until the first leader of __meta has proposed it. */
  chr_str(CHR_CALL* cluster_id)(void* self, chr_catalog* catalog);
  /* [any] The leader of __meta that this node knows, -1: none. */
  int32_t(CHR_CALL* controller)(void* self);
  /* [any] */
  uint32_t(CHR_CALL* n_topics)(void* self, chr_catalog* catalog);
  /* [any] Topics by position, in the order of their names. */
  chr_status(CHR_CALL* topic_at)(void* self, chr_catalog* catalog, uint32_t i, chr_topic* out);
  /* [any] */
  chr_status(CHR_CALL* topic_by_name)(void* self, chr_catalog* catalog, chr_str name, chr_topic* out);
  /* [any] */
  chr_status(CHR_CALL* topic_by_id)(void* self, chr_catalog* catalog, const chr_uuid* id, chr_topic* out);
  /* [any] Leader and term are those of now, joined with consensus. */
  chr_status(CHR_CALL* partition)(void* self, chr_catalog* catalog, uint32_t topic_handle, int32_t partition,
                                  chr_partition* out);
  /* [any] What was set on the topic explicitly, by position. */
  chr_status(CHR_CALL* config_at)(void* self, chr_catalog* catalog, uint32_t topic_handle, uint32_t i,
                                  chr_config_entry* out);
  /* [any] */
  uint32_t(CHR_CALL* n_brokers)(void* self, chr_catalog* catalog);
  /* [any] In the order of their ids. */
  chr_status(CHR_CALL* broker_at)(void* self, chr_catalog* catalog, uint32_t i, chr_broker* out);
  /* [shard] Calls fn on this shard after each change, and once soon after the call. */
  void(CHR_CALL* watch)(void* self, chr_catalog_fn fn, void* context);
  /* [shard] The one that called watch(): fn does not run any more. */
  void(CHR_CALL* unwatch)(void* self, chr_catalog_fn fn, void* context);

  /* ---- changing: PENDING, or an error at once -----------------------------------------------------------------------
   * Items are borrowed for the call. results[i] is filled for every item when the token completes with OK. Another code
   * (UNAVAILABLE, TIMEOUT): nothing is known of any item. validate_only 1: everything but the change. The change is visible
   * in catalog() of this node when it completes. */
  /* [shard] */
  chr_status(CHR_CALL* create_topics)(void* self, const chr_new_topic* topics, uint32_t n, uint32_t validate_only,
                                      uint64_t timeout_ns, chr_change_result* results, uint64_t token, chr_error* error);
  /* [shard] */
  chr_status(CHR_CALL* delete_topics)(void* self, const chr_uuid* topics, uint32_t n, uint64_t timeout_ns,
                                      chr_change_result* results, uint64_t token, chr_error* error);
  /* [shard] */
  chr_status(CHR_CALL* create_partitions)(void* self, const chr_more_partitions* items, uint32_t n, uint32_t validate_only,
                                          uint64_t timeout_ns, chr_change_result* results, uint64_t token, chr_error* error);
  /* [shard] Completes with u[0] = first id, u[1] = how many: a block that no other call of any node ever gets. */
  chr_status(CHR_CALL* allocate_producer_ids)(void* self, uint64_t timeout_ns, uint64_t token, chr_error* error);

  /* [any] The address that clients are told for this node; kept in the catalog in the background, for ever. */
  void(CHR_CALL* announce)(void* self, chr_str host, uint16_t port);

  /* [shard] Sets where the replicas of partitions shall be, or takes that back (CONFLICT: nothing is in progress). The
   * leaders of the partitions pursue it. */
  chr_status(CHR_CALL* alter_reassignments)(void* self, const chr_reassignment* items, uint32_t n, uint64_t timeout_ns,
                                            chr_change_result* results, uint64_t token, chr_error* error);
  /* [shard] flags are 0. Says that the replicas are the members of the partition's group now. CONFLICT: they are not its
   * target (any more). */
  chr_status(CHR_CALL* finish_reassignments)(void* self, const chr_reassignment* items, uint32_t n, uint64_t timeout_ns,
                                             chr_change_result* results, uint64_t token, chr_error* error);
  /* [shard] PENDING; *out is filled when the token completes with OK. UNAVAILABLE: no leader of __meta answered. */
  chr_status(CHR_CALL* describe_quorum)(void* self, uint64_t timeout_ns, chr_quorum* out, uint64_t token, chr_error* error);
  /* [shard] Changes what is set on topics; what keys and values mean is the caller's business. */
  chr_status(CHR_CALL* alter_configs)(void* self, const chr_topic_configs* items, uint32_t n, uint32_t validate_only,
                                      uint64_t timeout_ns, chr_change_result* results, uint64_t token, chr_error* error);
} chr_metadata_v1;

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* CHRONIK_METADATA_H_ */
