/* clang-format off */
/* chronik draft ABI, may change with any minor: chronik.metadata.liveness/1, which nodes are up, for clients.
 * Up is who is reached by somebody, as the leader of __meta sees it, or this node where it knows no leader:
 * not who has a link with this node, which chronik.host.link/1 tells. Watchers of chronik.metadata/1 are told
 * when it changes. Offered beside chronik.metadata/1.
 */
#ifndef CHRONIK_DRAFT_LIVENESS_H_
#define CHRONIK_DRAFT_LIVENESS_H_

#include <chronik/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CHR_LIVENESS_ID "chronik.metadata.liveness/1"
typedef struct chr_liveness_v1 {
  uint32_t struct_size, rev;
  /* [any] 1: it is up. This node is, and all are where the host has no links. */
  uint32_t(CHR_CALL* is_up)(void* self, int32_t node);
} chr_liveness_v1;

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* CHRONIK_DRAFT_LIVENESS_H_ */
