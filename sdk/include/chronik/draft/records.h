/* clang-format off */
/* chronik draft ABI, may change with any minor: chronik.metadata.records/1, a small replicated store on
 * __meta for what a cluster has to agree on: (space, key) -> bytes. Each user has a space of its own, in the
 * order of its keys' bytes.
 *
 * Read from an image of the catalog; changed with an expected version, where that matters; watched by space.
 * UNSUPPORTED until the feature chronik.version is finalized at 2. Offered beside chronik.metadata/1.
 */
#ifndef CHRONIK_DRAFT_RECORDS_H_
#define CHRONIK_DRAFT_RECORDS_H_

#include <chronik/metadata.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  CHR_MAX_SPACE_BYTES = 64,
  CHR_MAX_RECORD_KEY_BYTES = 1024,
  CHR_MAX_RECORD_VALUE_BYTES = 65536
};

typedef struct chr_record { /* GROWS; its bytes live until the image is released */
  uint32_t struct_size, reserved;
  chr_str key;
  chr_str value;
  uint64_t version;              /* never 0; another one after each change of this key */
} chr_record;

enum {
  CHR_RECORD_REMOVE = 1u,        /* otherwise it is put */
  CHR_RECORD_EXPECTED = 2u       /* CONFLICT where the version is not the expected one */
};
typedef struct chr_record_change { /* FROZEN; borrowed for the call */
  chr_str space;                 /* names that begin with "chronik." are ours */
  chr_str key;
  chr_str value;
  uint64_t expected;             /* 0: it must not be there */
  uint32_t flags;                /* CHR_RECORD_* */
  uint32_t reserved;
} chr_record_change;

#define CHR_RECORDS_ID "chronik.metadata.records/1"
typedef struct chr_records_v1 {
  uint32_t struct_size, rev;
  /* [any] The first record of the space whose key is `key` or behind it. NOT_FOUND: there is none. Going on
   * with the key that was found and a byte 0 behind it gives the next one. */
  chr_status(CHR_CALL* seek)(void* self, chr_catalog* catalog, chr_str space, chr_str key, chr_record* out);
  /* [shard] Calls fn on this shard after each change of the space, and once soon after the call.
   * Level-triggered. */
  void(CHR_CALL* watch)(void* self, chr_str space, chr_catalog_fn fn, void* context);
  /* [shard] The one that called watch(): fn does not run any more. */
  void(CHR_CALL* unwatch)(void* self, chr_catalog_fn fn, void* context);
  /* [shard] PENDING, or an error at once; as changes of chronik.metadata/1, each item for itself. NOT_FOUND:
   * nothing was there to remove. */
  chr_status(CHR_CALL* change)(void* self, const chr_record_change* items, uint32_t n, uint64_t timeout_ns,
                               chr_change_result* results, uint64_t token, chr_error* error);
  /* [shard] PENDING. Once it completes with OK and *result is OK, this node's image has all that had
   * completed anywhere before this call. One entry of the log. */
  chr_status(CHR_CALL* barrier)(void* self, uint64_t timeout_ns, chr_change_result* result, uint64_t token,
                                chr_error* error);
} chr_records_v1;

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* CHRONIK_DRAFT_RECORDS_H_ */
