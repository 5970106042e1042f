/* clang-format off */
/* chronik draft ABI, may change with any minor: chronik.consensus.groups/1, what a consensus plugin keeps on
 * this node's disk. Offered beside chronik.consensus/1; a consensus plugin may lack it. */
#ifndef CHRONIK_DRAFT_GROUPS_H_
#define CHRONIK_DRAFT_GROUPS_H_

#include <chronik/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CHR_GROUPS_ID "chronik.consensus.groups/1"
/* name: of one group, valid during the call. */
typedef void(CHR_CALL* chr_group_name_fn)(void* context, chr_str name);
typedef struct chr_groups_v1 {
  uint32_t struct_size, rev;
  /* [any] Calls fn for every group that has data here, open or not. No I/O. */
  void(CHR_CALL* list)(void* self, chr_group_name_fn fn, void* context);
} chr_groups_v1;

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* CHRONIK_DRAFT_GROUPS_H_ */
