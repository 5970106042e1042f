// chronik.host.net/1: simulated client connections. Clients live outside of every node, in the harness.
#pragma once

#include "sim/base/machine.h"

#include <chronik/net.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace chronik::sim {

// A client's end of a connection. Its callbacks run in the harness.
class ClientSink {
 public:
  virtual ~ClientSink() = default;
  virtual void connected(uint64_t socket) = 0;
  virtual void received(uint64_t socket, std::string_view bytes) = 0;
  virtual void disconnected(uint64_t socket) = 0;  // refused, reset, closed: last call for the socket
};

struct NetFaults {
  uint64_t delay_ns = 100'000;  // mean of the part beyond the floor
  uint64_t floor_ns = 30'000;
  double split = 0;  // chance that a piece of bytes arrives in two
};

class Net {
 public:
  explicit Net(World& world);
  ~Net();

  // ---- clients ----
  // "host:port" as nodes listen on. 0 is never a socket.
  uint64_t connect(std::string_view address, ClientSink* sink);
  void send(uint64_t socket, std::string bytes);
  // Whether it is open, nothing was lost on it, and something would get through.
  bool is_whole(uint64_t socket);
  void close(uint64_t socket);

  // ---- nodes ----
  chr_status listen(Machine& node, std::string_view address, const chr_protocol_v1* protocol, void* instance,
                    uint16_t* port);
  void stop_listening(Machine& node);
  void node_down(Machine& node);
  static Net& of(chr_conn* conn);
  void write(chr_conn* conn, const chr_slice* slices, uint32_t n);
  uint64_t queued(const chr_conn* conn) const;
  void pause(chr_conn* conn, bool paused);
  void close_conn(chr_conn* conn, bool flush);

  // ---- faults ----
  NetFaults faults;
  // Clients and this node do not reach one another.
  void cut(uint32_t node, bool cut) {
    cut ? cut_.insert_or_assign(node, true) : cut_.insert_or_assign(node, false);
  }
  void reset_connections(uint32_t node);

 private:
  struct Listener {
    Machine* node;
    const chr_protocol_v1* protocol;
    void* instance;
    uint32_t next_shard;
  };
  struct Socket;

  uint64_t transit() { return faults.floor_ns + rng_.around(faults.delay_ns); }
  bool is_cut(uint32_t node) const;
  Socket* find(uint64_t id);
  void accept(uint64_t id);
  void accept_at_node(uint64_t id);
  void deliver_to_node(uint64_t id, std::string bytes);
  void feed(Socket& socket);
  void end_session(Socket& socket, chr_status reason);
  void end_client(uint64_t id, uint64_t at);
  void drop(uint64_t id);

  World& world_;
  Rng rng_;
  std::map<std::string, Listener, std::less<>> listeners_;
  std::map<uint64_t, std::unique_ptr<Socket>> sockets_;
  std::map<uint32_t, bool> cut_;
  uint64_t next_ = 1;
};

}  // namespace chronik::sim
