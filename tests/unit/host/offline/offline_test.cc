// The parts of host/offline, each by itself.
#include "host/loader/child.h"
#include "host/offline/group_digest.h"
#include "host/offline/messages.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <thread>

namespace chronik::host {
namespace {

TEST(Messages, KeepTheirOrderAndTheirBytes) {
  SocketPair sockets = SocketPair::make().value();
  const std::string large(3'000'000, 'L');  // past every buffer
  std::thread writer([&] {
    MessageWriter out(sockets.first.fd());
    EXPECT_TRUE(out.write(MessageType::kGroup, uint64_t{7}, "orders/3"));
    EXPECT_TRUE(out.write(MessageType::kKey, "vote", ""));
    EXPECT_TRUE(out.write(MessageType::kEntry, uint64_t{8}, large));
    for (int i = 0; i < 100'000; ++i) EXPECT_TRUE(out.write(MessageType::kEntry, uint64_t{9}, "small"));
    EXPECT_TRUE(out.write(MessageType::kEnd, {}, {}));
    EXPECT_TRUE(out.flush());
  });
  MessageReader in(sockets.second.fd());
  ASSERT_TRUE(in.next());
  EXPECT_EQ(in.type(), MessageType::kGroup);
  EXPECT_EQ(in.head_as<uint64_t>().value(), 7u);
  EXPECT_EQ(in.body().value(), "orders/3");
  ASSERT_TRUE(in.next());
  EXPECT_EQ(in.head(), "vote");
  EXPECT_EQ(in.body().value(), "");
  EXPECT_EQ(in.head_as<uint64_t>().error().code, Code::kFailed);
  ASSERT_TRUE(in.next());
  EXPECT_TRUE(in.body().value() == large);
  int small = 0;
  while (in.next() && in.type() == MessageType::kEntry) {
    ASSERT_EQ(in.body().value(), "small");
    ++small;
  }
  EXPECT_EQ(in.type(), MessageType::kEnd);
  EXPECT_EQ(small, 100'000);
  writer.join();
}

TEST(Messages, SayThatTheOtherSideIsGone) {
  SocketPair sockets = SocketPair::make().value();
  sockets.first.close();
  MessageReader in(sockets.second.fd());
  EXPECT_EQ(in.next().error().code, Code::kCancelled);
  MessageWriter out(sockets.second.fd());
  EXPECT_TRUE(out.write(MessageType::kEnd, {}, {})) << "it waits in the buffer";
  EXPECT_EQ(out.flush().error().code, Code::kCancelled);
}

TEST(Child, TellsHowItEnded) {
  EXPECT_TRUE(Child::start("plugin-x", "it was tried", [] { return Status(); })->wait());
  const Status said = Child::start("plugin-x", "it was tried", [] {
                        return Status(fail(Code::kNoSpace, std::string(100'000, 'm')));
                      })->wait();
  EXPECT_EQ(said.error().code, Code::kNoSpace);
  EXPECT_EQ(said.error().message.size(), 100'000u);
  const auto crash = []() -> Status {
    std::signal(SIGSEGV, SIG_DFL);
    std::raise(SIGSEGV);
    return {};
  };
  EXPECT_EQ(Child::start("plugin-x", "it was tried", crash)->wait().error().message,
            "plugin-x: crashed while it was tried (signal 11, Segmentation fault)");
  const auto end = []() -> Status { ::_exit(0); };
  EXPECT_EQ(Child::start("plugin-x", "it was tried", end)->wait().error().message,
            "plugin-x: ended the process while it was tried");
  const auto hang = []() -> Status {
    for (;;) ::pause();
  };
  EXPECT_EQ(Child::start("plugin-x", "it was tried", hang)->wait(std::chrono::milliseconds(10)).error().code,
            Code::kTimeout);
  const Child left = Child::start("plugin-x", "it was tried", hang).value();  // killed as it goes
}

TEST(GroupDigest, SaysWhatDiffers) {
  const GroupDigest digest{1, 9, 9, 900, 2, 0x1234, 0};
  EXPECT_EQ(describe_difference(digest, digest), "");
  GroupDigest other = digest;
  other.entries = 8;
  other.checksum = 0xABCD;
  EXPECT_EQ(describe_difference(digest, other), "entries 9 and 8, checksum 00001234 and 0000abcd");
  EXPECT_NE(extend_checksum(0, "a", digest), extend_checksum(0, "b", digest));
  EXPECT_NE(extend_checksum(0, "a", digest), extend_checksum(0, "a", other));
}

}  // namespace
}  // namespace chronik::host
