/* clang-format off */
/* chronik plugin ABI: links to the other nodes of the cluster (host service). A server always has it, even while it
 * has no peer yet. */
#ifndef CHRONIK_LINK_H_
#define CHRONIK_LINK_H_

#include <chronik/host.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { CHR_LANE_CONTROL = 0, CHR_LANE_BULK = 1 };

/* What a plugin gets from its channel. FROZEN. */
typedef struct chr_channel_v1 {
  uint32_t struct_size, rev;
  /* [shard] Shard 0. A frame, contiguous; retain its lease to keep it. Frames of one lane of one peer come in order;
   * any may be lost. The bytes are untrusted. */
  void(CHR_CALL* frame)(void* context, int32_t from, chr_slice bytes);
  /* [shard] Shard 0. The link to a peer is up (frames can be sent), or was lost: what was queued may be lost. */
  void(CHR_CALL* link)(void* context, int32_t peer, uint32_t up);
} chr_channel_v1;

#define CHR_LINK_ID "chronik.host.link/1"
typedef struct chr_link_v1 {
  uint32_t struct_size, rev;
  /* [ctl] Claims the channel with this name, such as "raft", on every link. Call it in start(). */
  chr_status(CHR_CALL* open)(chr_host* self, chr_str channel, const chr_channel_v1* receiver, void* context,
                             uint32_t* channel_id, chr_error* error);
  /* [any] Queues one frame, gathered from n slices whose leases are retained. Never blocks and never retries:
   * OVERLOADED when the bounded queue of the lane is full, UNAVAILABLE when the link is down, OUT_OF_RANGE above 160 MiB;
   * the frame is dropped. */
  chr_status(CHR_CALL* send)(chr_host* self, uint32_t channel_id, int32_t to, uint32_t lane, const chr_slice* slices,
                             uint32_t n);
  /* [any] Adds a peer, or changes what is known of it; the peers of chr_node_info are there from the start. address:
   * "host:port", or empty: this node waits for the peer to connect. incarnation: a peer that says another one is
   * refused, as it lost its disk; all zero: not known yet, the first one that connects is taken while it stays
   * connected. INVALID_ARGUMENT: this node itself, a negative ID, or no address. */
  chr_status(CHR_CALL* set_peer)(chr_host* self, int32_t peer, chr_str address, const chr_uuid* incarnation);
  /* [any] Ends the links with this peer; it is refused until set_peer names it again. */
  void(CHR_CALL* remove_peer)(chr_host* self, int32_t peer);
  /* [any] 1 while the link is up. */
  uint32_t(CHR_CALL* is_up)(chr_host* self, int32_t peer);
} chr_link_v1;

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* CHRONIK_LINK_H_ */
