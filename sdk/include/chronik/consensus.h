/* clang-format off */
/* chronik plugin ABI: chronik.consensus/1, replicated logs, and the state machines on them.
 *
 * A group is one replicated log. The log is the Kafka log: an entry is one record batch, and consensus gives an entry
 * its index and its Kafka offset together when it gets its place. A group lives on the shard that shard_of() names;
 * every [shard] function of its handle and every callback of its state machine runs there.
 */
#ifndef CHRONIK_CONSENSUS_H_
#define CHRONIK_CONSENSUS_H_

#include <chronik/storage.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Kinds of entries. Those below 16 belong to consensus and are never handed to apply(). */
enum {
  CHR_ENTRY_NOOP = 1,            /* the first entry of a term */
  CHR_ENTRY_CONFIG = 2,          /* membership */
  CHR_ENTRY_TRIM = 3,            /* moves the start of the log */
  CHR_ENTRY_DATA = 16,           /* a batch that clients read: takes Kafka offsets */
  CHR_ENTRY_COMMAND = 17         /* a command of the state machine: takes none */
};

typedef struct chr_group chr_group;

enum { CHR_ROLE_FOLLOWER = 0, CHR_ROLE_LEADER = 1 };
typedef struct chr_role { /* GROWS */
  uint32_t struct_size;
  int32_t role;                  /* of this node */
  uint64_t term;
  int32_t leader;                /* node id, -1: unknown */
  uint32_t reserved;
} chr_role;

/* Which group: given to open_group, and again with every role event. FROZEN, 56 bytes. */
typedef struct chr_group_id {
  uint32_t reserved;
  int32_t partition;             /* -1 for a group that is no partition */
  chr_uuid topic;                /* zero for a group that is no partition */
  chr_str name;                  /* unique and durable, such as "__meta" */
  chr_str label;                 /* what logs call it, such as "orders/3" */
} chr_group_id;

/* A sink for bytes of a snapshot. FROZEN. */
typedef struct chr_sink {
  void* context;
  /* [shard] Chunks of any size. 0: the snapshot has failed, return an error from save(). */
  uint32_t(CHR_CALL* write)(void* context, const uint8_t* p, uint64_t n);
} chr_sink;

/* The callbacks of a state machine. All [shard], in log order, none after close_group completed. They must not read a
 * clock or randomness: the leader proposes what time does. FROZEN; no function is NULL. */
typedef struct chr_state_machine_v1 {
  uint32_t struct_size, rev;
  /* [shard] Committed entries of the kinds from 16 on, each exactly once per open. PENDING: apply the next ones only after
   * the token was completed. An error stops the node: the state machine cannot go on. */
  chr_status(CHR_CALL* apply)(void* context, const chr_entry* entries, uint32_t n, uint64_t token);
  /* [shard] This node's role changed, or the leader it knows. LEADER is told once the no-op of the term is applied. */
  void(CHR_CALL* role)(void* context, const chr_role* role);
  /* [shard] Everything below offset is committed (the high watermark); index is the last committed entry. Cheap: at most once
   * per turn, before the matching apply(). */
  void(CHR_CALL* committed)(void* context, uint64_t index, int64_t offset);
  /* [shard] Uncommitted entries from index (Kafka: from offset) on were removed. */
  void(CHR_CALL* truncated)(void* context, uint64_t index, int64_t offset);
  /* [shard] The log now starts at offset. */
  void(CHR_CALL* trimmed)(void* context, int64_t offset);
  /* [shard] Writes the whole state as of the last applied entry. */
  chr_status(CHR_CALL* save)(void* context, const chr_sink* sink);
  /* [shard] Replaces the whole state by what save() wrote, here or on another member, in n pieces. When the group opens, before
   * any apply(); and again at any time between two calls of apply(), on a follower that was too far behind. */
  chr_status(CHR_CALL* load)(void* context, const chr_slice* pieces, uint32_t n, chr_error* error);
} chr_state_machine_v1;

typedef struct chr_group_options { /* GROWS */
  uint32_t struct_size;
  uint32_t n_voters;
  chr_group_id id;
  /* The members that the group is created with, the same on each, this node among them; the first is the preferred
   * leader. A replica whose log has a configuration ignores it. n_voters 0: this node joins a group that others have; it
   * waits for the leader to find it. */
  const int32_t* voters;
} chr_group_options;

