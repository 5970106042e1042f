// FakeNet: chronik.host.net/1 for unit tests of a protocol plugin. Clients are objects in the test; bytes
// arrive when the test sends them.
//
//     FakeHost host;
//     FakeNet net(&host);                       // now found by query(CHR_NET_ID)
//     ...                                       // the plugin listens
//     auto client = net.connect();              // on shard 0; connect(2) for another shard
//     client->send(bytes);                      // the plugin's data() runs at once
//     host.run();
//     client->received                          // what the plugin wrote
//
// Holds to the contract where a plugin may trip: data() gets a copy of its own at exact size, is not called
// while paused nor below `need`, resume() and closed() come later by a post. A client that does not read
// (reads = false) leaves bytes queued until read_all().
#pragma once

#include <chronik/net.h>

#include <chronik/testing/fake_host.hpp>
#include <memory>
#include <string>

namespace chronik::testing {

class FakeNet {
 public:
  class Client : public std::enable_shared_from_this<Client> {
   public:
    std::string received;  // all that the plugin wrote, in order
    bool reads = true;
    uint64_t writes = 0;  // calls of write()

    void send(std::string_view bytes) {
      if (!open_) return;
      input_.append(bytes);
      deliver();
    }
    // The client ends the connection.
    void hang_up() {
      if (open_) end(CHR_OK);
    }
    void read_all() {
      const uint64_t before = std::exchange(queued_, 0);
      if (before != 0 && open_ && !closing_)
        net_->host_->on_shard(shard_, [&] { net_->protocol_->drained(session_); });
    }
    bool open() const { return open_ && !closing_; }
    bool paused() const { return paused_; }
    uint64_t queued() const { return queued_; }
    uint64_t unconsumed() const { return input_.size(); }
    uint32_t shard() const { return shard_; }

   private:
    friend class FakeNet;
    Client(FakeNet* net, uint32_t shard) : net_(net), shard_(shard) {}
    static Client* of(chr_conn* conn) { return reinterpret_cast<Client*>(conn); }
    chr_conn* conn() { return reinterpret_cast<chr_conn*>(this); }

    void deliver() {
      const std::shared_ptr<Client> self = shared_from_this();
      while (open_ && !closing_ && !paused_ && input_.size() >= least_ && !input_.empty()) {
        const chr_slice bytes = FakeBuffer::copy(input_);
        const Lease lease = Lease::adopt(bytes.lease);
        uint64_t need = 0;
        uint64_t consumed = 0;
        net_->host_->on_shard(shard_, [&] { consumed = net_->protocol_->data(session_, bytes, &need); });
        if (consumed > bytes.n) throw std::logic_error("data() consumed more than it was given");
        input_.erase(0, consumed);
        const bool stuck = consumed == 0 && need <= bytes.n && !paused_;
        least_ = stuck ? bytes.n + 1 : std::max<uint64_t>(need, 1);
      }
    }
    void end(chr_status reason) {
      if (!open_) return;
      open_ = false;
      net_->host_->on_shard(shard_, [&] { net_->protocol_->closed(session_, reason); });
    }

    FakeNet* const net_;
    const uint32_t shard_;
    void* session_ = nullptr;
    std::string input_;
    uint64_t least_ = 1;
    uint64_t queued_ = 0;
    bool open_ = true;
    bool closing_ = false;
    bool paused_ = false;
  };

  explicit FakeNet(FakeHost* host) : host_(host), services_(host->core()) {
    nets()[host->core()->self] = this;
    host->add_service(CHR_NET_ID, &kTable);
  }
  ~FakeNet() { nets().erase(host_->core()->self); }
  FakeNet(const FakeNet&) = delete;
  FakeNet& operator=(const FakeNet&) = delete;

  // Null where the plugin refuses the connection.
  std::shared_ptr<Client> connect(uint32_t shard = 0, std::string_view peer = "192.0.2.7:50123") {
    const std::shared_ptr<Client> client(new Client(this, shard));
    chr_conn_info info{};
    info.struct_size = sizeof info;
    info.peer = to_abi(peer);
    info.local = to_abi("192.0.2.1:9092");
    chr_status status = CHR_OK;
    host_->on_shard(shard,
                    [&] { status = protocol_->accept(instance_, client->conn(), &info, &client->session_); });
    if (status != CHR_OK) return nullptr;
    clients_.push_back(client);
    return client;
  }
  const std::vector<std::string>& listening() const { return addresses_; }

 private:
  static std::map<chr_host*, FakeNet*>& nets() {
    static std::map<chr_host*, FakeNet*> all;
    return all;
  }

  static chr_status CHR_CALL listen(chr_host* self, chr_str address, const chr_protocol_v1* protocol,
                                    void* instance, uint16_t* port, chr_error*) {
    FakeNet* net = nets().at(self);
    net->addresses_.emplace_back(from_abi(address));
    net->protocol_ = protocol;
    net->instance_ = instance;
    *port = static_cast<uint16_t>(9091 + net->addresses_.size());
    return CHR_OK;
  }
  static void CHR_CALL write(chr_host*, chr_conn* conn, const chr_slice* slices, uint32_t n) {
    Client* client = Client::of(conn);
    if (!client->open()) return;
    ++client->writes;
    for (uint32_t i = 0; i < n; ++i) {
      client->received.append(reinterpret_cast<const char*>(slices[i].p), slices[i].n);
      if (!client->reads) client->queued_ += slices[i].n;
    }
  }
  static uint64_t CHR_CALL queued(chr_host*, chr_conn* conn) { return Client::of(conn)->queued_; }
  static void CHR_CALL pause(chr_host*, chr_conn* conn) { Client::of(conn)->paused_ = true; }
  static void CHR_CALL resume(chr_host* self, chr_conn* conn) {
    Client* client = Client::of(conn);
    if (!std::exchange(client->paused_, false)) return;
    nets().at(self)->services_.post(client->shard_,
                                    [alive = client->shared_from_this()] { alive->deliver(); });
  }
  static void CHR_CALL close(chr_host* self, chr_conn* conn, uint32_t) {
    Client* client = Client::of(conn);
    if (std::exchange(client->closing_, true)) return;
    nets().at(self)->services_.post(client->shard_,
                                    [alive = client->shared_from_this()] { alive->end(CHR_OK); });
  }
  static constexpr chr_net_v1 kTable = {sizeof(chr_net_v1), 1, listen, write, queued, pause, resume, close};

  FakeHost* const host_;
  const Host services_;
  const chr_protocol_v1* protocol_ = nullptr;
  void* instance_ = nullptr;
  std::vector<std::string> addresses_;
  std::vector<std::shared_ptr<Client>> clients_;
};

}  // namespace chronik::testing
