/* clang-format off */
/* chronik plugin ABI: client connections (host service) and protocols (plugin service). */
#ifndef CHRONIK_NET_H_
#define CHRONIK_NET_H_

#include <chronik/host.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct chr_conn chr_conn; /* one connection; lives on one shard */

typedef struct chr_conn_info { /* GROWS; texts are borrowed for accept() */
  uint32_t struct_size;
  uint32_t reserved;
  chr_str peer;                  /* "127.0.0.1:53124" */
  chr_str local;
} chr_conn_info;

/* Service of a protocol plugin. All calls for one connection come on its shard, in order. FROZEN. */
#define CHR_PROTOCOL_ID "chronik.protocol/1"
typedef struct chr_protocol_v1 {
  uint32_t struct_size, rev;
  /* [shard] A new connection; an error refuses it. *session is the first argument of the calls below. conn is
   * usable until closed() returns. */
  chr_status(CHR_CALL* accept)(void* self, chr_conn* conn, const chr_conn_info* info, void** session);
  /* [shard] Received bytes, contiguous, from the first one not yet consumed. Returns how many are consumed now.
   * *need (0 on entry): do not call again before this many bytes stand from the new start, contiguously; 0: any.
   * Memory grows with what was received, not with need. Bytes may be kept, and written to by the session, under the
   * retained lease. */
  uint64_t(CHR_CALL* data)(void* session, chr_slice bytes, uint64_t* need);
  /* [shard] What write() had queued fell below the low mark, or is gone. */
  void(CHR_CALL* drained)(void* session);
  /* [shard] The connection ended, whoever ended it. Last call for the session. */
  void(CHR_CALL* closed)(void* session, chr_status reason);
} chr_protocol_v1;

#define CHR_NET_ID "chronik.host.net/1"
typedef struct chr_net_v1 {
  uint32_t struct_size, rev;
  /* [ctl] Listens on "host:port" (port 0: any free one) and hands each connection to the protocol. *port becomes the
   * bound port. Listeners close when the plugin's stop begins; open connections are closed by the plugin, or by the
   * host after stop. */
  chr_status(CHR_CALL* listen)(chr_host* self, chr_str address, const chr_protocol_v1* protocol, void* instance,
                               uint16_t* port, chr_error* error);
  /* [shard] Queues slices, in order, retaining their leases until they are with the kernel. Never blocks. A lease that
   * the reader does not drain within its maximum age is copied by the host, or the connection is closed. */
  void(CHR_CALL* write)(chr_host* self, chr_conn* conn, const chr_slice* slices, uint32_t n);
  /* [shard] Bytes queued and not yet with the kernel. */
  uint64_t(CHR_CALL* queued)(chr_host* self, chr_conn* conn);
  /* [shard] Stops or resumes reading: backpressure. After pause data() is not called; resume delivers what is left. */
  void(CHR_CALL* pause)(chr_host* self, chr_conn* conn);
  /* [shard] */
  void(CHR_CALL* resume)(chr_host* self, chr_conn* conn);
  /* [shard] Ends the connection after what is queued was written (flush 1) or at once (0). closed() follows, later. */
  void(CHR_CALL* close)(chr_host* self, chr_conn* conn, uint32_t flush);
} chr_net_v1;

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* CHRONIK_NET_H_ */
