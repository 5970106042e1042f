/* clang-format off */
/* chronik draft ABI, may change with any minor: chronik.metadata.features/1, the feature levels of the
 * cluster.
 *
 * A build knows a range of levels of each feature; the catalog says up to which one the cluster writes. Until
 * an operator finalizes a level, nothing that came with it is written, so that nodes may go back to the build
 * of before. Offered beside chronik.metadata/1.
 */
#ifndef CHRONIK_DRAFT_FEATURES_H_
#define CHRONIK_DRAFT_FEATURES_H_

#include <chronik/metadata.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct chr_feature { /* GROWS */
  uint32_t struct_size;
  int16_t min, max;              /* what this node knows */
  chr_str name;                  /* lives as long as the plugin */
  int16_t level;                 /* finalized; 0: the catalog is not known yet */
  uint16_t reserved[3];
} chr_feature;

enum {
  CHR_FEATURE_UPGRADE = 1,       /* as Kafka numbers them */
  CHR_FEATURE_SAFE_DOWNGRADE = 2,
  CHR_FEATURE_UNSAFE_DOWNGRADE = 3
};
typedef struct chr_feature_update { /* FROZEN */
  chr_str name;
  int16_t level;
  int16_t type;                  /* CHR_FEATURE_* */
  uint32_t reserved;
} chr_feature_update;

#define CHR_FEATURES_ID "chronik.metadata.features/1"
typedef struct chr_features_v1 {
  uint32_t struct_size, rev;
  /* [any] Features that this node knows, by position. OUT_OF_RANGE past the end. */
  chr_status(CHR_CALL* at)(void* self, chr_catalog* catalog, uint32_t i, chr_feature* out);
  /* [shard] PENDING, as changes of chronik.metadata/1 are. All of them are done, or none: those that could be
   * are then CONFLICT. INVALID_ARGUMENT: the message says why, such as a node that does not know the level.
   * UNSUPPORTED: the leader of __meta knows no levels. */
  chr_status(CHR_CALL* update)(void* self, const chr_feature_update* items, uint32_t n,
                               uint32_t validate_only, uint64_t timeout_ns, chr_change_result* results,
                               uint64_t token, chr_error* error);
} chr_features_v1;

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* CHRONIK_DRAFT_FEATURES_H_ */