/* What is proposed as one entry. FROZEN. */
enum { CHR_PROPOSAL_WRITABLE = 1u /* the payload's bytes may be patched in place: nobody else looks at them */ };
typedef struct chr_proposal {
  uint32_t kind;
  uint32_t flags;
  uint32_t records;
  int32_t offset_at;             /* where the payload holds the base offset (int64, big endian), -1: nowhere */
  int32_t epoch_at;              /* where it holds the leader epoch (int32, big endian), -1: nowhere */
  uint32_t reserved;
  int64_t max_timestamp;
  chr_slice payload;             /* the lease is retained */
} chr_proposal;

/* Where an entry got its place. FROZEN. */
typedef struct chr_placed {
  uint64_t index;
  uint64_t term;
  int64_t base_offset;
} chr_placed;

/* When the token of propose() completes. */
enum {
  CHR_UNTIL_PLACED = 0,          /* at once: the return is OK, the token is not used */
  CHR_UNTIL_DURABLE = 1,         /* on this node's disk */
  CHR_UNTIL_COMMITTED = 2,       /* on the disks of a majority */
  CHR_UNTIL_COPIES = 256         /* + n: committed, and on the disks of at least n voters */
};

/* Up to where a read goes. */
enum { CHR_BOUND_COMMITTED = 0, CHR_BOUND_LOG_END = 1 };
typedef struct chr_group_read { /* GROWS */
  uint32_t struct_size;
  int32_t bound;
  int64_t offset;                /* the first entry is the one that holds it, or the next */
  uint64_t max_bytes;            /* the first entry is returned whole even where it is larger */
  uint32_t headers_only;
  uint32_t max_lease_ms;
} chr_group_read;

typedef struct chr_group_bounds { /* GROWS */
  uint32_t struct_size;
  int32_t leader;                /* -1: unknown */
  uint64_t term;
  int64_t log_start;             /* Kafka offsets */
  int64_t high_watermark;
  int64_t log_end;
  uint64_t bytes;                /* of payload, durable, from log start on */
  uint64_t commit_index;
  uint64_t last_index;
  uint32_t n_voters;
  uint32_t usable;               /* 1: this node leads, and the no-op of its term is applied */
} chr_group_bounds;

/* Who takes part in a group, as this node knows. FROZEN. */
enum {
  CHR_MEMBER_VOTER = 1u,
  CHR_MEMBER_OUTGOING = 2u,      /* voter of the configuration that is being left */
  CHR_MEMBER_LEARNER = 4u        /* follows, has no vote; only the leader knows of them */
};
typedef struct chr_member {
  int32_t id;
  uint32_t flags;                /* CHR_MEMBER_* */
  uint64_t match_index;          /* durable there, as the leader knows; of itself every member knows; 0: unknown */
  int64_t match_offset;          /* Kafka offset after match_index; -1: unknown */
  uint64_t heard_ns;             /* monotonic time of its last answer to this leader; 0: none */
  uint64_t caught_up_ns;         /* monotonic time when it last had all that the leader's log held; 0: never */
} chr_member;

typedef struct chr_group_status { /* GROWS; members is the caller's array */
  uint32_t struct_size;
  uint32_t n_members;            /* in: room in members; out: how many there are, perhaps more than that */
  chr_member* members;           /* voters in the order of preference, then those that leave, then learners */
  uint64_t config_index;         /* of the configuration in force; 0: the one that the group was created with */
  uint32_t joint;                /* 1: a change of members is under way */
  uint32_t reserved;
} chr_group_status;

typedef struct chr_members_change { /* GROWS */
  uint32_t struct_size;
  uint32_t n_voters;
  const int32_t* voters;         /* the whole target, the preferred leader first */
} chr_members_change;

/* A group's role, told to watchers. [shard] of the group. usable as in chr_group_bounds. */
typedef void(CHR_CALL* chr_role_fn)(void* context, const chr_group_id* id, const chr_role* role, uint32_t usable);

/* What becomes of what the node holds of a group that it closes. */
enum {
  CHR_CLOSE_PLAIN = 0,
  CHR_CLOSE_SNAPSHOT = 1,        /* the state is saved first */
  CHR_CLOSE_LEAVE = 2            /* the node is to be no member any more: its log goes, unless by that log it still is one.
                                    What other members may rest on, its vote above all, stays, should it ever join again */
};

