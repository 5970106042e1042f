/* clang-format off */
/* chronik draft ABI, may change with any minor: chronik.host.admin/1, HTTP requests of operators and of
 * `chronik-server` commands, on the port of /metrics. A host may have none, such as the simulator. */
#ifndef CHRONIK_DRAFT_ADMIN_H_
#define CHRONIK_DRAFT_ADMIN_H_

#include <chronik/host.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CHR_ADMIN_ID "chronik.host.admin/1"
typedef struct chr_admin_request { /* GROWS; valid during the call */
  uint32_t struct_size, reserved;
  chr_str method;                /* "GET", "POST", "PUT" or "DELETE" */
  chr_str path;                  /* as sent, from the first '/' on: "/v1/nodes/4" */
  chr_str query;                 /* what follows '?', or empty */
  chr_slice body;                /* at most 64 KiB; untrusted */
} chr_admin_request;
/* [shard] The one that called route(). Answer once with respond(), now or later. */
typedef void(CHR_CALL* chr_admin_fn)(void* context, uint64_t request_id, const chr_admin_request* request);
typedef struct chr_admin_v1 {
  uint32_t struct_size, rev;
  /* [shard] fn gets the requests to this path, and to all below it that no longer prefix takes, until stop()
   * of the instance is called. Begins with "/v1/"; EXISTS: another has it. */
  chr_status(CHR_CALL* route)(chr_host* self, chr_str path_prefix, chr_admin_fn fn, void* context,
                              chr_error* error);
  /* [any] Answers; copies what it is given. Ignored when the request is gone: its client left, or waited too
   * long. */
  void(CHR_CALL* respond)(chr_host* self, uint64_t request_id, int32_t http_status, chr_str content_type,
                          chr_str body);
} chr_admin_v1;

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* CHRONIK_DRAFT_ADMIN_H_ */
