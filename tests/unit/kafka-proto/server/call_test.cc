// Calls that wait: what they hold of memory, and what they learn of their connection's end.
#include <chronik/net.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kafka-proto/messages/api_versions.h"
#include "kafka-proto/messages/fetch.h"
#include "kafka-proto/messages/produce.h"
#include "kafka-proto/server/connection.h"
#include "kafka-proto/server/server.h"
#include "server/broker_testing.h"

namespace chronik::kafka::testing {
namespace {

// Received bytes that know how many hold them.
struct Frame {
  explicit Frame(std::string b) : bytes(std::move(b)) {}
  chr_slice slice() { return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), &base.buf}; }
  bool is_held() const { return base.references != 0; }

  struct Base {
    chr_buf buf{&kOps};
    int references = 0;
  };
  static void CHR_CALL retain(chr_buf* buf) { ++reinterpret_cast<Base*>(buf)->references; }
  static void CHR_CALL release(chr_buf* buf) { --reinterpret_cast<Base*>(buf)->references; }
  static constexpr chr_buf_ops kOps = {retain, release, nullptr};

  Base base;
  std::string bytes;
};

// A network of one connection, which the test feeds.
struct Wire {
  static Wire& now() {
    static Wire wire;
    return wire;
  }
  static chr_status CHR_CALL listen(chr_host*, chr_str, const chr_protocol_v1* protocol, void* instance,
                                    uint16_t* port, chr_error*) {
    now() = {protocol, instance};
    *port = 9092;
    return CHR_OK;
  }
  static void CHR_CALL write(chr_host*, chr_conn*, const chr_slice*, uint32_t) { ++now().writes; }
  static uint64_t CHR_CALL queued(chr_host*, chr_conn*) { return 0; }
  static void CHR_CALL ignore(chr_host*, chr_conn*) {}
  static void CHR_CALL close(chr_host*, chr_conn*, uint32_t) { now().is_closed = true; }
  static constexpr chr_net_v1 kTable = {sizeof(chr_net_v1), 1, listen, write, queued, ignore, ignore, close};

  void connect(chr_conn* conn) {
    chr_conn_info info{};
    info.struct_size = sizeof info;
    info.peer = to_abi("192.0.2.7:50123");
    ASSERT_EQ(protocol->accept(instance, conn, &info, &session), CHR_OK);
  }
  void receive(Frame& frame) const {
    uint64_t need = 0;
    EXPECT_EQ(protocol->data(session, frame.slice(), &need), frame.bytes.size());
  }

  const chr_protocol_v1* protocol = nullptr;
  void* instance = nullptr;
  void* session = nullptr;
  int writes = 0;
  bool is_closed = false;
};

class WaitingCallTest : public ::testing::Test {
 protected:
  WaitingCallTest() {
    broker.host.add_service(CHR_NET_ID, &Wire::kTable);
    broker.start();
    broker.add_topic("t");
    on_shard([] { Wire::now().connect(any_conn()); });
  }
  ~WaitingCallTest() override {
    on_shard([] { Wire::now().protocol->closed(Wire::now().session, CHR_OK); });
  }
  static chr_conn* any_conn() {
    static int any;
    return reinterpret_cast<chr_conn*>(&any);
  }
  template <class F>
  void on_shard(F f) {
    Host(broker.host.core()).post(0, f);
    broker.host.run();
  }
  template <class Request>
  void send(Frame& frame, int16_t version, const Request& request) {
    frame.bytes = to_text(encode_request(version, 1, "tester", request));
    on_shard([&] { Wire::now().receive(frame); });
  }

  TestBroker broker{{.start = false}};
};

TEST_F(WaitingCallTest, ALongPollKeepsNothingOfItsRequest) {
  Frame frame("");
  FetchRequest request = fetch_request("t", 0, 0);
  request.max_wait_ms = 10'000;
  request.min_bytes = 1;
  send(frame, 11, request);
  EXPECT_EQ(Wire::now().writes, 0);
  EXPECT_FALSE(frame.is_held());
  frame.bytes.assign(frame.bytes.size(), '\xff');  // somebody else's by now
  broker.host.advance(seconds(11));
  EXPECT_EQ(Wire::now().writes, 1);
}

