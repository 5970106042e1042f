#include "sim/net/net.h"

#include <fmt/format.h>
#include <chronik/host.hpp>

#include <algorithm>

struct chr_conn {
  chronik::sim::Net* net = nullptr;
  uint64_t id = 0;
};

namespace chronik::sim {

// Both ends of a connection. It goes when neither end is left.
struct Net::Socket {
  chr_conn conn;
  ClientSink* client = nullptr;  // null: the client closed, or was told of the end
  Machine* node = nullptr;       // null: not accepted yet, or the node is gone
  const chr_protocol_v1* protocol = nullptr;
  void* session = nullptr;
  std::string address;
  std::string received;  // by the node, not yet consumed
  uint64_t need = 0;
  uint64_t queued = 0;  // written by the node, on its way
  uint64_t last_to_node = 0, last_to_client = 0;
  uint32_t shard = 0;
  bool paused = false;
  bool feeding = false;
  bool closing = false;  // by the node
  bool broken = false;   // bytes were lost: nothing more gets through
};

Net::Net(World& world) : world_(world), rng_(world.stream("net")) {}
Net::~Net() = default;

Net& Net::of(chr_conn* conn) { return *conn->net; }

Net::Socket* Net::find(uint64_t id) {
  const auto at = sockets_.find(id);
  return at == sockets_.end() ? nullptr : at->second.get();
}

void Net::drop(uint64_t id) {
  const Socket* const socket = find(id);
  if (socket != nullptr && socket->client == nullptr && socket->session == nullptr) sockets_.erase(id);
}

bool Net::is_cut(uint32_t node) const {
  const auto at = cut_.find(node);
  return at != cut_.end() && at->second;
}

// ---- clients
// -------------------------------------------------------------------------------------------------------

uint64_t Net::connect(std::string_view address, ClientSink* sink) {
  const uint64_t id = next_++;
  auto socket = std::make_unique<Socket>();
  socket->conn = {this, id};
  socket->client = sink;
  socket->address = address;
  sockets_.emplace(id, std::move(socket));
  world_.loop.call(world_.now() + transit(), [this, id] { accept(id); });
  return id;
}

void Net::accept(uint64_t id) {
  Socket* const socket = find(id);
  if (socket == nullptr || socket->client == nullptr) return;
  const auto at = listeners_.find(socket->address);
  if (at == listeners_.end() || is_cut(at->second.node->id()))
    return end_client(id, world_.now() + transit());
  socket->node = at->second.node;
  const auto run = [](const Event& event, bool alive) {
    if (alive) static_cast<Net*>(event.a)->accept_at_node(event.c);
  };
  world_.loop.add(world_.now(), socket->node->id(), run, this, nullptr, id);
}

void Net::accept_at_node(uint64_t id) {
  Socket* const socket = find(id);
  if (socket == nullptr || socket->node == nullptr) return;
  const auto at = listeners_.find(socket->address);
  if (at == listeners_.end()) return end_client(id, world_.now() + transit());  // it stopped in the meantime
  Listener& listener = at->second;
  world_.trace.note(world_.now(), socket->node->id(), Kind::kAccept, id);
  socket->protocol = listener.protocol;
  socket->shard = listener.next_shard++ % world_.options.shards;
  const std::string peer = fmt::format("10.9.0.1:{}", 1024 + id % 60000);
  const chr_conn_info info = {sizeof info, 0, to_abi(peer), to_abi(socket->address)};
  const Enter enter(world_, socket->node->at_shard(socket->shard));
  const chr_status status =
      socket->protocol->accept(listener.instance, &socket->conn, &info, &socket->session);
  if (status != CHR_OK) {
    socket->session = nullptr;
    return end_client(id, world_.now() + transit());
  }
  const uint64_t back = socket->last_to_client = world_.now() + transit();
  world_.loop.call(back, [this, id] {
    if (const Socket* const open = find(id); open != nullptr && open->client != nullptr)
      open->client->connected(id);
  });
}

bool Net::is_whole(uint64_t id) {
  const Socket* const socket = find(id);
  return socket != nullptr && socket->client != nullptr && socket->session != nullptr && !socket->broken &&
         !socket->closing && !is_cut(socket->node->id());
}

void Net::send(uint64_t id, std::string bytes) {
  Socket* const socket = find(id);
  if (socket == nullptr || socket->node == nullptr || socket->broken || bytes.empty()) return;
  if (is_cut(socket->node->id())) {
    socket->broken = true;
    return;
  }
  if (bytes.size() > 1 && rng_.chance(faults.split)) {
    const uint64_t cut = 1 + rng_.below(bytes.size() - 1);
    deliver_to_node(id, bytes.substr(0, cut));
    bytes.erase(0, cut);
  }
  deliver_to_node(id, std::move(bytes));
}

void Net::deliver_to_node(uint64_t id, std::string bytes) {
  Socket& socket = *find(id);
  const auto run = [](const Event& event, bool alive) {
    const std::unique_ptr<std::string> text(static_cast<std::string*>(event.b));
    auto& net = *static_cast<Net*>(event.a);
    Socket* const here = net.find(event.c);
    if (!alive || here == nullptr || here->session == nullptr) return;
    net.world_.trace.note(event.at, here->node->id(), Kind::kBytes, digest(*text));
    here->received += *text;
    net.feed(*here);
  };
  socket.last_to_node = std::max(socket.last_to_node, world_.now() + transit());
  world_.loop.add(socket.last_to_node, socket.node->id(), run, this, new std::string(std::move(bytes)), id);
}

void Net::close(uint64_t id) {
  Socket* const socket = find(id);
  if (socket == nullptr) return;
  socket->client = nullptr;
  if (socket->node == nullptr) return drop(id);
  const auto run = [](const Event& event, bool alive) {
    auto& net = *static_cast<Net*>(event.a);
    if (Socket* const here = net.find(event.c); alive && here != nullptr) net.end_session(*here, CHR_OK);
  };
  socket->last_to_node = std::max(socket->last_to_node, world_.now() + transit());
  world_.loop.add(socket->last_to_node, socket->node->id(), run, this, nullptr, id);
}

// The client learns that its connection is over.
void Net::end_client(uint64_t id, uint64_t at) {
  world_.loop.call(at, [this, id] {
    Socket* const socket = find(id);
    if (socket == nullptr || socket->client == nullptr) return;
    ClientSink* const client = std::exchange(socket->client, nullptr);
    drop(id);
    client->disconnected(id);
  });
}

// ---- nodes
// ---------------------------------------------------------------------------------------------------------

chr_status Net::listen(Machine& node, std::string_view address, const chr_protocol_v1* protocol,
                       void* instance, uint16_t* port) {
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return CHR_E_INVALID_ARGUMENT;
  const int number = std::atoi(std::string(address.substr(colon + 1)).c_str());
  *port = static_cast<uint16_t>(number == 0 ? 9092 : number);
  const std::string name = fmt::format("{}:{}", address.substr(0, colon), *port);
  if (listeners_.contains(name)) return CHR_E_EXISTS;
  listeners_.emplace(name, Listener{&node, protocol, instance, 0});
  return CHR_OK;
}

void Net::stop_listening(Machine& node) {
  std::erase_if(listeners_, [&node](const auto& entry) { return entry.second.node == &node; });
}

void Net::node_down(Machine& node) {
  stop_listening(node);
  std::vector<uint64_t> ended;
  for (const auto& [id, socket] : sockets_) {
    if (socket->node == &node) ended.push_back(id);
  }
  for (const uint64_t id : ended) {
    Socket& socket = *find(id);
    socket.node = nullptr;
    socket.session = nullptr;
    if (socket.client != nullptr) end_client(id, std::max(socket.last_to_client, world_.now() + transit()));
    drop(id);
  }
}

void Net::reset_connections(uint32_t node) {
  std::vector<uint64_t> hit;
  for (const auto& [id, socket] : sockets_) {
    if (socket->node != nullptr && socket->node->id() == node) hit.push_back(id);
  }
  for (const uint64_t id : hit) {
    Socket& socket = *find(id);
    socket.broken = true;
    end_client(id, world_.now() + transit());
    const auto run = [](const Event& event, bool alive) {
      auto& net = *static_cast<Net*>(event.a);
      if (Socket* const here = net.find(event.c); alive && here != nullptr) net.end_session(*here, CHR_E_IO);
    };
    world_.loop.add(world_.now() + transit(), node, run, this, nullptr, id);
  }
}

// Hands received bytes to the session until it wants more of them than there are.
void Net::feed(Socket& socket) {
  if (socket.feeding) return;
  socket.feeding = true;
  const Enter enter(world_, socket.node->at_shard(socket.shard));
  while (socket.session != nullptr && !socket.paused && !socket.closing && !socket.received.empty() &&
         socket.received.size() >= socket.need) {
    chr_slice bytes = socket.node->alloc(socket.received.size());
    std::copy(socket.received.begin(), socket.received.end(), const_cast<uint8_t*>(bytes.p));
    uint64_t need = 0;
    const uint64_t consumed = socket.protocol->data(socket.session, bytes, &need);
    bytes.lease->ops->release(bytes.lease);
    if (consumed > socket.received.size()) {
      world_.fail("plugin-misbehaviour", "a session consumed more bytes than it was given");
      break;
    }
    socket.received.erase(0, consumed);
    socket.need = need;
    if (consumed == 0) {
      socket.need = std::max<uint64_t>(need, socket.received.size() + 1);
      break;
    }
  }
  socket.feeding = false;
}

void Net::end_session(Socket& socket, chr_status reason) {
  const uint64_t id = socket.conn.id;
  if (void* const session = std::exchange(socket.session, nullptr); session != nullptr) {
    world_.trace.note(world_.now(), socket.node->id(), Kind::kClosed, static_cast<uint64_t>(-reason));
    const Enter enter(world_, socket.node->at_shard(socket.shard));
    socket.protocol->closed(session, reason);
  }
  drop(id);
}

void Net::write(chr_conn* conn, const chr_slice* slices, uint32_t n) {
  Socket* const socket = find(conn->id);
  if (socket == nullptr || socket->session == nullptr || socket->closing) return;
  std::string bytes;
  for (uint32_t i = 0; i < n; ++i) bytes.append(reinterpret_cast<const char*>(slices[i].p), slices[i].n);
  if (bytes.empty()) return;
  socket->queued += bytes.size();
  if (is_cut(socket->node->id())) socket->broken = true;
  if (socket->broken) return;
  const uint64_t at = socket->last_to_client = std::max(socket->last_to_client, world_.now() + transit());
  const auto run = [](const Event& event, bool) {
    const std::unique_ptr<std::string> text(static_cast<std::string*>(event.b));
    auto& net = *static_cast<Net*>(event.a);
    Socket* here = net.find(event.c);
    if (here == nullptr) return;
    here->queued -= std::min<uint64_t>(here->queued, text->size());
    if (here->queued == 0 && here->session != nullptr && !here->closing) {
      const auto drained = [](const Event& later, bool alive) {
        auto& owner = *static_cast<Net*>(later.a);
        Socket* const open = owner.find(later.c);
        if (!alive || open == nullptr || open->session == nullptr) return;
        owner.world_.trace.note(later.at, open->node->id(), Kind::kDrained, 0);
        const Enter enter(owner.world_, open->node->at_shard(open->shard));
        open->protocol->drained(open->session);
      };
      net.world_.loop.add(event.at, here->node->id(), drained, &net, nullptr, event.c);
    }
    if (here->client == nullptr) return;
    net.world_.trace.note(event.at, kHarness, Kind::kClient, digest(*text));
    here->client->received(event.c, *text);
  };
  world_.loop.add(at, kHarness, run, this, new std::string(std::move(bytes)), conn->id);
}

uint64_t Net::queued(const chr_conn* conn) const {
  const auto at = sockets_.find(conn->id);
  return at == sockets_.end() ? 0 : at->second->queued;
}

void Net::pause(chr_conn* conn, bool paused) {
  Socket* const socket = find(conn->id);
  if (socket == nullptr || socket->node == nullptr) return;
  socket->paused = paused;
  if (paused || socket->received.empty()) return;
  socket->need = 0;  // it looks anew at what stands there
  const auto run = [](const Event& event, bool alive) {
    auto& net = *static_cast<Net*>(event.a);
    if (Socket* const here = net.find(event.c); alive && here != nullptr && here->session != nullptr)
      net.feed(*here);
  };
  world_.loop.add(world_.now(), socket->node->id(), run, this, nullptr, conn->id);
}

void Net::close_conn(chr_conn* conn, bool flush) {
  Socket* const socket = find(conn->id);
  if (socket == nullptr || socket->node == nullptr || std::exchange(socket->closing, true)) return;
  if (!flush) socket->broken = true;
  if (socket->client != nullptr) end_client(conn->id, std::max(socket->last_to_client, world_.now()) + 1);
  const auto run = [](const Event& event, bool alive) {
    auto& net = *static_cast<Net*>(event.a);
    if (Socket* const here = net.find(event.c); alive && here != nullptr) net.end_session(*here, CHR_OK);
  };
  world_.loop.add(flush ? socket->last_to_client : world_.now(), socket->node->id(), run, this, nullptr,
                  conn->id);
}

}  // namespace chronik::sim
