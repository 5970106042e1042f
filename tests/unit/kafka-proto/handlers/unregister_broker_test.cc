// UnregisterBroker over the wire; what becomes of a node that leaves is metadata's.
#include "kafka-proto/messages/unregister_broker.h"

#include "server/broker_testing.h"

namespace chronik::kafka::testing {
namespace {

class UnregisterBrokerTest : public ::testing::Test {
 protected:
  UnregisterBrokerTest() { broker.metadata.set_broker({2, "host", 9092, ""}); }
  ErrorCode unregister(int32_t id) {
    UnregisterBrokerRequest request;
    request.broker_id = id;
    response = client.call<UnregisterBroker>(0, request);
    EXPECT_EQ(response.error_message.value_or("").empty(), response.error_code == ErrorCode::kNone);
    return response.error_code;
  }

  TestBroker broker;
  TestClient client = broker.client();
  UnregisterBrokerResponse response;
};

TEST_F(UnregisterBrokerTest, OfThoseThatAreThere) {
  EXPECT_EQ(unregister(2), ErrorCode::kNone);
  EXPECT_EQ(unregister(2), ErrorCode::kBrokerIdNotRegistered);
  for (const int32_t id : {7, -1, INT32_MIN, INT32_MAX})
    EXPECT_EQ(unregister(id), ErrorCode::kBrokerIdNotRegistered) << id;
}

TEST_F(UnregisterBrokerTest, OneThatCannotGoIsTold) {
  for (const chr_status code : {CHR_E_CONFLICT, CHR_E_INVALID_ARGUMENT}) {
    broker.nodes.refuse(code, "t/0 has 3 replicas");
    EXPECT_EQ(unregister(2), ErrorCode::kInvalidRequest);
    EXPECT_EQ(response.error_message, "t/0 has 3 replicas");
  }
}

TEST_F(UnregisterBrokerTest, NobodyAnswers) {
  broker.metadata.answer_changes(CHR_E_UNAVAILABLE);
  EXPECT_EQ(unregister(2), ErrorCode::kRequestTimedOut);
}

}  // namespace
}  // namespace chronik::kafka::testing
