/* clang-format off */
/* chronik draft ABI, may change with any minor: chronik.consensus.throttle/1, limits of what members that
 * catch up are sent, so that they leave room on disks and links for clients. Offered beside
 * chronik.consensus/1; a consensus plugin may lack it.
 *
 * What is limited is entries and snapshots. Heartbeats, votes and what tells of commits always go, and so
 * does everything to a voter without which there may be no majority: commits never wait for a throttle. A
 * bucket that was empty for 10 s lets a message go whatever its rate: a limit slows down, it does not
 * stop. */
#ifndef CHRONIK_DRAFT_THROTTLE_H_
#define CHRONIK_DRAFT_THROTTLE_H_

#include <chronik/consensus.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct chr_throttled { /* FROZEN */
  int32_t node;                  /* a member, or one that will be */
  int32_t bucket;                /* the caller's number */
} chr_throttled;

#define CHR_THROTTLE_ID "chronik.consensus.throttle/1"
typedef struct chr_throttle_v1 {
  uint32_t struct_size, rev;
  /* [any] How many bytes a second this node sends through a bucket, for all groups together. INT64_MAX: any,
   * as of every bucket before. */
  void(CHR_CALL* limit)(void* self, int32_t bucket, int64_t bytes_per_second);
  /* [shard] The group's. Where this node leads, what goes to a member that is named goes through each bucket
   * that it is named with. Name who is behind, and nobody else. Replaces what was said before; copied. */
  chr_status(CHR_CALL* assign)(chr_group* group, const chr_throttled* items, uint32_t n);
} chr_throttle_v1;

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* CHRONIK_DRAFT_THROTTLE_H_ */
