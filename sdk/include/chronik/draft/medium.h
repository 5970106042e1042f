/* clang-format off */
/* chronik draft ABI, may change with any minor: chronik.host.medium/1, a simulated disk, absent in a server. In the simulator
 * a storage plugin keeps its bytes here; unsynced writes may be lost or torn in a crash. */
#ifndef CHRONIK_DRAFT_MEDIUM_H_
#define CHRONIK_DRAFT_MEDIUM_H_

#include <chronik/host.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CHR_MEDIUM_ID "chronik.host.medium/1"
typedef struct chr_medium_v1 {
  uint32_t struct_size, rev;
  /* [blocking] */
  uint64_t(CHR_CALL* size)(chr_host* self);
  /* [blocking] Copies bytes [at, at + n) to p; OUT_OF_RANGE past the end. */
  chr_status(CHR_CALL* read)(chr_host* self, uint64_t at, uint8_t* p, uint64_t n);
  /* [blocking] Writes at or up to the end; the medium grows. NO_SPACE when full: nothing was written. */
  chr_status(CHR_CALL* write)(chr_host* self, uint64_t at, const uint8_t* p, uint64_t n);
  /* [blocking] Cuts or zero-extends to n bytes, atomically with the next sync. */
  chr_status(CHR_CALL* resize)(chr_host* self, uint64_t n);
  /* [blocking] All writes before are durable when it returns OK. */
  chr_status(CHR_CALL* sync)(chr_host* self);
} chr_medium_v1;

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* CHRONIK_DRAFT_MEDIUM_H_ */
