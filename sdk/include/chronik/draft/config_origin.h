/* clang-format off */
/* chronik draft ABI, may change with any minor: chronik.host.config_origin/1, where the values of
 * chronik.host.config/1 come from. A host may lack it. */
#ifndef CHRONIK_DRAFT_CONFIG_ORIGIN_H_
#define CHRONIK_DRAFT_CONFIG_ORIGIN_H_

#include <chronik/host.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CHR_CONFIG_ORIGIN_ID "chronik.host.config_origin/1"
typedef struct chr_config_origin_v1 {
  uint32_t struct_size, rev;
  /* [any] 1: the file, the environment or a flag gave this key of the plugin's table its value. 0: what it
   * has is its default, or there is no such key. */
  uint32_t(CHR_CALL* is_given)(chr_host* self, chr_str key);
} chr_config_origin_v1;

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* CHRONIK_DRAFT_CONFIG_ORIGIN_H_ */
