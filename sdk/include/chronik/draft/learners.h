/* clang-format off */
/* chronik draft ABI, may change with any minor: chronik.consensus.learners/1, members that follow a group for
 * good and have no vote. Only a leader knows of them: they stand in no log, and a new leader is told anew.
 * Offered beside chronik.consensus/1; a consensus plugin may lack it.
 */
#ifndef CHRONIK_DRAFT_LEARNERS_H_
#define CHRONIK_DRAFT_LEARNERS_H_

#include <chronik/abi.h>
#include <chronik/consensus.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CHR_LEARNERS_ID "chronik.consensus.learners/1"
typedef struct chr_learners_v1 {
  uint32_t struct_size, rev;
  /* [shard] shard_of(name), on the leader of the group. These nodes get the log, or a snapshot, and what is
   * committed, as voters do; those of them that vote do so on, and go on as learners once they are voters no
   * more. They replace those named before, until this node leads no more; nobody waits for them, and status()
   * shows them as CHR_MEMBER_LEARNER. The array is borrowed for the call. NOT_FOUND: it is not open,
   * UNAVAILABLE: not yet, or no more; NOT_LEADER; INVALID_ARGUMENT: named twice, no node, or this node. */
  chr_status(CHR_CALL* set)(void* self, chr_str group, const int32_t* nodes, uint32_t n, chr_error* error);
} chr_learners_v1;

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* CHRONIK_DRAFT_LEARNERS_H_ */
