// /v1/groups: what one node answers of its own groups, and whom it asks about those of others.
#include <gtest/gtest.h>

#include "admin/admin_testing.h"
#include "kafka-proto/admin/request.h"

namespace chronik::kafka::testing {
namespace {

class GroupAdminTest : public ::testing::Test {
 protected:
  GroupAdminTest() { node.make_topic(); }
  GroupsNode node;
};

TEST_F(GroupAdminTest, ListsGroupsByTheirIds) {
  for (const char* id : {"c", "a", "b", "d"}) node.commit(id, 0, 1);
  const auto all = node.get("/v1/groups");
  EXPECT_EQ(all.status, 200);
  EXPECT_EQ(ids_of(all.body), "a b c d");
  EXPECT_TRUE(all.body.at("next").is_null());
  EXPECT_TRUE(all.body.at("unanswered").as_array().empty());
  EXPECT_EQ(all.body.at("loading").as_int64(), 0);
  EXPECT_EQ(json::serialize(all.body.at("groups").as_array().at(0)),
            R"({"id":"a","kind":"simple","state":"Empty","protocol_type":"","members":0,"coordinator":1})");
}

TEST_F(GroupAdminTest, PagesOfAnySizeHaveEachGroupOnce) {
  std::string expected;
  for (int i = 10; i < 30; ++i) {
    node.commit("g" + std::to_string(i), 0, 1);
    expected += (expected.empty() ? "g" : " g") + std::to_string(i);
  }
  for (const int limit : {1, 3, 7, 19, 20, 21}) {
    std::string got, from;
    for (int page = 0; page < 30; ++page) {
      const auto answer = node.get("/v1/groups", "limit=" + std::to_string(limit) + "&from=" + from);
      EXPECT_LE(answer.body.at("groups").as_array().size(), static_cast<size_t>(limit));
      got += (got.empty() ? "" : " ") + ids_of(answer.body);
      if (answer.body.at("next").is_null()) break;
      from = answer.body.at("next").as_string();
    }
    EXPECT_EQ(got, expected) << limit;
  }
}

TEST_F(GroupAdminTest, RefusesWhatItDoesNotUnderstand) {
  for (const char* limit : {"0", "-1", "1001", "x", "99999999999999999999"})
    EXPECT_EQ(node.get("/v1/groups", std::string("limit=") + limit).status, 400) << limit;
  EXPECT_EQ(node.call("POST", "/v1/groups").status, 405);
  EXPECT_EQ(node.call("PUT", "/v1/groups/g").status, 405);
  EXPECT_EQ(node.get("/v1/groups/%zz").status, 400);
  EXPECT_EQ(node.get("/v1/groups/%4").status, 400);
  EXPECT_EQ(node.get("/v1/groups/g/nothing").status, 404);
}

TEST_F(GroupAdminTest, DescribesHowFarAGroupIs) {
  node.produce(0, 10);
  node.produce(1, 4);
  node.commit("g", 0, 3);
  node.commit("g", 1, 4);
  const auto answer = node.get("/v1/groups/g");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body.at("lag").as_int64(), 7);
  EXPECT_EQ(answer.body.at("coordinator").as_int64(), 1);
  EXPECT_TRUE(answer.body.at("members").as_array().empty());
  EXPECT_EQ(
      json::serialize(answer.body.at("offsets")),
      R"([{"topic":"orders","partition":0,"committed":3,"log_end":10,"lag":7,"member":null,"metadata":""},)"
      R"({"topic":"orders","partition":1,"committed":4,"log_end":4,"lag":0,"member":null,"metadata":""}])");
}

// Its topic is gone: what is committed is said, and no lag is made up.
TEST_F(GroupAdminTest, DoesNotMakeUpTheLagOfWhatIsNotThere) {
  node.commit("g", 0, 3);
  node.broker.consensus.follow(node.broker.group("orders"), 2, 9);  // which is down
  node.broker.host.run();
  const auto answer = node.get("/v1/groups/g");
  const json::array& offsets = answer.body.at("offsets").as_array();
  ASSERT_EQ(offsets.size(), 1u);
  EXPECT_EQ(offsets.at(0).at("committed").as_int64(), 3);
  EXPECT_TRUE(offsets.at(0).at("log_end").is_null());
  EXPECT_TRUE(offsets.at(0).at("lag").is_null());
}

TEST_F(GroupAdminTest, DeletesAGroupWithoutMembers) {
  node.commit("g", 0, 3);
  EXPECT_EQ(node.call("DELETE", "/v1/groups/g").status, 200);
  EXPECT_EQ(node.get("/v1/groups/g").status, 404);
  const auto again = node.call("DELETE", "/v1/groups/g");
  EXPECT_EQ(again.status, 404);
  EXPECT_EQ(again.body.at("error").as_string(), "group 'g': there is no such group (error 69)");
}

TEST_F(GroupAdminTest, TakesIdsOfAnyBytes) {
  const std::string id = "a/b c%\xc3\xa4?";
  node.commit(id, 0, 3);
  const auto answer = node.get("/v1/groups/a%2Fb%20c%25%C3%A4%3F");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body.at("id").as_string(), id);
  EXPECT_EQ(ids_of(node.get("/v1/groups").body), id);
}

TEST(GroupAdmin, SaysThatNoGroupIsThereBeforeTheirTopicIs) {
  GroupsNode node;
  EXPECT_EQ(ids_of(node.get("/v1/groups").body), "");
  EXPECT_EQ(node.get("/v1/groups/g").status, 404);
}

