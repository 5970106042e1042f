/* clang-format off */
/* chronik draft ABI, may change with any minor: chronik.metadata.topic_changes/1, what became of topics
 * between two images of the catalog. For those that keep something by topic: on each call of their watch they
 * take the newest image and ask for what changed since the one before it. Where nothing became of any topic,
 * as after changes of leaders, that costs nothing. Offered beside chronik.metadata/1.
 */
#ifndef CHRONIK_DRAFT_TOPIC_CHANGES_H_
#define CHRONIK_DRAFT_TOPIC_CHANGES_H_

#include <chronik/metadata.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  CHR_TOPIC_MADE = 1u,
  CHR_TOPIC_DELETED = 2u,        /* told before one of the same name that was made */
  CHR_TOPIC_EXTENDED = 4u,
  CHR_TOPIC_CONFIGURED = 8u,
  CHR_TOPIC_MOVED = 16u          /* the replicas of partitions, or where they shall be */
};
typedef struct chr_topic_change { /* GROWS; valid during the call */
  uint32_t struct_size;
  uint32_t what;                 /* CHR_TOPIC_*; EXTENDED, CONFIGURED and MOVED may come together */
  const chr_topic* topic;        /* as it is now, with a handle of that image; of a deleted one as it was */
  uint32_t n_before;             /* its partitions then, 0: it was made */
  uint32_t reserved;
} chr_topic_change;
typedef void(CHR_CALL* chr_topic_change_fn)(void* context, const chr_topic_change* change);

#define CHR_TOPIC_CHANGES_ID "chronik.metadata.topic_changes/1"
typedef struct chr_topic_changes_v1 {
  uint32_t struct_size, rev;
  /* [any] Calls fn for each topic that differs, in the order of names. before: NULL, as an empty catalog. */
  void(CHR_CALL* between)(void* self, chr_catalog* before, chr_catalog* now, chr_topic_change_fn fn,
                         void* context);
} chr_topic_changes_v1;

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* CHRONIK_DRAFT_TOPIC_CHANGES_H_ */
