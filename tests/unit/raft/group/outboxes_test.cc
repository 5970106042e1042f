// Messages on their way to other nodes: by peer and lane, in as few frames as fit.
#include "raft/group/outboxes.h"

#include <gtest/gtest.h>

#include <chronik/testing/fake_host.hpp>

namespace chronik::raft {
namespace {

chr_status CHR_CALL no_room(chr_host*, uint32_t, int32_t, uint32_t, const chr_slice*, uint32_t) {
  return CHR_E_OVERLOADED;
}

class OutboxesTest : public ::testing::Test {
 protected:
  OutboxesTest() {
    services_.host = Host(host_.core());
    link_.struct_size = sizeof link_;
    link_.send = no_room;
    services_.link = &link_;
  }
  void add(MessageType type, NodeId to) {
    Message message;
    message.type = type;
    message.to = to;
    outboxes_.add(7, std::move(message));
  }

  testing::FakeHost host_;
  Services services_;
  chr_link_v1 link_{};
  Outboxes outboxes_;
};

TEST_F(OutboxesTest, SayForWhichAppendsThereWasNoRoom) {
  add(MessageType::kAppend, 2);
  add(MessageType::kVote, 2);
  add(MessageType::kSnapshot, 2);
  add(MessageType::kAppend, 3);
  std::vector<NodeId> without;
  const auto note = [&](const Envelope& each) { without.push_back(each.message.to); };
  outboxes_.send(services_, note);
  EXPECT_EQ(without, (std::vector<NodeId>{2, 3}));
  without.clear();
  outboxes_.send(services_, note);  // what found no room is gone
  EXPECT_TRUE(without.empty());
}

}  // namespace
}  // namespace chronik::raft