// ---- two nodes ----

// Node 2 leads the group "far" and the partition 1 of "orders", node 1 all else.
class TwoNodesTest : public ::testing::Test {
 protected:
  TwoNodesTest() {
    for (GroupsNode* node : {&one, &two}) {
      for (const int32_t id : {1, 2}) node->broker.metadata.set_broker({id, "host", 9092, ""});
      node->make_topic();
      const bool is_two = node == &two;
      node->broker.set_link(is_two ? 1 : 2, true);
      for (int32_t i = 0; i < kHomes; ++i)
        if ((i == home("far")) != is_two) give_away(*node, kOffsets, i);
      for (int32_t i = 0; i < 3; ++i)
        if ((i == 1) != is_two) give_away(*node, "orders", i);
      node->broker.host.run();
    }
  }
  static int32_t home(std::string_view group) { return partition_of_key(group, kHomes); }
  void give_away(GroupsNode& node, const std::string& topic, int32_t partition) {
    const int32_t other = &node == &two ? 1 : 2;
    node.broker.consensus.follow(node.broker.group(topic, partition), other, 9);
    node.broker.metadata.set_leader(topic, partition, other, 9);
  }
  // Frames of the brokers reach one another until there are none.
  void exchange() {
    for (bool moved = true; moved;) {
      moved = false;
      for (GroupsNode* from : {&one, &two}) {
        GroupsNode& to = from == &one ? two : one;
        from->broker.host.run();
        for (const FakeHost::Frame& frame : std::exchange(from->broker.host.frames(), {})) {
          moved = true;
          to.broker.host.deliver("kafka", from == &one ? 1 : 2, frame.bytes);
          to.broker.host.run();
        }
      }
    }
  }
  GroupsNode::Answer call(std::string_view method, std::string_view path, std::string_view query = {}) {
    const uint64_t id = one.ask(method, path, query);
    exchange();
    const auto found = one.answer(id);
    EXPECT_TRUE(found.has_value());
    return found.value_or(GroupsNode::Answer{0, {}});
  }

  GroupsNode one{1}, two{2};
};

TEST_F(TwoNodesTest, AnyNodeAnswersForAllGroups) {
  ASSERT_NE(home("near"), home("far"));
  one.commit("near", 0, 1);
  two.commit("far", 1, 2);
  two.produce(1, 5);
  EXPECT_EQ(ids_of(call("GET", "/v1/groups").body), "far near");
  EXPECT_EQ(call("GET", "/v1/groups", "limit=1").body.at("next").as_string(), "near");
  const auto far = call("GET", "/v1/groups/far");
  EXPECT_EQ(far.status, 200);
  EXPECT_EQ(far.body.at("coordinator").as_int64(), 2);
  EXPECT_EQ(far.body.at("lag").as_int64(), 3);
  EXPECT_EQ(call("DELETE", "/v1/groups/far").status, 200);
  EXPECT_EQ(call("GET", "/v1/groups/far").status, 404);
}

// The end of a log is asked of the node that leads it.
TEST_F(TwoNodesTest, KnowsTheLagOfPartitionsThatAreLedElsewhere) {
  two.produce(1, 5);
  one.produce(0, 7);
  one.commit("near", 1, 2);
  one.commit("near", 0, 1);
  const auto near = call("GET", "/v1/groups/near");
  EXPECT_EQ(near.body.at("lag").as_int64(), 3 + 6);
}

TEST_F(TwoNodesTest, ANodeThatIsDownIsNamed) {
  one.commit("near", 0, 1);
  one.broker.set_link(2, false);
  const auto list = one.get("/v1/groups");
  EXPECT_EQ(list.status, 200);
  EXPECT_EQ(ids_of(list.body), "near");
  EXPECT_EQ(json::serialize(list.body.at("unanswered")),
            R"([{"node":2,"error":"node 2 is not linked with this one"}])");
  const auto far = one.get("/v1/groups/far");
  EXPECT_EQ(far.status, 503);
  EXPECT_EQ(far.body.at("error").as_string(), "node 2 is not linked with this one");
}

TEST_F(TwoNodesTest, ANodeThatHangsIsNotWaitedForLonger) {
  one.commit("near", 0, 1);
  const uint64_t id = one.ask("GET", "/v1/groups");
  one.broker.host.advance(milliseconds(4'990));
  EXPECT_FALSE(one.answer(id).has_value());
  one.broker.host.advance(milliseconds(20));
  const auto answer = one.answer(id);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(ids_of(answer->body), "near");
  EXPECT_EQ(answer->body.at("unanswered").as_array().size(), 1u);
}

TEST(AdminText, IsReadAsInAUrl) {
  EXPECT_EQ(unescape("a%2Fb"), "a/b");
  EXPECT_EQ(unescape("%"), std::nullopt);
  EXPECT_EQ(unescape("%1"), std::nullopt);
  EXPECT_EQ(unescape("%-1"), std::nullopt);
  EXPECT_EQ(parameter("limit=3&from=a%26b", "from"), "a&b");
  EXPECT_EQ(parameter("xfrom=1&from", "from"), "");
  EXPECT_EQ(to_utf8("\xc3\xa4\xff\xed\xa0\x80z"),
            "\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz");
}

}  // namespace
}  // namespace chronik::kafka::testing
