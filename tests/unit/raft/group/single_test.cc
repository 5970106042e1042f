// One node, one voter: what the plugin promises above a real storage.
#include "unit/raft/group/fixture.h"

#include <chronik/plugin.hpp>

namespace chronik::raft::test {
namespace {

using Texts = std::vector<std::string>;

TEST(SingleNode, LeadsAtOnce) {
  Node node;
  Journal journal;
  node.open("test/0", &journal);
  node.host.run();
  EXPECT_TRUE(node.host.logged("Node 1 became leader for test/0 at term 1"));
  EXPECT_EQ(journal.roles, Texts{"leader 1 1"});
  EXPECT_EQ(node.bounds("test/0").usable, 1u);
  EXPECT_EQ(node.bounds("test/0").leader, 1);
  EXPECT_EQ(node.host.metric("chronik_raft_leaders"), 1);
}

TEST(SingleNode, PatchesCommitsAppliesAndReads) {
  Node node;
  Journal journal;
  node.open("test/0", &journal);
  node.host.run();
  ASSERT_EQ(node.propose("test/0", "a", 3), CHR_PENDING);
  ASSERT_EQ(node.propose("test/0", "b", 2), CHR_PENDING);
  EXPECT_EQ(node.placed.base_offset, 3);
  EXPECT_EQ(node.placed.index, 3u);
  EXPECT_EQ(node.read("test/0", 0, 100, CHR_BOUND_LOG_END), (Texts{"0/1:a", "3/1:b"}));
  node.host.run();
  EXPECT_EQ(node.last.code, CHR_OK);
  EXPECT_EQ(journal.applied, (Texts{"a", "b"}));
  EXPECT_EQ(journal.high_watermark, 5);
  EXPECT_EQ(node.read("test/0", 0), (Texts{"0/1:a", "3/1:b"}));
  EXPECT_EQ(node.read("test/0", 4), Texts{"3/1:b"});  // the batch that holds it
  EXPECT_EQ(node.read("test/0", 0, 1), Texts{"0/1:a"});
  EXPECT_EQ(node.read("test/0", 5), Texts{});
  EXPECT_EQ(node.read("test/0", 6), Texts{"error -16"});
  const chr_group_bounds bounds = node.bounds("test/0");
  EXPECT_EQ(bounds.high_watermark, 5);
  EXPECT_EQ(bounds.log_end, 5);
  EXPECT_EQ(bounds.bytes, 26u);
}

TEST(SingleNode, AWriteThatStorageDoesNotCompleteIsTold) {
  Node node;
  Journal journal;
  node.open("test/0", &journal);
  node.host.run();
  node.host.hold_blocking(true);
  ASSERT_EQ(node.propose("test/0", "a"), CHR_PENDING);
  node.host.advance(std::chrono::seconds(9));
  EXPECT_FALSE(node.host.logged("The storage plugin has not completed a write"));
  node.host.advance(std::chrono::seconds(2));
  EXPECT_TRUE(node.host.logged("The storage plugin has not completed a write for 10 s"));
  node.host.hold_blocking(false);
  node.host.run();
  node.host.clear_logs();
  node.host.advance(std::chrono::seconds(100));
  EXPECT_FALSE(node.host.logged("The storage plugin has not completed a write"));
}

TEST(SingleNode, AcknowledgesOnlyWhatIsDurable) {
  Node node;
  Journal journal;
  node.open("test/0", &journal);
  node.host.run();
  node.host.hold_blocking(true);  // the disk stalls
  ASSERT_EQ(node.propose("test/0", "a", 1, CHR_UNTIL_DURABLE), CHR_PENDING);
  node.host.advance(std::chrono::seconds(5));
  EXPECT_EQ(node.last.code, 99);
  EXPECT_EQ(node.read("test/0", 0), Texts{});
  EXPECT_EQ(node.propose("test/0", "b", 1, CHR_UNTIL_PLACED), CHR_OK);
  node.host.hold_blocking(false);
  node.host.run();
  EXPECT_EQ(node.read("test/0", 0), (Texts{"0/1:a", "1/1:b"}));
}

TEST(SingleNode, RefusesWhatItMust) {
  Node node;
  Journal journal;
  node.open("test/0", &journal);
  EXPECT_EQ(node.propose("test/0", "x", 1, CHR_UNTIL_COMMITTED, -1, 7), CHR_E_FENCED);
  chr_proposal bad{};
  bad.kind = CHR_ENTRY_NOOP;
  bad.offset_at = bad.epoch_at = -1;
  chr_error error = make_abi_error();
  const auto propose = [&] {
    chr_status status = CHR_OK;
    node.host.on_shard(0, [&] {
      status = node.consensus->propose(node.group("test/0"), 0, &bad, 1, CHR_UNTIL_PLACED, &node.placed, 0,
                                       &error);
    });
    return status;
  };
  EXPECT_EQ(propose(), CHR_E_INVALID_ARGUMENT);
  bad.kind = CHR_ENTRY_DATA;
  bad.offset_at = 0;  // of an empty payload
  EXPECT_EQ(propose(), CHR_E_INVALID_ARGUMENT);
}

TEST(SingleNode, CopiesWhatItMayNotPatchInPlace) {
  Node node;
  Journal journal;
  node.open("test/0", &journal);
  node.host.run();
  const chr_slice payload = FakeBuffer::copy("????????????text");
  const Lease lease = Lease::adopt(payload.lease);
  chr_proposal proposal{CHR_ENTRY_DATA, 0, 1, 0, 8, 0, -1, payload};
  chr_error error = make_abi_error();
  node.host.on_shard(0, [&] {
    EXPECT_EQ(node.consensus->propose(node.group("test/0"), 0, &proposal, 1, CHR_UNTIL_PLACED, &node.placed,
                                      0, &error),
              CHR_OK);
  });
  node.host.run();
  EXPECT_EQ(payload.p[0], '?');
  EXPECT_EQ(node.read("test/0", 0), Texts{"0/1:text"});
}

TEST(SingleNode, ComesBackFromItsLog) {
  Node node;
  Journal before;
  node.open("test/0", &before);
  node.host.run();
  node.propose("test/0", "a", 3);
  node.propose("test/0", "b", 2);
  node.host.run();
  node.stop(false);  // killed
  node.start();
  Journal after;
  node.open("test/0", &after);
  EXPECT_EQ(after.applied, (Texts{"a", "b"}));
  node.host.run();
  EXPECT_EQ(after.loads, 0);
  EXPECT_TRUE(node.host.logged("Node 1 became leader for test/0 at term 2"));
  node.propose("test/0", "c");
  node.host.run();
  EXPECT_EQ(node.read("test/0", 0), (Texts{"0/1:a", "3/1:b", "5/2:c"}));  // cold, across a no-op
  EXPECT_EQ(node.read("test/0", 5), Texts{"5/2:c"});
  EXPECT_EQ(node.read("test/0", 4, 1), Texts{"3/1:b"});
}

TEST(SingleNode, ComesBackFromItsSnapshot) {
  Node node;
  Journal before;
  node.open("test/0", &before);
  node.host.run();
  node.propose("test/0", "a");
  EXPECT_EQ(node.close("test/0", true), CHR_OK);
  Journal between;
  node.open("test/0", &between);
  EXPECT_EQ(between.loads, 1);
  EXPECT_EQ(between.applied, Texts{"a"});
  node.host.run();
  node.propose("test/0", "b");
  node.host.run();
  node.stop(false);
  node.start();
  Journal after;
  node.open("test/0", &after);
  EXPECT_EQ(after.loads, 1);
  EXPECT_EQ(after.applied, (Texts{"a", "b"}));
}

TEST(SingleNode, WritesOutWhatWasPlacedBeforeItCloses) {
  Node node;
  Journal journal;
  node.open("test/0", &journal);
  node.host.run();
  EXPECT_EQ(node.propose("test/0", "a", 1, CHR_UNTIL_PLACED), CHR_OK);
  node.stop();
  node.start();
  Journal after;
  node.open("test/0", &after);
  EXPECT_EQ(after.applied, Texts{"a"});
}

TEST(SingleNode, TrimsUpToTheSnapshotThatItMakes) {
  Node node;
  Journal journal;
  node.open("test/0", &journal);
  node.host.run();
  for (const char* text : {"a", "b", "c", "d"}) node.propose("test/0", text, 10);
  node.host.run();
  const auto trim = [&](int64_t offset) {
    return node.wait([&](uint64_t token, chr_error* error) {
      return node.consensus->trim(node.group("test/0"), offset, token, error);
    });
  };
  EXPECT_EQ(trim(25), CHR_OK);
  EXPECT_EQ(journal.trimmed, 25);
  EXPECT_EQ(node.bounds("test/0").log_start, 25);
  EXPECT_EQ(node.bounds("test/0").bytes, 2 * 13u + 4);  // c, d and the trim
  EXPECT_EQ(node.read("test/0", 24), Texts{"error -16"});
  EXPECT_EQ(node.read("test/0", 25), (Texts{"20/1:c", "30/1:d"}));
  EXPECT_EQ(trim(10), CHR_OK);  // already there
  EXPECT_EQ(trim(41), CHR_E_OUT_OF_RANGE);
  EXPECT_EQ(trim(40), CHR_OK);
  node.stop(false);
  node.start();
  Journal after;
  node.open("test/0", &after);
  EXPECT_EQ(after.loads, 1);
  EXPECT_EQ(after.applied, (Texts{"a", "b", "c", "d"}));
  node.host.run();
  EXPECT_EQ(node.bounds("test/0").log_start, 40);
  EXPECT_EQ(node.bounds("test/0").log_end, 40);
  EXPECT_EQ(node.read("test/0", 40), Texts{});
  node.propose("test/0", "e");
  node.host.run();
  EXPECT_EQ(node.read("test/0", 40), Texts{"40/2:e"});
}

TEST(SingleNode, ALogThatStartsWithinAnEntryKeepsItsSize) {
  Node node;
  Journal journal;
  node.open("test/0", &journal);
  node.host.run();
  for (const char* text : {"a", "b", "c"}) node.propose("test/0", text, 10);
  node.host.run();
  EXPECT_EQ(node.wait([&](uint64_t token, chr_error* error) {
    return node.consensus->trim(node.group("test/0"), 15, token, error);
  }),
            CHR_OK);
  const uint64_t bytes = node.bounds("test/0").bytes;
  EXPECT_EQ(bytes, 2 * 13u + 4);  // b, c and the trim
  node.stop(false);
  node.start();
  Journal after;
  node.open("test/0", &after);
  node.host.run();
  EXPECT_EQ(node.bounds("test/0").log_start, 15);
  EXPECT_GE(node.bounds("test/0").bytes, bytes);
}

TEST(SingleNode, SnapshotsByItself) {
  Node node;
  node.stop();
  node.host.config_int("snapshot_interval", 1 << 16);
  node.start();
  Journal journal;
  node.open("test/0", &journal);
  node.host.run();
  for (int i = 0; i < 20; ++i) {
    node.propose("test/0", std::string(10'000, 'x'));
    node.host.run();
  }
  node.stop(false);
  node.start();
  Journal after;
  node.open("test/0", &after);
  EXPECT_EQ(after.loads, 1);
  EXPECT_EQ(after.applied, journal.applied);
}

TEST(SingleNode, FullStorageIsBackpressure) {
  Node node(1, {1}, 1 << 20);
  Journal journal;
  node.open("test/0", &journal);
  node.host.run();
  std::vector<chr_status> outcomes;
  for (int i = 0; i < 15; ++i) {
    chr_status status = node.propose("test/0", std::string(100'000, 'x'));
    node.host.run();
    outcomes.push_back(status == CHR_PENDING ? node.last.code : status);
    node.host.advance(std::chrono::milliseconds(200));
  }
  EXPECT_EQ(outcomes.front(), CHR_OK);
  EXPECT_EQ(outcomes.back(), CHR_E_NO_SPACE);
  const auto acknowledged = std::count(outcomes.begin(), outcomes.end(), CHR_OK);
  EXPECT_EQ(node.bounds("test/0").log_end, acknowledged);
  EXPECT_EQ(journal.truncated->second, acknowledged);
  EXPECT_EQ(node.read("test/0", 0, 1).size(), 1u);  // reads go on
  EXPECT_EQ(node.wait([&](uint64_t token, chr_error* error) {
    return node.consensus->trim(node.group("test/0"), acknowledged - 1, token, error);
  }),
            CHR_OK);
  node.host.advance(std::chrono::milliseconds(200));
  EXPECT_EQ(node.propose("test/0", "fits again"), CHR_PENDING);
  node.host.run();
  EXPECT_EQ(node.last.code, CHR_OK);
}

TEST(SingleNode, FullToTheLastByteCanStillBeTrimmed) {
  Node node(1, {1}, 1 << 20);
  node.stop();
  node.host.config_int("snapshot_interval", 1 << 16);
  node.start();
  Journal journal;
  node.open("test/0", &journal);
  node.host.run();
  int64_t acknowledged = 0;
  for (const size_t size : {20'000, 1'000, 1}) {  // until not even the smallest fits
    for (int i = 0; i < 20'000; ++i) {
      const chr_status status = node.propose("test/0", std::string(size, 'x'));
      node.host.run();
      if (status == CHR_E_NO_SPACE || node.last.code == CHR_E_NO_SPACE) break;
      ++acknowledged;
      journal.applied.clear();  // keeps its snapshots small
    }
    node.host.advance(std::chrono::milliseconds(200));
  }
  ASSERT_EQ(node.bounds("test/0").log_end, acknowledged);
  EXPECT_EQ(node.wait([&](uint64_t token, chr_error* error) {
    return node.consensus->trim(node.group("test/0"), acknowledged / 2, token, error);
  }),
            CHR_OK);
  EXPECT_EQ(node.bounds("test/0").log_start, acknowledged / 2);
  node.host.advance(std::chrono::milliseconds(200));
  EXPECT_EQ(node.propose("test/0", "fits again"), CHR_PENDING);
  node.host.run();
  EXPECT_EQ(node.last.code, CHR_OK);
  node.stop(false);
  node.start();
  Journal after;
  node.open("test/0", &after);
  node.host.run();
  EXPECT_EQ(node.bounds("test/0").log_start, acknowledged / 2);
  EXPECT_EQ(node.read("test/0", acknowledged).size(), 1u);
}

TEST(SingleNode, FindsByTimestampAndEpoch) {
  Node node;
  Journal journal;
  node.open("test/0", &journal);
  node.host.run();
  node.propose("test/0", "a", 2, CHR_UNTIL_COMMITTED, 100);
  node.propose("test/0", "b", 2, CHR_UNTIL_COMMITTED, 300);
  node.propose("test/0", "c", 2, CHR_UNTIL_COMMITTED, 200);
  node.host.run();
  chr_entry_header header{};
  const auto find = [&](int32_t by, int64_t value) {
    return node.wait([&](uint64_t token, chr_error* error) {
      return node.consensus->find(node.group("test/0"), by, value, &header, token, error);
    });
  };
  EXPECT_EQ(find(CHR_FIND_TIMESTAMP, 150), CHR_OK);
  EXPECT_EQ(header.base_offset, 2);
  EXPECT_EQ(find(CHR_FIND_MAX_TIMESTAMP, 0), CHR_OK);
  EXPECT_EQ(header.base_offset, 2);
  EXPECT_EQ(find(CHR_FIND_OFFSET, 5), CHR_OK);
  EXPECT_EQ(header.base_offset, 4);
  EXPECT_EQ(find(CHR_FIND_TIMESTAMP, 301), CHR_E_NOT_FOUND);
  uint64_t term = 0;
  int64_t end = 0;
  EXPECT_EQ(node.consensus->epoch_end(node.group("test/0"), 5, &term, &end), CHR_OK);
  EXPECT_EQ(term, 1u);
  EXPECT_EQ(end, 6);
  EXPECT_EQ(node.consensus->epoch_end(node.group("test/0"), 0, &term, &end), CHR_E_NOT_FOUND);
}

TEST(SingleNode, WaitsForASlowStateMachineWithoutStallingTheRest) {
  Node node;
  Journal slow;
  Journal quick;
  node.open("slow", &slow);
  node.open("quick", &quick);
  node.host.run();
  slow.hold_applies = true;
  node.propose("slow", "a");
  node.host.run();
  EXPECT_EQ(node.last.code, CHR_OK);  // committed is committed
  node.propose("slow", "b");
  node.propose("quick", "c");
  node.host.run();
  EXPECT_EQ(slow.applied, Texts{"a"});
  EXPECT_EQ(quick.applied, Texts{"c"});
  slow.hold_applies = false;
  Host(node.host.core()).complete(slow.held_token, CHR_OK);
  node.host.run();
  EXPECT_EQ(slow.applied, (Texts{"a", "b"}));
}

TEST(SingleNode, ServesBarriersAndHasNobodyToHandOverTo) {
  Node node;
  Journal journal;
  node.open("test/0", &journal);
  node.host.run();
  EXPECT_EQ(node.wait([&](uint64_t token, chr_error* error) {
    return node.consensus->barrier(node.group("test/0"), token, error);
  }),
            CHR_OK);
  EXPECT_EQ(node.wait([&](uint64_t token, chr_error* error) {
    return node.consensus->transfer(node.group("test/0"), -1, token, error);
  }),
            CHR_E_UNAVAILABLE);
}

TEST(SingleNode, DeletesAClosedGroup) {
  Node node;
  Journal journal;
  node.open("test/0", &journal);
  node.host.run();
  node.propose("test/0", "a");
  node.host.run();
  const auto remove = [&] {
    return node.wait([&](uint64_t token, chr_error* error) {
      return node.consensus->delete_group(node.instance, to_abi("test/0"), token, error);
    });
  };
  EXPECT_EQ(remove(), CHR_E_INVALID_ARGUMENT);
  EXPECT_EQ(node.close("test/0", false), CHR_OK);
  EXPECT_EQ(remove(), CHR_OK);
  Journal fresh;
  node.open("test/0", &fresh);
  EXPECT_TRUE(fresh.applied.empty());
  EXPECT_EQ(node.bounds("test/0").log_end, 0);
}

TEST(SingleNode, TellsWatchers) {
  Node node;
  static std::vector<std::string> told;
  told.clear();
  const chr_role_fn fn = [](void*, const chr_group_id* id, const chr_role* role, uint32_t usable) {
    told.push_back(std::string(from_abi(id->label)) +
                   (role->role == CHR_ROLE_LEADER ? " leader" : " follower") + (usable ? " usable" : ""));
  };
  Journal journal;
  node.open("early/0", &journal);
  node.host.run();
  node.consensus->watch(node.instance, fn, nullptr);
  node.host.run();
  EXPECT_EQ(told, Texts{"early/0 leader usable"});
  node.open("late/0", &journal);
  node.host.run();
  EXPECT_EQ(told, (Texts{"early/0 leader usable", "late/0 leader", "late/0 leader usable"}));
  node.consensus->unwatch(node.instance, fn, nullptr);
  node.open("other/0", &journal);
  node.host.run();
  EXPECT_EQ(told.size(), 3u);
}

TEST(SingleNode, StopsWithoutLeavingAnythingBehind) {
  Node node;
  Journal journal;
  node.open("test/0", &journal);
  node.host.run();
  node.propose("test/0", "a");
  node.stop();
  node.host.run();
  EXPECT_EQ(node.host.open_timers(), 0u);
  node.start();
}

// Whatever is completed behind the end of a stop comes to a plugin that is gone.
TEST(Stop, WaitsForADeletion) {
  Node node;
  Journal journal;
  node.open("test/0", &journal);
  ASSERT_EQ(node.close("test/0", false), CHR_OK);
  std::vector<uint64_t> completed;
  node.host.on_complete = [&](const chr_done& done) { completed.push_back(done.token); };
  chr_done deleted{};
  const uint64_t deletion = node.host.begin(&deleted);
  node.host.on_shard(0, [&] {
    EXPECT_EQ(node.consensus->delete_group(node.instance, to_abi("test/0"), deletion, nullptr), CHR_PENDING);
  });
  node.stop();
  EXPECT_EQ(deleted.code, CHR_OK);
  EXPECT_EQ(std::ranges::count(completed, deletion), 1);
  EXPECT_NE(completed.back(), deletion) << "the stop ended first";
  node.host.on_complete = nullptr;
}

// What was asked for is done, and whoever asked hears of it: a handle is good until then.
TEST(Stop, LeavesACloseThatIsUnderWayAsItIs) {
  Node node;
  Journal journal;
  node.open("test/0", &journal);
  node.propose("test/0", "a");  // the close waits for it, and the stop comes meanwhile
  chr_done closed{};
  closed.code = 99;
  node.host.on_shard(0, [&] {
    EXPECT_EQ(node.consensus->close_group(node.group("test/0"), CHR_CLOSE_SNAPSHOT, node.host.begin(&closed),
                                          nullptr),
              CHR_PENDING);
  });
  node.stop();
  EXPECT_EQ(closed.code, CHR_OK);
  node.start();
  Journal restarted;
  node.open("test/0", &restarted);
  EXPECT_EQ(restarted.loads, 1) << "it was closed without the snapshot";
}

}  // namespace
}  // namespace chronik::raft::test
