/* clang-format off */
/* chronik plugin ABI: the core of what a host offers to every plugin. FROZEN. Everything else a host offers is found
 * through query(): see host_services.h, net.h and link.h. */
#ifndef CHRONIK_HOST_H_
#define CHRONIK_HOST_H_

#include <chronik/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct chr_host chr_host; /* the host's side of one plugin instance */

/* Log levels. */
enum { CHR_LOG_ERROR = 1, CHR_LOG_WARN = 2, CHR_LOG_INFO = 3, CHR_LOG_DEBUG = 4, CHR_LOG_TRACE = 5 };

/* One table per plugin instance; the first argument of every function is self. FROZEN. */
typedef struct chr_host_v1 {
  uint32_t struct_size;
  uint32_t abi_minor;            /* what was negotiated for this plugin */
  chr_host* self;

  /* [any] The host service with this ID, such as "chronik.host.exec/1", as a frozen table whose functions take
   * self first; NULL if this host has none. The table lives as long as the instance. */
  const void*(CHR_CALL* query)(chr_host* self, const char* service_id);

  /* [ctl] Another plugin's service, from start() on. *instance is the first argument of the table's functions. The
   * ID must be declared in the manifest (requires, or optional); NULL if it is absent. Handles end when this
   * plugin's stop has completed. */
  const void*(CHR_CALL* acquire)(chr_host* self, const char* service_id, void** instance);

  /* [any] Completes n operations. Each PENDING call is completed exactly once; a stale or second completion is
   * logged as misbehaviour of the plugin and ignored. Copies messages and retains leases before it returns. */
  void(CHR_CALL* complete)(chr_host* self, const chr_done* done, uint32_t n);

  /* [any] One event: a message in plain words, and fields as logfmt (`group=3 term=7`) or empty. */
  void(CHR_CALL* log)(chr_host* self, int32_t level, chr_str message, chr_str fields);

  /* [any] The most detailed level that is written now; skip the work of building what nobody reads. */
  int32_t(CHR_CALL* log_level)(chr_host* self);

  /* [any] A broken invariant, or a loss that only a stop contains: logs the message and stops the node, loudly and
   * at once. Does not return in a server; in the simulator it ends the node and may return: return to the host
   * without touching state. */
  void(CHR_CALL* fatal)(chr_host* self, chr_str message);
} chr_host_v1;

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* CHRONIK_HOST_H_ */
