// chronik.host.net/1 and chronik.host.link/1 of one plugin instance: the network behind its node.
#include "sim/host/net_services.h"

#include "sim/host/node.h"
#include "sim/net/links.h"
#include "sim/net/net.h"

#include <fmt/format.h>
#include <chronik/host.hpp>

namespace chronik::sim {
namespace {

chr_status CHR_CALL link_open(chr_host* self, chr_str channel, const chr_channel_v1* receiver, void* context,
                              uint32_t* id, chr_error* error) {
  const chr_status status =
      self->node->links().open(*self->node, self, from_abi(channel), receiver, context, id);
  return status == CHR_OK ? status : report(error, status, "the channel cannot be opened");
}
chr_status CHR_CALL link_send(chr_host* self, uint32_t channel, int32_t to, uint32_t lane,
                              const chr_slice* slices, uint32_t n) {
  return self->node->links().send(*self->node, channel, to, lane, slices, n);
}
chr_status CHR_CALL link_set_peer(chr_host* self, int32_t peer, chr_str, const chr_uuid* incarnation) {
  return self->node->links().set_peer(*self->node, peer, *incarnation);
}
void CHR_CALL link_remove_peer(chr_host* self, int32_t peer) {
  self->node->links().remove_peer(*self->node, peer);
}
uint32_t CHR_CALL link_is_up(chr_host* self, int32_t peer) {
  return self->node->links().is_up(*self->node, peer) ? 1 : 0;
}

chr_status CHR_CALL net_listen(chr_host* self, chr_str address, const chr_protocol_v1* protocol,
                               void* instance, uint16_t* port, chr_error* error) {
  const chr_status status =
      self->node->net().listen(*self->node, from_abi(address), protocol, instance, port);
  return status == CHR_OK ? status
                          : report(error, status, fmt::format("cannot listen on {}", from_abi(address)));
}
void CHR_CALL net_write(chr_host*, chr_conn* conn, const chr_slice* slices, uint32_t n) {
  Net::of(conn).write(conn, slices, n);
}
uint64_t CHR_CALL net_queued(chr_host*, chr_conn* conn) { return Net::of(conn).queued(conn); }
void CHR_CALL net_pause(chr_host*, chr_conn* conn) { Net::of(conn).pause(conn, true); }
void CHR_CALL net_resume(chr_host*, chr_conn* conn) { Net::of(conn).pause(conn, false); }
void CHR_CALL net_close(chr_host*, chr_conn* conn, uint32_t flush) {
  Net::of(conn).close_conn(conn, flush != 0);
}

}  // namespace

const chr_link_v1 kLinkTable = {sizeof(chr_link_v1), 1,         link_open, link_send, link_set_peer,
                                link_remove_peer,    link_is_up};
const chr_net_v1 kNetTable = {sizeof(chr_net_v1), 1,         net_listen, net_write,
                              net_queued,         net_pause, net_resume, net_close};

}  // namespace chronik::sim
