// Producer ids out of blocks, and metadata that has none to give.
#include "kafka-proto/cluster/producer_ids.h"

#include <gtest/gtest.h>

#include <chronik/testing/fake_host.hpp>

namespace chronik::kafka::testing {
namespace {

// chronik.metadata/1 of one function: blocks of `size` ids, one behind the other.
struct Blocks {
  Host host;
  uint64_t size = 2;
  uint64_t next = 0;
  int asked = 0;

  static constexpr chr_metadata_v1 table() {
    chr_metadata_v1 out{};
    out.struct_size = sizeof out;
    out.rev = 1;
    out.allocate_producer_ids = [](void* self, uint64_t, uint64_t token, chr_error*) -> chr_status {
      auto& blocks = *static_cast<Blocks*>(self);
      ++blocks.asked;
      chr_done done{};
      done.token = token;
      done.u[0] = blocks.next;
      done.u[1] = blocks.size;
      blocks.next += blocks.size;
      blocks.host.complete(&done, 1);
      return CHR_PENDING;
    };
    return out;
  }
};

class ProducerIdsTest : public ::testing::Test {
 protected:
  ProducerIdsTest() { services_.metadata = chronik::Metadata(blocks_.host, &kTable, &blocks_); }
  void ask(int times) {
    for (int i = 0; i < times; ++i)
      ids_.next([this](ErrorCode error, int64_t id) { given_.emplace_back(error, id); });
    host_.run();
  }

  static constexpr chr_metadata_v1 kTable = Blocks::table();
  chronik::testing::FakeHost host_;
  Blocks blocks_{Host(host_.core())};
  Services services_{Host(host_.core())};
  ProducerIds ids_{services_};
  std::vector<std::pair<ErrorCode, int64_t>> given_;
};

TEST_F(ProducerIdsTest, ABlockIsUsedUpBeforeTheNext) {
  ask(5);
  ASSERT_EQ(given_.size(), 5u);
  for (int64_t i = 0; i < 5; ++i) EXPECT_EQ(given_[static_cast<size_t>(i)], (std::pair(ErrorCode::kNone, i)));
  EXPECT_EQ(blocks_.asked, 3);
}

TEST_F(ProducerIdsTest, ABlockOfNoneIsNoBlock) {
  blocks_.size = 0;
  ask(2);
  ASSERT_EQ(given_.size(), 2u);
  EXPECT_EQ(given_[0], (std::pair(ErrorCode::kCoordinatorLoadInProgress, int64_t{-1})));
  EXPECT_EQ(given_[1], given_[0]);
  EXPECT_EQ(blocks_.asked, 1) << "it is not asked again and again";
  blocks_.size = 1;
  ask(1);
  EXPECT_EQ(given_.back().first, ErrorCode::kNone);
}

}  // namespace
}  // namespace chronik::kafka::testing
