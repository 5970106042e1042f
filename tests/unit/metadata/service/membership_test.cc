// Nodes that come and go, as metadata deals with them on one node: links, voters of __meta, evacuation, and
// what operators ask over HTTP. The consensus of the other nodes is what the test says.
#include <chronik/draft/nodes.h>
#include <gtest/gtest.h>

#include "metadata/wire/codec.h"
#include "tests/unit/metadata/node.h"

namespace chronik::metadata::test {
namespace {

using Ids = std::vector<int32_t>;

class MembershipTest : public ::testing::Test {
 protected:
  MembershipTest() : node_(1, {1, 2, 3}) {
    node_.start_as_leader();
    for (const int32_t peer : {2, 3}) {
      node_.host.set_link("metadata", peer, true);
      registers(peer);
    }
    node_.host.advance(1s);
  }
  // A node says who it is.
  void registers(int32_t id, uint8_t incarnation = 0) {
    Uuid own;
    own.bytes[0] = incarnation != 0 ? incarnation : static_cast<uint8_t>(id);
    const Node record{id, "h" + std::to_string(id), 9092, "", own, "raft" + std::to_string(id) + ":7", false};
    node_.host.deliver("metadata", id, encode(Frame{SyncFrame{++batch_, {{}, {record}}}}));
    node_.host.advance(10ms);
  }
  FakeHost::Response ask(std::string_view method, std::string_view path, std::string_view body = {}) {
    const uint64_t id = node_.host.request(method, path, body);
    for (int i = 0; i < 100 && node_.host.response(id) == nullptr; ++i) node_.host.advance(1ms);
    const FakeHost::Response* response = node_.host.response(id);
    EXPECT_NE(response, nullptr);
    return response == nullptr ? FakeHost::Response{} : *response;
  }
  Ids voters() { return node_.consensus.group("__meta").voters; }
  void finish_all_moves() {
    for (int32_t p = 0; p < 6; ++p) {
      const Ids target = node_.target("t", p);
      if (!target.empty()) node_.finish("t", p, target);
    }
    node_.host.advance(10ms);
  }

