// PeerLink: the link to one other node: a connection per lane, made again whenever it
// breaks. Internal to link/.
//
// Both nodes may dial. The one with the lower id does so at once and again and again, the other first waits a
// little; a link that is made later replaces an earlier one. It is up while both lanes stand, which belong
// together by the session that the dialling node made up. Nothing is read before it is up.
#pragma once

#include "host/link/link_handshake.h"
#include "host/link/link_outbox.h"
#include "host/link/link_socket.h"

#include <memory>
#include <string>

namespace chronik::host {

class LinkDial;
class LinkGreeter;
class Links;

// Shard 0 only.
class PeerLink final : public LinkSocket::Owner {
 public:
  PeerLink(Links& links, int32_t id, std::shared_ptr<LinkOut> out);
  ~PeerLink() override;
  PeerLink(const PeerLink&) = delete;
  PeerLink& operator=(const PeerLink&) = delete;

  // Its address, and the incarnation that it must have (zero: any). Dials where there is no link.
  void configure(const std::string& address, const chr_uuid& incarnation);
  // Ends the link, and tells the channels.
  void end(const std::string& reason);

  PeerView view() const;
  // A HELLO of this peer passed judge(): takes the connection, or says why not now.
  std::optional<Refused> adopt_socket(const std::shared_ptr<LinkSocket>& socket, const Greeting& hello);

  const std::shared_ptr<LinkOut>& out() const { return out_; }
  bool is_up() const { return up_; }
  void flush(uint32_t lane);
  // Keeps the connections alive, ends them when they are silent, and old leases. True: look again soon.
  bool tick(uint64_t now_ns);

 private:
  uint64_t received(LinkSocket& socket, chr_slice bytes, uint64_t* need) override;
  void writable(LinkSocket& socket) override;
  void lost(LinkSocket& socket, const std::string& reason) override;

  void dial(uint32_t lane);
  void dial_later();
  void greet(uint32_t lane, int fd);
  void welcomed(uint32_t lane, const std::shared_ptr<LinkSocket>& socket, const Greeting& welcome);
  void greeting_failed(bool garbage, bool refused, const Refused& why, const std::string& from);
  void dial_failed(const std::string& why);
  void stop_dialling();
  void attach(uint32_t lane, const std::shared_ptr<LinkSocket>& socket, const Greeting& greeting);
  void come_up();
  void go_down(const std::string& reason);
  bool look_at(uint32_t lane, uint64_t now_ns);
  uint32_t lane_of(const LinkSocket& socket) const { return lanes_[0].get() == &socket ? 0 : 1; }
  bool is_lower() const;

  Links& links_;
  const int32_t id_;
  const std::shared_ptr<LinkOut> out_;
  std::string address_;
  chr_uuid incarnation_{};

  std::shared_ptr<LinkSocket> lanes_[kLanes];
  uint64_t session_ = 0;
  bool dialled_ = false;      // the session is this node's own
  chr_uuid connected_{};      // incarnation of the peer of this session
  uint64_t attached_ns_ = 0;  // when the first lane stood
  uint64_t up_ns_ = 0;
  bool up_ = false;
  bool ended_ = false;

  std::shared_ptr<LinkDial> dial_;
  std::shared_ptr<LinkGreeter> greeter_;
  uint64_t retry_timer_ = 0;
  uint32_t attempts_ = 0;     // since a link last held for a while
  bool was_refused_ = false;  // at the last attempt
  uint64_t dropped_ = 0;      // frames, as last told
};

}  // namespace chronik::host
