// Snapshots that the state machine saves in pieces, on the parts of a group: what comes between the pieces.
#include "unit/raft/group/parts.h"

#include <chronik/crc32c.hpp>

namespace chronik::raft::test {
namespace {

const uint32_t kChecksum = crc32c::extend(0, reinterpret_cast<const uint8_t*>("state"), 5);

class Streamed : public Parts {
 protected:
  explicit Streamed(const std::vector<int32_t>& voters = {1}) : Parts(voters, true) {}
  void take_snapshot() {
    host_.on_shard(0, [&] { parts_->snapshots.take_snapshot(); });
  }
  // Before the piece of this number, from 1 on.
  void at_piece(int number, std::function<void()> then) {
    machine_.on_save_piece = [this, number, then = std::move(then)] {
      if (++pieces_ == number) then();
    };
  }
  int pieces_ = 0;
};

class AtOnce : public Parts {};

TEST_F(Streamed, EachPieceHasAStepOfItsOwn) {
  lead();
  EXPECT_EQ(propose(1), CHR_OK);
  at_piece(0, [] {});
  take_snapshot();
  EXPECT_EQ(pieces_, 0);
  EXPECT_EQ(machine_.open_saves, 1);
  EXPECT_TRUE(parts_->snapshots.is_writing());
  host_.run();
  EXPECT_EQ(pieces_, 5);
  EXPECT_EQ(machine_.open_saves, 0);
  EXPECT_EQ(parts_->snapshots.newest().index, parts_->applier.applied());
  EXPECT_EQ(parts_->snapshots.newest().pieces, 1u);
}

TEST_F(AtOnce, TheBytesAreTheSame) {
  lead();
  EXPECT_EQ(propose(1), CHR_OK);
  host_.on_shard(0, [&] { parts_->snapshots.take_snapshot(); });
  host_.run();
  EXPECT_EQ(parts_->snapshots.newest().bytes, 5u);
  EXPECT_EQ(parts_->snapshots.newest().checksum, kChecksum);
}

TEST_F(Streamed, TheBytesAreTheSame) {
  lead();
  EXPECT_EQ(propose(1), CHR_OK);
  take_snapshot();
  host_.run();
  EXPECT_EQ(parts_->snapshots.newest().bytes, 5u);
  EXPECT_EQ(parts_->snapshots.newest().checksum, kChecksum);
}

TEST_F(Streamed, IsOfTheIndexAtWhichItBegan) {
  lead();
  EXPECT_EQ(propose(1), CHR_OK);
  const Index before = parts_->applier.applied();
  at_piece(2, [&] { EXPECT_EQ(propose(1), CHR_OK); });
  take_snapshot();
  host_.run();
  EXPECT_GT(parts_->applier.applied(), before) << "nothing is held back";
  EXPECT_EQ(parts_->snapshots.newest().index, before);
}

TEST_F(Streamed, OneThatFailsIsTriedAgain) {
  lead();
  EXPECT_EQ(propose(1), CHR_OK);
  at_piece(3, [&] { machine_.fail_saves = true; });
  take_snapshot();
  host_.run();
  EXPECT_EQ(pieces_, 3);
  EXPECT_EQ(machine_.open_saves, 0);
  EXPECT_TRUE(parts_->snapshots.has_failed());
  EXPECT_FALSE(parts_->snapshots.is_writing());
  EXPECT_EQ(parts_->snapshots.newest().index, 0u);
  machine_.fail_saves = false;
  take_snapshot();
  host_.run();
  EXPECT_FALSE(parts_->snapshots.has_failed());
  EXPECT_EQ(parts_->snapshots.newest().index, parts_->applier.applied());
}

TEST_F(Streamed, OneOfALeaderPutsAnEndToIt) {
  lead();
  EXPECT_EQ(propose(1), CHR_OK);
  at_piece(2, [&] { parts_->installer.begin({std::make_shared<const SnapshotInfo>(), {}}); });
  take_snapshot();
  host_.run();
  EXPECT_EQ(pieces_, 2);
  EXPECT_EQ(machine_.open_saves, 0);
  EXPECT_FALSE(parts_->snapshots.is_writing());
  EXPECT_FALSE(parts_->snapshots.has_failed());
  EXPECT_EQ(parts_->snapshots.newest().index, 0u);
}

TEST_F(Streamed, SoDoesACloseOrAGroupThatStops) {
  lead();
  EXPECT_EQ(propose(1), CHR_OK);
  at_piece(1, [&] { group_->closing = true; });
  take_snapshot();
  host_.run();
  EXPECT_EQ(pieces_, 1);
  EXPECT_FALSE(parts_->snapshots.is_writing());
  take_snapshot();  // that of the close
  pieces_ = 1;
  at_piece(4, [&] { group_->stop_with({Code::kIo, "the disk is gone"}); });
  host_.run();
  EXPECT_EQ(pieces_, 4);
  EXPECT_EQ(machine_.open_saves, 0);
  EXPECT_FALSE(parts_->snapshots.is_writing());
  EXPECT_EQ(parts_->snapshots.newest().index, 0u);
}

// The log on disk may lose what a snapshot covers: the next start is to know that, whenever it happened.
class Cut : public Streamed {
 protected:
  Cut() {
    lead();
    EXPECT_EQ(propose(1), CHR_OK);
    applied_ = parts_->applier.applied();
  }
  void cut(Index from) {
    host_.on_shard(0, [&] {
      Write write(group_->storage_group);
      parts_->snapshots.mark_cut(from, &write);
      if (!write.steps().empty()) shard_->write(std::move(write), [](const Status&) {});
    });
  }
  SnapshotMeta stored() {
    SnapshotMeta meta;
    host_.on_shard(0, [&] {
      services_.store.get(group_->storage_group, kSnapshotKey, [&](Result<StoredValue> value) {
        ASSERT_TRUE(value && value->found);
        meta = *decode_snapshot({reinterpret_cast<const char*>(value->p), value->n});
      });
    });
    host_.run();
    return meta;
  }
  Index applied_ = 0;
};

TEST_F(Cut, BehindASnapshotIsNothingToIt) {
  at_piece(2, [&] { cut(applied_ + 1); });
  take_snapshot();
  host_.run();
  EXPECT_FALSE(parts_->snapshots.newest().received);
  EXPECT_FALSE(stored().received);
}

TEST_F(Cut, IsKnownOfTheNewestSnapshot) {
  at_piece(0, [] {});
  take_snapshot();
  host_.run();
  cut(applied_);
  host_.run();
  EXPECT_TRUE(parts_->snapshots.newest().received);
  EXPECT_TRUE(stored().received);
}

TEST_F(Cut, IsKnownOfASnapshotThatIsBeingSaved) {
  at_piece(2, [&] { cut(applied_); });
  take_snapshot();
  host_.run();
  EXPECT_TRUE(parts_->snapshots.newest().received);
  EXPECT_TRUE(stored().received);
  EXPECT_EQ(stored().index, applied_);
}

// Its key was put already, and counts or not: what it says is put anew.
TEST_F(Cut, IsKnownOfASnapshotWhoseKeyIsOnItsWay) {
  at_piece(0, [] {});
  take_snapshot();
  host_.run();
  EXPECT_EQ(propose(1), CHR_OK);
  const Index before = applied_;
  applied_ = parts_->applier.applied();
  memory_->on_write = [this] { cut(applied_); };
  take_snapshot();
  host_.run();
  EXPECT_EQ(memory_->on_write, nullptr) << "the key was never written";
  EXPECT_GT(parts_->snapshots.newest().index, before);
  EXPECT_TRUE(parts_->snapshots.newest().received);
  EXPECT_TRUE(stored().received);
  EXPECT_EQ(stored().index, applied_);
}

class StreamedOfThree : public Streamed {
 protected:
  StreamedOfThree() : Streamed({1, 2, 3}) {}
};

// Who leads does not matter to what is applied.
TEST_F(StreamedOfThree, ChangesOfTheLeaderDoNot) {
  host_.on_shard(0, [&] {
    EXPECT_TRUE(parts_->claims.leader_claimed(2, 4));
    parts_->applier.start_at(1);
  });
  at_piece(2, [&] { EXPECT_TRUE(parts_->claims.leader_claimed(3, 5)); });
  take_snapshot();
  host_.run();
  EXPECT_EQ(pieces_, 5);
  EXPECT_EQ(group_->raft->leader(), 3u);
  EXPECT_EQ(parts_->snapshots.newest().index, 1u);
}

}  // namespace
}  // namespace chronik::raft::test
