/* clang-format off */
/* chronik draft ABI, may change with any minor: chronik.metadata.nodes/1, what becomes of the nodes of the
 * cluster. Offered beside chronik.metadata/1.
 */
#ifndef CHRONIK_DRAFT_NODES_H_
#define CHRONIK_DRAFT_NODES_H_

#include <chronik/metadata.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CHR_NODES_ID "chronik.metadata.nodes/1"
typedef struct chr_nodes_v1 {
  uint32_t struct_size, rev;
  /* [shard] PENDING, as changes of chronik.metadata/1 are. The node, up or down, is to leave: its replicas
   * move to the others, then it is removed; asking again changes nothing. NOT_FOUND: there is no such node.
   * INVALID_ARGUMENT: it is the last one. CONFLICT: the others cannot hold all replicas; the message says
   * which. */
  chr_status(CHR_CALL* leave)(void* self, int32_t node, uint64_t timeout_ns, chr_change_result* result,
                              uint64_t token, chr_error* error);
} chr_nodes_v1;

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* CHRONIK_DRAFT_NODES_H_ */
