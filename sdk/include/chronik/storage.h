/* clang-format off */
/* chronik plugin ABI: chronik.storage/1, a durable store of logs and small keys for many groups.
 *
 * A group is a log of entries under ascending indexes (gaps are allowed) and a set of small keys beside it. Storage
 * never parses a payload. Every write of one group is atomic and durable when its token completes; writes of one
 * group take effect in the order of the calls. A storage drains its queue over all groups into one transaction and one
 * sync. Only consensus uses this service.
 *
 * What consensus builds on, and the conformance kit tests:
 *  - Durable is what is there after a power loss. A token is completed then, never when the write is queued.
 *  - What a start shows is durable. What a killed process left unsynced is synced before start() completes, or not
 *    shown: consensus counts it at once, and answers others with it.
 *  - A write that failed is gone, also after a restart. After a failed sync nothing more is written, as the kernel may
 *    have dropped what it could not write: every later write fails with IO.
 *  - NO_SPACE fences its group: appends that are queued behind are refused too, so that no hole appears. Room is kept
 *    for what makes room: small keys, entries without records, truncations, trims and drops succeed on a full store.
 *  - DROP is the last step of its write. A write without steps, or to a group that is unknown or dropped, is
 *    INVALID_ARGUMENT; reading such a group is NOT_FOUND.
 *  - Damaged bytes are CORRUPT, never served; the whole entries before them are served.
 *  - Leases outlive later writes, trims, drops, and the instance.
 */
#ifndef CHRONIK_STORAGE_H_
#define CHRONIK_STORAGE_H_

#include <chronik/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What is known of an entry beside its payload. FROZEN, 64 bytes. */
typedef struct chr_entry_header {
  uint64_t index;                /* place in the log, from 1 on */
  uint64_t term;
  int64_t base_offset;           /* Kafka offset of its first record; for an entry without records that of the next */
  int64_t max_timestamp;         /* largest record timestamp in ms, -1: none */
  int64_t log_max_timestamp;     /* largest max_timestamp of the log up to and with this entry; makes find() a search */
  uint32_t records;              /* Kafka offsets that it takes; 0 for no-ops and the like */
  uint32_t kind;                 /* CHR_ENTRY_* of consensus.h; not interpreted */
  uint64_t bytes;                /* size of the payload */
  uint64_t reserved;
} chr_entry_header;

/* FROZEN, 88 bytes. payload.n == header.bytes, or 0 where only headers were asked for. */
typedef struct chr_entry {
  chr_entry_header header;
  chr_slice payload;
} chr_entry;

/* One step of a write. FROZEN, 72 bytes. Fields that the type does not name are zero. */
enum {
  CHR_STORAGE_TRUNCATE = 1,      /* removes entries with index >= .index */
  CHR_STORAGE_APPEND = 2,        /* .entries[0, .n): ascending indexes, above the last one in the log */
  CHR_STORAGE_TRIM = 3,          /* removes entries with index < .index */
  CHR_STORAGE_PUT = 4,           /* .key = .value; keys up to 255 bytes, values up to 1 MiB */
  CHR_STORAGE_DELETE = 5,        /* .key; absent is fine */
  CHR_STORAGE_DROP = 6           /* the whole group: entries, keys and name; its id is not used again */
};
typedef struct chr_storage_step {
  uint32_t type;
  uint32_t n;
  uint64_t index;
  const chr_entry* entries;
  chr_str key;
  chr_slice value;
} chr_storage_step;

/* Steps on one group, applied in order, atomically. FROZEN. */
typedef struct chr_storage_write {
  uint64_t group;
  uint64_t token;                /* completed when durable. Codes: NO_SPACE (nothing was applied; reads go on; try
                                  * again later), CORRUPT (what it touches is damaged on disk, nothing was applied), IO (the
                                  * whole store failed), INVALID_ARGUMENT (a caller's bug) */
  const chr_storage_step* steps;
  uint64_t n;
} chr_storage_write;

