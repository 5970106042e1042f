/* clang-format off */
/* chronik draft ABI, may change with any minor: how whoever makes a topic that brokers keep for themselves
 * says so, as chr_new_topic has no room for it. A metadata plugin goes by this, and by no name. */
#ifndef CHRONIK_DRAFT_INTERNAL_TOPICS_H_
#define CHRONIK_DRAFT_INTERNAL_TOPICS_H_

#include <chronik/metadata.h>

/* Keys of configs of topics that begin so are between plugins: clients neither set, remove nor see them. */
#define CHR_OWN_CONFIGS "chronik."
/* A config of create_topics(); "true": chr_topic.internal is 1. */
#define CHR_INTERNAL_CONFIG "chronik.internal"

#endif /* CHRONIK_DRAFT_INTERNAL_TOPICS_H_ */
