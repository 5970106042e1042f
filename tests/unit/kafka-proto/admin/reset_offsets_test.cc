// POST /v1/groups/ID/offsets: where to offsets are reset, of whom, and what stays as it was.
#include <gtest/gtest.h>

#include "admin/admin_testing.h"

namespace chronik::kafka::testing {
namespace {

class ResetOffsetsTest : public ::testing::Test {
 protected:
  ResetOffsetsTest() {
    node.make_topic();
    node.produce(0, 10);
    node.produce(1, 4);
    node.commit("g", 0, 3);
    node.commit("g", 1, 2);
  }
  GroupsNode::Answer reset(const std::string& body, const std::string& group = "g") {
    return node.call("POST", "/v1/groups/" + group + "/offsets", {}, body);
  }
  // "partition:from>to" of each.
  static std::string rows(const GroupsNode::Answer& answer) {
    std::string out;
    if (answer.status != 200) return json::serialize(answer.body);
    for (const json::value& row : answer.body.at("offsets").as_array())
      out += (out.empty() ? "" : " ") + json::serialize(row.at("partition")) + ":" +
             json::serialize(row.at("from")) + ">" + json::serialize(row.at("to"));
    return out;
  }
  std::string committed(const std::string& group = "g") {
    const auto answer = node.get("/v1/groups/" + group);
    std::string out;
    for (const json::value& row : answer.body.at("offsets").as_array())
      out += (out.empty() ? "" : " ") + json::serialize(row.at("committed"));
    return out;
  }

  GroupsNode node;
};

TEST_F(ResetOffsetsTest, CommitsNothingUnlessItIsTold) {
  EXPECT_EQ(rows(reset(R"({"to":"earliest"})")), "0:3>0 1:2>0");
  EXPECT_EQ(committed(), "3 2");
  EXPECT_EQ(rows(reset(R"({"to":"earliest","execute":true})")), "0:3>0 1:2>0");
  EXPECT_EQ(committed(), "0 0");
}

TEST_F(ResetOffsetsTest, FindsEachKindOfTarget) {
  EXPECT_EQ(rows(reset(R"({"to":"latest"})")), "0:3>10 1:2>4");
  EXPECT_EQ(rows(reset(R"({"to":"offset","value":6})")), "0:3>6 1:2>4");  // within the log
  EXPECT_EQ(rows(reset(R"({"to":"shift","value":-2})")), "0:3>1 1:2>0");
  EXPECT_EQ(rows(reset(R"({"to":"shift","value":5})")), "0:3>8 1:2>4");
  EXPECT_EQ(rows(reset(R"({"to":"shift","value":9223372036854775807})")), "0:3>10 1:2>4");
  EXPECT_EQ(rows(reset(R"({"to":"timestamp","value":0})")), "0:3>0 1:2>0");
  EXPECT_EQ(rows(reset(R"({"to":"timestamp","value":9223372036854775807})")), "0:3>10 1:2>4");
}

TEST_F(ResetOffsetsTest, TakesTopicsAndPartitions) {
  EXPECT_EQ(rows(reset(R"({"to":"latest","topics":["orders"]})")), "0:3>10 1:2>4 2:null>0");
  EXPECT_EQ(rows(reset(R"({"to":"latest","topics":[{"topic":"orders","partitions":[1]}]})")), "1:2>4");
  EXPECT_EQ(reset(R"({"to":"latest","topics":["nothing"]})").status, 404);
  EXPECT_EQ(reset(R"({"to":"latest","topics":[{"topic":"orders","partitions":[3]}]})").status, 404);
}

// As Kafka's tool does: a group may begin with it.
TEST_F(ResetOffsetsTest, MakesAGroupWhereTopicsAreNamed) {
  EXPECT_EQ(reset(R"({"to":"latest","execute":true})", "new").status, 404);
  EXPECT_EQ(rows(reset(R"({"to":"latest","topics":["orders"],"execute":true})", "new")),
            "0:null>10 1:null>4 2:null>0");
  EXPECT_EQ(committed("new"), "10 4 0");
}

TEST_F(ResetOffsetsTest, CommitsAllOrNothing) {
  const auto answer = reset(R"({"to":"shift","value":1,"topics":["orders"],"execute":true})");
  EXPECT_EQ(answer.status, 409);
  EXPECT_EQ(answer.body.at("error").as_string(),
            "partition 2 of topic 'orders': nothing is committed there that could be shifted; nothing was "
            "committed");
  EXPECT_EQ(committed(), "3 2");
}

TEST_F(ResetOffsetsTest, RefusesWhatItDoesNotUnderstand) {
  for (const char* body :
       {"", "[]", "{}", R"({"to":"nowhere"})", R"({"to":3})", R"({"to":"offset"})",
        R"({"to":"offset","value":"3"})", R"({"to":"offset","value":-1})", R"({"to":"latest","value":3})",
        R"({"to":"latest","execute":1})", R"({"to":"latest","topics":[]})",
        R"({"to":"latest","topics":"orders"})", R"({"to":"latest","topics":[3]})",
        R"({"to":"latest","topics":[{"topic":"orders","partitions":[]}]})",
        R"({"to":"latest","topics":[{"topic":"orders","partitions":[-1]}]})",
        R"({"to":"latest","topics":[{"topic":"orders","partitions":[2147483648]}]})"})
    EXPECT_EQ(reset(body).status, 400) << body;
  EXPECT_EQ(node.call("GET", "/v1/groups/g/offsets").status, 405);
  EXPECT_EQ(committed(), "3 2");
}

}  // namespace
}  // namespace chronik::kafka::testing