#define CHR_CONSENSUS_ID "chronik.consensus/1"
typedef struct chr_consensus_v1 {
  uint32_t struct_size, rev;

  /* [any] The shard on which a group of this name lives. */
  uint32_t(CHR_CALL* shard_of)(void* self, chr_str name);

  /* [shard] shard_of(name). Recovers the group, loads the snapshot, applies what is known as committed and takes
   * part. PENDING; *out is valid from the return on for the functions below (they answer UNAVAILABLE until the token
   * completes). The table and options are borrowed for the call, context and machine until close_group completed. */
  chr_status(CHR_CALL* open_group)(void* self, const chr_group_options* options, const chr_state_machine_v1* machine,
                                   void* context, chr_group** out, uint64_t token, chr_error* error);
  /* [shard] PENDING; no callback follows its completion. The handle is gone. how: CHR_CLOSE_*. */
  chr_status(CHR_CALL* close_group)(chr_group* group, uint32_t how, uint64_t token, chr_error* error);
  /* [shard] shard_of(name). Removes all of a closed group, its name too, which must not be used again. */
  chr_status(CHR_CALL* delete_group)(void* self, chr_str name, uint64_t token, chr_error* error);

  /* [shard] Appends n entries to the log of the leader, all or none. expected_term 0: any. On success placed[0, n) is
   * filled before the return, which is OK (until PLACED) or PENDING. The token completes with OK once the last entry
   * reached `until`; NOT_LEADER: it was overwritten or leadership went first, the outcome may be unknown; NO_SPACE.
   * Errors: NOT_LEADER, FENCED (term), OVERLOADED (too much is uncommitted), NO_SPACE. */
  chr_status(CHR_CALL* propose)(chr_group* group, uint64_t expected_term, const chr_proposal* items, uint32_t n, uint32_t until,
                                chr_placed* placed, uint64_t token, chr_error* error);

  /* [shard] Entries of kind DATA from the one that holds args->offset on. OK (from the tail cache) or PENDING. An empty
   * result at the bound is no error. OUT_OF_RANGE: below the log start or above the log end. Any replica answers. */
  chr_status(CHR_CALL* read)(chr_group* group, const chr_group_read* args, chr_entries* out, uint64_t token, chr_error* error);

  /* [shard] The header of the first DATA entry by CHR_FIND_* of storage.h, the committed ones only. OK, PENDING or
   * NOT_FOUND. */
  chr_status(CHR_CALL* find)(chr_group* group, int32_t by, int64_t value, chr_entry_header* out, uint64_t token, chr_error* error);

  /* [shard] The largest term <= the given one that has entries, and the offset after its last entry (for the newest
   * term: the log end). From memory. NOT_FOUND where none is. Kafka's OffsetForLeaderEpoch (KIP-101, KIP-320). */
  chr_status(CHR_CALL* epoch_end)(chr_group* group, uint64_t term, uint64_t* found_term, int64_t* end_offset);

  /* [shard] From memory. */
  chr_status(CHR_CALL* bounds)(chr_group* group, chr_group_bounds* out);

  /* [shard] The leader proposes that the log start at offset; whole entries below it, and what follows them without an offset,
   * vanish on every replica, never above its snapshot (one is made where it must be). OK when already there, else PENDING. */
  chr_status(CHR_CALL* trim)(chr_group* group, int64_t offset, uint64_t token, chr_error* error);

  /* [shard] Completes once what was committed at the time of the call is applied here, and this node was still the
   * leader (read index). NOT_LEADER otherwise. */
  chr_status(CHR_CALL* barrier)(chr_group* group, uint64_t token, chr_error* error);

  /* [shard] Hands leadership to another voter, or to the best one (-1). */
  chr_status(CHR_CALL* transfer)(chr_group* group, int32_t to, uint64_t token, chr_error* error);

  /* [ctl] fn is called for each role change of each group, from then on and once for each group that is open. One
   * watcher per (fn, context); ends with unwatch(), after which fn does not run. */
  void(CHR_CALL* watch)(void* self, chr_role_fn fn, void* context);
  /* [ctl] */
  void(CHR_CALL* unwatch)(void* self, chr_role_fn fn, void* context);

  /* [shard] From memory. */
  chr_status(CHR_CALL* status)(chr_group* group, chr_group_status* out);

  /* [shard] Leader only. Makes `voters` the members: new ones follow as learners until they have caught up, then joint
   * consensus, then the target alone. Call it again with the same target after a change of leader. A change to what is
   * there already is OK at once; else PENDING, and OK once the final configuration is committed. NOT_LEADER; UNAVAILABLE:
   * nothing of this leader's term is committed yet; CONFLICT: another change can no longer be stopped; INVALID_ARGUMENT.
   * While new members still catch up, a call with another target replaces the change, whose token completes with
   * CANCELLED. A leader outside of the target hands leadership to a member of it: its token completes with NOT_LEADER. */
  chr_status(CHR_CALL* change_members)(chr_group* group, const chr_members_change* change, uint64_t token, chr_error* error);
} chr_consensus_v1;

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* CHRONIK_CONSENSUS_H_ */