TEST_F(WaitingCallTest, AProduceKeepsItsBatchesUntilTheyAreCommitted) {
  Frame frame("");
  broker.consensus.hold_commits(true);
  const std::string records = broker.batch();
  send(frame, 9, produce_request("t", 0, records));
  EXPECT_TRUE(frame.is_held());
  broker.consensus.commit(broker.group("t"));
  broker.host.run();
  EXPECT_EQ(Wire::now().writes, 1);
}

// A server of one API, whose calls wait for the test.
class CloseHookTest : public ::testing::Test {
 protected:
  static std::vector<Call<ApiVersions>>& calls() {
    static std::vector<Call<ApiVersions>> all;
    return all;
  }
  static void keep(Broker&, Call<ApiVersions> call) { calls().push_back(std::move(call)); }
  static constexpr ApiEntry kApis[] = {api_entry<ApiVersions, keep, 0, 4, 0, Company::kAll>()};

  CloseHookTest() {
    Wire::now() = {};
    services.net = &Wire::kTable;
    config.max_request_bytes = 1 << 20;
    run([this] {
      connection =
          std::make_shared<Connection>(server, *server.connections[0], any_conn(), "192.0.2.7:50123");
    });
  }
  ~CloseHookTest() override { calls().clear(); }
  static chr_conn* any_conn() {
    static int any;
    return reinterpret_cast<chr_conn*>(&any);
  }
  template <class F>
  void run(F f) {
    services.host.post(0, f);
    host.run();
  }
  void ask() {
    Frame frame(to_text(encode_request(0, 1, "tester", ApiVersionsRequest{})));
    run([&] {
      uint64_t need = 0;
      connection->data(frame.slice(), &need);
    });
    for (Call<ApiVersions>& call : calls()) call.drop_request();  // the frame goes
  }
  uint64_t hook(size_t call, const std::string& name) {
    return calls().at(call).add_close_hook([this, name] { told.push_back(name); });
  }
  using Names = std::vector<std::string>;

  FakeHost host;
  Services services{Host(host.core())};
  BrokerConfig config{services.host};
  int no_broker = 0;
  Server server{services, config, kApis, reinterpret_cast<Broker&>(no_broker)};
  std::shared_ptr<Connection> connection;
  Names told;
};

TEST_F(CloseHookTest, AllThatWaitLearnOfTheEnd) {
  for (int i = 0; i < 3; ++i) ask();
  ASSERT_EQ(calls().size(), 3u);
  hook(0, "first");
  const uint64_t second = hook(1, "second");
  hook(2, "third");
  hook(0, "first again");
  EXPECT_NE(second, 0u);
  calls()[1].remove_close_hook(second);
  run([this] { connection->closed(); });
  EXPECT_EQ(told, (Names{"first", "third", "first again"}));
  EXPECT_EQ(hook(2, "late"), 0u);
  EXPECT_EQ(told.size(), 3u);
}

TEST_F(CloseHookTest, OneMayTakeBackAnother) {
  ask();
  uint64_t second = 0;
  calls().at(0).add_close_hook([&] {
    told.push_back("first");
    calls().at(0).remove_close_hook(second);
  });
  second = hook(0, "second");
  run([this] { connection->closed(); });
  EXPECT_EQ(told, Names{"first"});
}

TEST_F(CloseHookTest, ADroppedRequestIsEmpty) {
  ApiVersionsRequest request;
  request.client_software_name = "name";
  Frame frame(to_text(encode_request(3, 1, "tester", request)));
  run([&] {
    uint64_t need = 0;
    connection->data(frame.slice(), &need);
  });
  Call<ApiVersions>& call = calls().at(0);
  EXPECT_TRUE(frame.is_held());
  EXPECT_EQ(call.request().client_software_name, "name");
  EXPECT_EQ(call.client_id(), "tester");
  call.drop_request();
  EXPECT_FALSE(frame.is_held());
  EXPECT_EQ(call.request().client_software_name, "");
  EXPECT_EQ(call.client_id(), "");
  run([&] { call.answer({}); });
  EXPECT_EQ(Wire::now().writes, 1);
  calls().clear();
  run([this] { connection->closed(); });
}

}  // namespace
}  // namespace chronik::kafka::testing
