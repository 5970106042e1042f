/* clang-format off */
/* chronik plugin ABI, major 1: the types that every other header of the ABI is made of.
 *
 * Pure C11, also valid C++17. Start here, then plugin.h (what a plugin exports), host.h (what the host offers) and
 * host_services.h. storage.h, consensus.h, metadata.h and retry_policy.h are what plugins provide to one another.
 *
 * Rules of this ABI:
 *  - Function tables are frozen: a table never changes once released; growth is a new ID ("chronik.storage/2").
 *  - Data structs marked GROWS begin with struct_size and only ever grow at the end. A reader looks at a field only if
 *    struct_size covers it. A writer leaves alone what struct_size does not cover. Structs marked FROZEN never change and may stand in
 *    arrays and in one another; a reserved field is zero.
 *  - A table starts with struct_size and rev, which is 1. No function in it is NULL unless its comment says so. No pointer
 *    argument is NULL unless n says that nothing is there, or its comment allows it; chr_error* always may be.
 *  - Nobody frees the other side's memory. What a call passes in is borrowed for that call; to keep the bytes of a
 *    slice, retain its lease.
 *  - No exception, C++ type, errno or global crosses. Errors are a chr_status plus a chr_error that the caller owns.
 *
 * Tags on every function, in its comment:
 *   [ctl]       called on the control thread only, one call at a time per instance; may block
 *   [shard]     called on the shard that owns the handle, never concurrently for one handle; must not block
 *   [blocking]  called on a blocking thread of the host; may block
 *   [any]       callable from any thread, concurrently; must not block
 */
#ifndef CHRONIK_ABI_H_
#define CHRONIK_ABI_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CHR_ABI_MAJOR 1
#define CHR_ABI_MINOR 0

/* Calling convention of every function pointer in the ABI. */
#define CHR_CALL

/* Result of a call. OK and PENDING are no errors; errors are negative and their numbers are never reused. A reader
 * treats an unknown negative number as CHR_E_FAILED. */
typedef int32_t chr_status;
enum {
  CHR_OK = 0,
  CHR_PENDING = 1,               /* exactly one completion of the token follows */
  CHR_E_FAILED = -1,             /* none of the below */
  CHR_E_INVALID_ARGUMENT = -2,
  CHR_E_NOT_FOUND = -3,
  CHR_E_EXISTS = -4,
  CHR_E_NOT_LEADER = -5,
  CHR_E_FENCED = -6,             /* a newer term, epoch or incarnation exists */
  CHR_E_TIMEOUT = -7,
  CHR_E_CORRUPT = -8,            /* stored or received bytes fail their check */
  CHR_E_IO = -9,                 /* a device failed; fatal for the replica that it served */
  CHR_E_NO_SPACE = -10,          /* disk or map full: backpressure, try again when space returned */
  CHR_E_UNAVAILABLE = -11,       /* not now: no leader, not recovered yet */
  CHR_E_OVERLOADED = -12,        /* a bounded queue is full */
  CHR_E_UNSUPPORTED = -13,
  CHR_E_SHUTTING_DOWN = -14,
  CHR_E_CANCELLED = -15,
  CHR_E_OUT_OF_RANGE = -16,      /* an offset or index outside of the log */
  CHR_E_CONFLICT = -17           /* lost against a concurrent change; read again and retry */
};

/* UTF-8 text, not terminated. Borrowed for the call unless the function says otherwise. FROZEN, 16 bytes. */
typedef struct chr_str {
  const char* p;
  uint64_t n;
} chr_str;

/* An error in full, owned by the caller, who sets struct_size and zeroes the rest. GROWS. */
enum {
  CHR_ERROR_RETRIABLE = 1u,      /* the same call may succeed later */
  CHR_ERROR_GROUP_FATAL = 2u,    /* this group must not go on on this node */
  CHR_ERROR_PLUGIN_FATAL = 4u    /* the whole instance must not go on */
};
typedef struct chr_error {
  uint32_t struct_size;
  chr_status code;
  uint32_t flags;
  uint32_t reserved;
  char message[240];             /* UTF-8, zero-terminated, says what to do */
} chr_error;

/* A reference-counted lease on memory. Either side may implement it; the ops table outlives every lease. FROZEN. */
typedef struct chr_buf chr_buf;
typedef struct chr_buf_ops {
  void(CHR_CALL* retain)(chr_buf* self);  /* [any] */
  void(CHR_CALL* release)(chr_buf* self); /* [any] the last release may free or unpin the memory */
  /* [any] Non-zero: the memory holds up its owner; copy what is still needed and release soon. Whoever keeps a lease for
   * longer than a call looks at it now and then, the host for all that it is to write. NULL: never. */
  int32_t(CHR_CALL* is_recalled)(const chr_buf* self);
} chr_buf_ops;
struct chr_buf { /* FROZEN, 8 bytes */
  const chr_buf_ops* ops;
};

/* A run of bytes and the lease that keeps it alive; lease may be NULL for static bytes. FROZEN, 24 bytes. */
typedef struct chr_slice {
  const uint8_t* p;
  uint64_t n;
  chr_buf* lease;
} chr_slice;

/* How an asynchronous call ends. FROZEN, 72 bytes. complete() copies message and retains lease before it returns; the
 * receiver of the completion owns that reference. What u[] means is said by the function that was called. */
typedef struct chr_done {
  uint64_t token;
  chr_status code;
  uint32_t flags;                /* CHR_ERROR_* */
  uint64_t u[4];
  chr_str message;               /* empty unless code is an error */
  chr_buf* lease;                /* NULL, or keeps alive what the call's out-structs point to */
} chr_done;

/* A 128-bit identity, such as a topic id, in network byte order. FROZEN, 16 bytes. */
typedef struct chr_uuid {
  uint8_t b[16];
} chr_uuid;

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* CHRONIK_ABI_H_ */
