/* clang-format off */
/* chronik plugin ABI: chronik.retry_policy/1, how long to wait between attempts. Pure: the same input, the same answer; the
 * caller owns the timer. */
#ifndef CHRONIK_RETRY_POLICY_H_
#define CHRONIK_RETRY_POLICY_H_

#include <chronik/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct chr_retry { /* GROWS */
  uint32_t struct_size;
  uint32_t attempt;              /* how many attempts failed so far, from 1 on */
  uint64_t elapsed_ns;           /* since the first attempt */
  chr_status code;               /* how the last one failed */
  uint32_t reserved;
  uint64_t seed;                 /* for jitter */
} chr_retry;

#define CHR_RETRY_POLICY_ID "chronik.retry_policy/1"
typedef struct chr_retry_policy_v1 {
  uint32_t struct_size, rev;
  /* [any] OK: try again after *delay_ns; metadata takes what is above a minute for one. CANCELLED: give up, which metadata does
   * after five attempts at the latest: it logs that, and goes on by itself, more slowly. */
  chr_status(CHR_CALL* next_delay)(void* self, const chr_retry* retry, uint64_t* delay_ns);
} chr_retry_policy_v1;

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* CHRONIK_RETRY_POLICY_H_ */
