// Links: the connections to the other nodes of the cluster,
// behind chronik.host.link/1. The promises stand in chronik/link.h.
//
//     Links links(runtime, {.node = 1, .listen = "10.0.0.1:9093", .peers = {{2, "10.0.0.2:9093"}}});
//     CHRONIK_CHECK(links.listen());  // before the plugins: a port in use is an error at once
//     ... start the plugins, which open channels ...
//     links.start();                  // now peers are dialled, and those that dial are let in
//     ... stop the plugins ...
//     links.stop();
#pragma once

#include "host/link/link_handshake.h"
#include "host/runtime/runtime.h"

#include <chronik/link.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <vector>

namespace chronik::host {

class AcceptLoop;
class LinkGreeter;
class LinkSocket;
class PeerLink;
struct LinkOut;

struct LinkOptions {
  struct Peer {
    int32_t id = 0;
    std::string address;  // "host:port"
  };
  int32_t node = 0;
  chr_uuid incarnation{};
  std::string cluster_id;   // empty: none yet
  std::string listen;       // "host:port"; empty: no peer can connect here
  std::vector<Peer> peers;  // from the start; others come with set_peer
  uint64_t control_queue_bytes = 16 << 20;
  uint64_t bulk_queue_bytes = 64 << 20;
  std::chrono::nanoseconds handshake = std::chrono::seconds(3);
  std::chrono::nanoseconds keepalive = std::chrono::seconds(2);  // without other frames
  std::chrono::nanoseconds silence = std::chrono::seconds(10);   // after which a link is lost
  std::chrono::nanoseconds redial_first = std::chrono::milliseconds(20);
  std::chrono::nanoseconds redial_most = std::chrono::seconds(1);
  // Shard 0: why there is no link to a peer, each time it was tried or lost; empty once
  // there is one, or none is wanted.
  std::function<void(int32_t peer, const std::string& trouble)> on_trouble;
};

// Thread-safe unless a function says otherwise. The runtime outlives it.
class Links {
 public:
  Links(Runtime& runtime, LinkOptions options);
  ~Links();
  Links(const Links&) = delete;
  Links& operator=(const Links&) = delete;

  // ---- the host, on the control thread ----
  Status listen();
  uint16_t port() const { return port_; }
  void start();
  // Ends all links. The runtime is running; idempotent.
  void stop();
  // No callback of this owner's channels comes after it.
  void close_channels(const void* owner);
  // This node now belongs to a cluster.
  void set_cluster_id(std::string id);

  // ---- chr_link_v1 ----
  Status open(const void* owner, std::string_view name, const chr_channel_v1* receiver, void* context,
              uint32_t* id);
  chr_status send(uint32_t channel, int32_t to, uint32_t lane, const chr_slice* slices, uint32_t n);
  chr_status set_peer(int32_t peer, std::string_view address, const chr_uuid& incarnation);
  void remove_peer(int32_t peer);
  bool is_up(int32_t peer) const;

 private:
  friend class PeerLink;
  struct Channel {
    std::string name;
    uint32_t hash = 0;
    const void* owner = nullptr;
    const chr_channel_v1* receiver = nullptr;  // null: closed
    void* context = nullptr;
  };
  struct Series;  // the metrics of one peer
  struct Peer {
    std::string address;
    chr_uuid incarnation{};
    std::shared_ptr<LinkOut> out;
    std::shared_ptr<Series> series;
  };

  // ---- shard 0 ----
  void sync(int32_t peer);
  void accepted(int fd);
  void greeted(const std::shared_ptr<LinkSocket>& socket, const Greeting& hello);
  void refuse(LinkSocket& socket, int32_t node, const Refused& refused);
  LinkView view() const { return {options_.node, options_.incarnation, cluster_id_}; }
  void deliver(int32_t from, uint32_t channel, chr_slice payload);
  void tell_channels(int32_t peer, bool up);
  void report_trouble(int32_t peer, const std::string& trouble);
  void decode_error(int32_t peer, const std::string& from, const std::string& what);
  // At most one such line per key in a while.
  void warn_seldom(const std::string& key, const std::string& message, const std::string& fields);
  void tick_soon();
  void arm_tick(uint64_t delay_ns);
  static void CHR_CALL tick(void* self);

  bool is_known(int32_t peer) const;
  Channel find_channel(uint32_t hash) const;
  void export_metrics();

  Runtime& runtime_;
  const LinkOptions options_;
  uint16_t port_ = 0;
  uint64_t decode_errors_ = 0;  // metric
  uint64_t collector_ = 0;

  std::mutex change_mutex_;          // one change of peers_ at a time
  mutable std::shared_mutex mutex_;  // guards channels_ and peers_
  std::vector<Channel> channels_;
  std::map<int32_t, Peer> peers_;

  // Shard 0 only.
  std::string cluster_id_;
  std::shared_ptr<AcceptLoop> acceptor_;
  std::set<std::shared_ptr<LinkGreeter>> greeters_;  // of those that connected
  std::map<int32_t, std::unique_ptr<PeerLink>> links_;
  std::set<int32_t> removed_;  // nodes that left the cluster
  std::map<std::string, uint64_t> warned_;
  uint64_t tick_timer_ = 0;
  uint64_t tick_due_ns_ = 0;
  bool started_ = false;
  bool stopped_ = false;
};

}  // namespace chronik::host
