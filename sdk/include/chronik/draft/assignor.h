/* clang-format off */
/* chronik draft ABI, may change with any minor: chronik.assignor/1, which member of a consumer group reads
 * which partition (KIP-848). Pure: the same group, the same answer; no state, clock or randomness.
 *
 * Several plugins may provide it, told apart by the name that clients ask for: it follows the ID, in the
 * manifest (provides = ["chronik.assignor/1:uniform"]), in service() and in acquire(). Who calls assignors
 * declares the ID without one.
 *
 * Members, topics, racks and partitions are numbers in a group. Partitions are counted through: partition p
 * of a topic is number first + p, so that whatever is said of each partition is one array.
 */
#ifndef CHRONIK_DRAFT_ASSIGNOR_H_
#define CHRONIK_DRAFT_ASSIGNOR_H_

#include <chronik/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CHR_ASSIGNOR_NOBODY UINT32_MAX   /* in place of a member */
#define CHR_ASSIGNOR_NO_RACK UINT32_MAX  /* in place of a rack */

typedef struct chr_assignor_member { /* FROZEN */
  chr_str id;
  chr_str instance_id;           /* of a static member; empty: a dynamic one */
  const uint32_t* topics;        /* that it subscribes to; ascending */
  uint32_t n_topics;
  uint32_t rack;                 /* where it reads, or NO_RACK */
} chr_assignor_member;

typedef struct chr_assignor_topic { /* FROZEN */
  chr_uuid id;
  uint32_t first;                /* number of its partition 0: as many as the topics before it have */
  uint32_t n_partitions;
} chr_assignor_topic;

enum { CHR_ASSIGNOR_HOMOGENEOUS = 1u /* all members subscribe to the same topics */ };
typedef struct chr_assignor_group { /* GROWS; valid during the call */
  uint32_t struct_size;
  uint32_t flags;                       /* CHR_ASSIGNOR_* */
  const chr_assignor_member* members;   /* ascending by id, as bytes */
  const chr_assignor_topic* topics;     /* those that a member subscribes to and that exist; ascending by id,
                                         * as bytes */
  const chr_str* racks;
  uint32_t n_members, n_topics, n_racks;
  uint32_t n_partitions;                /* of all topics */
  /* Of each partition: the member that was assigned it last, who may not subscribe to the topic any more, or
   * NOBODY. */
  const uint32_t* owners;
  /* Racks with a replica of partition i: replica_racks[rack_ends[i - 1]] up to before
   * replica_racks[rack_ends[i]], the first from 0 on. Both NULL: not known. */
  const uint32_t* rack_ends;
  const uint32_t* replica_racks;
} chr_assignor_group;

#define CHR_ASSIGNOR_ID "chronik.assignor/1"
typedef struct chr_assignor_v1 {
  uint32_t struct_size, rev;
  /* [any] Writes the member that each partition goes to, who subscribes to its topic. owners has
   * group->n_partitions entries, all NOBODY; what stays so is read by nobody. The caller checks what was
   * written, and calls it on a blocking thread where the group is large. An error: the group keeps what it
   * has. */
  chr_status(CHR_CALL* assign)(void* self, const chr_assignor_group* group, uint32_t* owners,
                               chr_error* error);
} chr_assignor_v1;

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* CHRONIK_DRAFT_ASSIGNOR_H_ */