  TestNode node_;
  uint64_t batch_ = 0;
};

TEST_F(MembershipTest, LinksKnowTheIncarnationsAndTheConfiguredAddresses) {
  const auto& peers = node_.host.link_peers();
  ASSERT_EQ(peers.size(), 2u);
  EXPECT_EQ(peers.at(2).address, "127.0.0.1:0");  // as configured, whatever the node says
  EXPECT_EQ(peers.at(2).incarnation.b[0], 2);
  registers(2, 99);  // lost its disk
  EXPECT_EQ(peers.at(2).incarnation.b[0], 2);
  EXPECT_EQ(node_.host.metric("chronik_meta_fenced_updates_total"), 1);
}

TEST_F(MembershipTest, ANodeIsAddedAndVotesOnceItIsLinked) {
  EXPECT_EQ(ask("POST", "/v1/nodes", R"({"id": 4, "raft": "four.example:9093"})").status, 202);
  EXPECT_EQ(node_.host.link_peers().at(4).address, "four.example:9093");
  EXPECT_EQ(node_.host.link_peers().at(4).incarnation.b[0], 0);
  EXPECT_EQ(voters(), (Ids{1, 2, 3}));
  EXPECT_NE(ask("GET", "/v1/nodes/4").body.find(R"("state":"expected","up":false)"), std::string::npos);
  node_.host.set_link("metadata", 4, true);
  node_.host.advance(10ms);
  EXPECT_EQ(voters(), (Ids{1, 2, 3, 4}));
  registers(4);
  EXPECT_EQ(node_.host.link_peers().at(4).incarnation.b[0], 4);
  EXPECT_NE(ask("GET", "/v1/nodes/4").body.find(R"("state":"member","up":true)"), std::string::npos);
  EXPECT_EQ(ask("POST", "/v1/nodes", R"({"id": 4, "raft": "four.example:9093"})").status, 409);
}

TEST_F(MembershipTest, ANodeLeavesWithItsReplicasFirst) {
  EXPECT_EQ(ask("POST", "/v1/nodes", R"({"id": 4, "raft": "four.example:9093"})").status, 202);
  node_.host.set_link("metadata", 4, true);
  registers(4);
  const auto made = node_.create("t", 6, 3);
  node_.host.advance(10ms);
  ASSERT_EQ(made->code(), CHR_OK);
  EXPECT_EQ(ask("DELETE", "/v1/nodes/3").status, 202);
  EXPECT_NE(ask("GET", "/v1/nodes/3").body.find(R"("state":"moving away")"), std::string::npos);
  EXPECT_EQ(voters(), (Ids{1, 2, 3, 4}));
  finish_all_moves();
  for (int32_t p = 0; p < 6; ++p)
    for (const int32_t replica : node_.replicas("t", p)) EXPECT_NE(replica, 3);
  node_.host.advance(3s);
  EXPECT_EQ(voters(), (Ids{1, 2, 4}));
  EXPECT_FALSE(node_.host.link_peers().contains(3));
  EXPECT_NE(ask("GET", "/v1/nodes/3").body.find(R"("state":"removed")"), std::string::npos);
  EXPECT_EQ(ask("GET", "/v1/nodes").body.find(R"("id":3)"), std::string::npos);
  // Its file still lists the others; it may come back by command only.
  registers(3);
  EXPECT_EQ(ask("GET", "/v1/nodes").body.find(R"("id":3)"), std::string::npos);
  EXPECT_EQ(ask("POST", "/v1/nodes", R"({"id": 3, "raft": "three.example:9093"})").status, 202);
  EXPECT_TRUE(node_.host.link_peers().contains(3));
}

TEST_F(MembershipTest, WhatCannotBeIsRefused) {
  const auto made = node_.create("t", 6, 3);
  node_.host.advance(10ms);
  const FakeHost::Response full = ask("DELETE", "/v1/nodes/3");
  EXPECT_EQ(full.status, 409);
  EXPECT_EQ(
      full.body,
      R"({"error":"t/0 has 3 replicas; without node 3 there are 2 nodes: add another node first, or move it to fewer"})");
  EXPECT_EQ(ask("DELETE", "/v1/nodes/9").status, 404);
  EXPECT_EQ(ask("DELETE", "/v1/nodes/x").status, 400);
  EXPECT_EQ(ask("DELETE", "/v1/nodes").status, 405);
  EXPECT_EQ(ask("PUT", "/v1/nodes/3").status, 405);
  EXPECT_EQ(ask("GET", "/v1/nodes/9").status, 404);
  for (const std::string_view bad :
       {"", "[]", "{", R"({"raft": "h:1"})", R"({"id": "4", "raft": "h:1"})", R"({"id": -4, "raft": "h:1"})",
        R"({"id": 4, "raft": 7})", R"({"id": 4, "raft": "nothing"})", R"({"id": 4, "raft": ":1"})",
        R"({"id": 99999999999, "raft": "h:1"})", R"({"id": 4})"})
    EXPECT_EQ(ask("POST", "/v1/nodes", bad).status, 400) << bad;
}

TEST_F(MembershipTest, NodesLeaveOverTheAbiToo) {
  void* self = nullptr;
  const auto* nodes = static_cast<const chr_nodes_v1*>(node_.service(CHR_NODES_ID, &self));
  ASSERT_NE(nodes, nullptr);
  const auto leave = [&](int32_t id) {
    const auto changed = node_.begin(1, [&](chr_change_result* results, uint64_t token) {
      return nodes->leave(self, id, kSecond, results, token, nullptr);
    });
    node_.host.advance(10ms);
    EXPECT_TRUE(changed->done);
    EXPECT_EQ(changed->completion.code, CHR_OK);
    return changed->code();
  };
  EXPECT_EQ(leave(9), CHR_E_NOT_FOUND);
  EXPECT_EQ(leave(-1), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(leave(3), CHR_OK);
  node_.host.advance(3s);
  EXPECT_NE(ask("GET", "/v1/nodes/3").body.find(R"("state":"removed")"), std::string::npos);
  EXPECT_EQ(leave(3), CHR_E_NOT_FOUND);
  const auto made = node_.create("t", 6, 2);
  node_.host.advance(10ms);
  EXPECT_EQ(leave(2), CHR_E_CONFLICT);
}

TEST_F(MembershipTest, TheClusterInShort) {
  const auto made = node_.create("t", 6, 3);
  node_.host.advance(10ms);
  const FakeHost::Response response = ask("GET", "/v1/cluster");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_NE(response.body.find(R"("cluster_id":")" + node_.cluster_id() + R"(","node":1,"controller":1)"),
            std::string::npos)
      << response.body;
  EXPECT_NE(response.body.find(R"("nodes":3,"topics":1,"partitions":6,"reassignments":0)"), std::string::npos)
      << response.body;
  EXPECT_EQ(ask("POST", "/v1/cluster").status, 405);
}

TEST_F(MembershipTest, WithoutALeaderAChangeIsNotMade) {
  node_.consensus.follow("__meta", -1, 9);
  const uint64_t id = node_.host.request("POST", "/v1/nodes", R"({"id": 4, "raft": "h:1"})");
  node_.host.advance(11s);
  ASSERT_NE(node_.host.response(id), nullptr);
  EXPECT_EQ(node_.host.response(id)->status, 503);
  EXPECT_EQ(node_.host.response(id)->body, R"({"error":"no leader of __meta was elected in time"})");
}

}  // namespace
}  // namespace chronik::metadata::test