typedef struct chr_storage_read { /* GROWS */
  uint32_t struct_size;
  uint32_t headers_only;         /* 1: payloads are left out */
  uint64_t group;
  uint64_t from;                 /* first index wanted */
  uint64_t to;                   /* exclusive; 0: to the end */
  uint64_t max_bytes;            /* of payload; the first entry is returned whole even where it is larger.
                                  * Ignored where only headers are asked for */
  uint32_t max_entries;          /* 0: no limit of its own */
  uint32_t max_lease_ms;         /* the reader gives the lease back within; 0: the storage's default */
} chr_storage_read;

/* Entries under one lease. Owned by the caller, filled before the read completes; GROWS. The caller owns one reference
 * of lease (NULL when n is 0); entries and payloads live as long as it. */
typedef struct chr_entries {
  uint32_t struct_size;
  uint32_t n;
  const chr_entry* entries;
  chr_buf* lease;
} chr_entries;

typedef struct chr_storage_bounds { /* GROWS */
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t first_index;          /* 0 where the log is empty */
  uint64_t last_index;           /* 0 where the log is empty */
  uint64_t entries;
  uint64_t bytes;                /* of payload */
} chr_storage_bounds;

typedef struct chr_storage_usage { /* GROWS */
  uint32_t struct_size;
  uint32_t full;                 /* 1: writes are refused with NO_SPACE just now */
  uint64_t used_bytes;           /* live data with its overhead */
  uint64_t file_bytes;           /* on disk; 0 for a volatile store */
  uint64_t capacity_bytes;       /* where it must stop growing */
} chr_storage_usage;

enum { CHR_FIND_OFFSET = 1, CHR_FIND_TIMESTAMP = 2, CHR_FIND_MAX_TIMESTAMP = 3 };

#define CHR_STORAGE_ID "chronik.storage/1"
typedef struct chr_storage_v1 {
  uint32_t struct_size, rev;

  /* [any] The id of the group with this name (1 to 255 bytes), never 0; new names exist durably from their first
   * write on. No I/O. INVALID_ARGUMENT: the name. */
  chr_status(CHR_CALL* open_group)(void* self, chr_str name, uint64_t* group, chr_error* error);

  /* [any] Calls fn for every group that exists durably, in the order of their ids. */
  void(CHR_CALL* list_groups)(void* self, void(CHR_CALL* fn)(void* context, chr_str name, uint64_t group), void* context);

  /* [any] Queues n writes, of any groups. PENDING: each token is completed once. An error (OVERLOADED: too much is
   * queued): none was taken and no token is completed. Steps are copied and leases retained before it returns. */
  chr_status(CHR_CALL* write)(void* self, const chr_storage_write* writes, uint32_t n, chr_error* error);

  /* [any] Reads entries of [from, to) into *out. Sees every completed write. OK: *out is filled; PENDING: filled
   * before the token completes (u[0] = out->n). An empty range is no error. CORRUPT: a check failed. */
  chr_status(CHR_CALL* read)(void* self, const chr_storage_read* args, chr_entries* out, uint64_t token, chr_error* error);

  /* [any] The header of one entry into *out; OK, PENDING, or NOT_FOUND (also as the completion's code).
   *  OFFSET: the first entry with records whose base_offset + records > value.
   *  TIMESTAMP: the first entry with records whose max_timestamp >= value.
   *  MAX_TIMESTAMP: the first entry with records that holds the largest max_timestamp; value is ignored. */
  chr_status(CHR_CALL* find)(void* self, uint64_t group, int32_t by, int64_t value, chr_entry_header* out, uint64_t token,
                             chr_error* error);

  /* [any] The value of a key into *out, whose lease the caller owns. OK, PENDING or NOT_FOUND. */
  chr_status(CHR_CALL* get)(void* self, uint64_t group, chr_str key, chr_slice* out, uint64_t token, chr_error* error);

  /* [any] From memory; as of the last completed write. NOT_FOUND: no such group. */
  chr_status(CHR_CALL* bounds)(void* self, uint64_t group, chr_storage_bounds* out);

  /* [any] From memory. */
  chr_status(CHR_CALL* usage)(void* self, chr_storage_usage* out);
} chr_storage_v1;

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* CHRONIK_STORAGE_H_ */
