// Frames: what goes in comes out, and nothing hostile gets through.
#include "raft/wire/frame.h"
#include "raft/core/snapshot.h"
#include "raft/wire/stored.h"

#include <gtest/gtest.h>

#include <chronik/testing/fake_host.hpp>
#include <functional>

namespace chronik::raft::test {
namespace {

Message append_message() {
  Message m;
  m.type = MessageType::kAppend;
  m.term = 7;
  m.index = 41;
  m.log_term = 6;
  m.commit = 40;
  m.context = 9;
  for (uint64_t i = 0; i < 3; ++i) {
    Entry entry;
    entry.header.index = 42 + i;
    entry.header.term = 7;
    entry.header.kind = CHR_ENTRY_DATA;
    entry.header.base_offset = static_cast<int64_t>(100 + i);
    entry.header.records = 1;
    entry.header.max_timestamp = -1;
    entry.header.bytes = i * 5;  // the first one is empty
    const chr_slice bytes = testing::FakeBuffer::copy(std::string(i * 5, static_cast<char>('a' + i)));
    entry.payload = Payload::adopt({bytes.p, i * 5, bytes.lease});
    m.entries.push_back(std::move(entry));
  }
  return m;
}

std::string encoded(const std::vector<Envelope>& messages) {
  testing::FakeHost host;
  Payload head;
  std::vector<chr_slice> slices;
  EXPECT_TRUE(encode_messages(Host(host.core()), messages, &head, &slices));
  std::string bytes;
  for (const chr_slice& slice : slices) bytes.append(reinterpret_cast<const char*>(slice.p), slice.n);
  return bytes;
}

std::string encoded(const Heartbeat& heartbeat) {
  testing::FakeHost host;
  Payload head;
  EXPECT_TRUE(encode_heartbeat(Host(host.core()), heartbeat, &head));
  return std::string(head.text());
}

Heartbeat heartbeat_message() {
  Heartbeat heartbeat;
  heartbeat.session = 77;
  heartbeat.seq = 3;
  heartbeat.sent = 1'000'000'000;
  heartbeat.streams = {{0, 0, 2, 99, {{11, 4}, {12, 1}}}, {1, 5, 6, 98, {{13, 0}}}};
  heartbeat.heard_session = 78;
  heartbeat.heard_sent = 999;
  heartbeat.have = {{0, 9}, {1, 0}};
  heartbeat.rejections = {{14, 0}, {15, 8}};
  return heartbeat;
}

Result<Frame> decoded(const std::string& bytes) {
  const chr_slice slice = testing::FakeBuffer::copy(bytes);
  const Lease lease = Lease::adopt(slice.lease);
  return decode_frame(slice, 2, 1);
}

TEST(Frame, ComesOutAsItWentIn) {
  const Message m = append_message();
  Message vote;
  vote.type = MessageType::kVote;
  vote.term = 9;
  vote.forced = true;
  const Result<Frame> frame = decoded(encoded(std::vector<Envelope>{{5, m}, {6, vote}, {7, m}}));
  ASSERT_TRUE(frame) << frame.error().message;
  EXPECT_FALSE(frame->heartbeat);
  ASSERT_EQ(frame->messages.size(), 3u);
  EXPECT_EQ(frame->messages[1].group, 6u);
  EXPECT_TRUE(frame->messages[1].message.forced);
  EXPECT_EQ(frame->messages[2].group, 7u);
  const Message& out = frame->messages[2].message;
  EXPECT_EQ(out.from, 2u);
  EXPECT_EQ(out.to, 1u);
  EXPECT_EQ(out.type, m.type);
  EXPECT_EQ(out.term, m.term);
  EXPECT_EQ(out.index, m.index);
  EXPECT_EQ(out.log_term, m.log_term);
  EXPECT_EQ(out.commit, m.commit);
  EXPECT_EQ(out.context, m.context);
  ASSERT_EQ(out.entries.size(), 3u);
  EXPECT_EQ(out.entries[2].header.base_offset, 102);
  EXPECT_EQ(out.entries[2].header.max_timestamp, -1);
  EXPECT_EQ(out.entries[2].payload.text(), "cccccccccc");
}

Message snapshot_message() {
  SnapshotInfo info;
  info.index = 90;
  info.term = 4;
  info.pieces = 3;
  info.bytes = 25;
  info.checksum = 0xdeadbeef;
  info.config = {80, 3, {{1, 2, 3}, {1, 2}, {}}};
  info.base = 70;
  info.base_term = {3, 60, 500};
  info.base_offset = 520;
  info.log_start = 521;
  Message m;
  m.type = MessageType::kSnapshot;
  m.term = 5;
  m.hint_index = 1;
  m.context = 77;
  m.snapshot = std::make_shared<const SnapshotInfo>(info);
  m.piece = Payload::own("ten bytes!");
  return m;
}

TEST(Frame, CarriesAPieceOfASnapshot) {
  const Result<Frame> frame =
      decoded(encoded(std::vector<Envelope>{{5, append_message()}, {6, snapshot_message()}}));
  ASSERT_TRUE(frame) << frame.error().message;
  const Message& out = frame->messages[1].message;
  EXPECT_EQ(out.piece.text(), "ten bytes!");
  EXPECT_EQ(out.hint_index, 1u);
  ASSERT_NE(out.snapshot, nullptr);
  EXPECT_TRUE(out.snapshot->same_state(*snapshot_message().snapshot));
  EXPECT_EQ(out.snapshot->config.members, snapshot_message().snapshot->config.members);
  EXPECT_EQ(out.snapshot->config.index, 80u);
  EXPECT_EQ(out.snapshot->base, 70u);
  EXPECT_EQ(out.snapshot->base_term.first_index, 60u);
  EXPECT_EQ(out.snapshot->base_offset, 520);
  EXPECT_EQ(out.snapshot->log_start, 521);
}

// What cannot be is refused before anybody relies on it.
TEST(Frame, RefusesSnapshotsThatDoNotFitTogether) {
  const auto refused = [](const std::function<void(SnapshotInfo*)>& change) {
    Message m = snapshot_message();
    SnapshotInfo info = *m.snapshot;
    change(&info);
    m.snapshot = std::make_shared<const SnapshotInfo>(info);
    return !decoded(encoded(std::vector<Envelope>{{6, m}}));
  };
  EXPECT_FALSE(refused([](SnapshotInfo*) {}));
  EXPECT_TRUE(refused([](SnapshotInfo* info) { info->term = 6; }));
  EXPECT_TRUE(refused([](SnapshotInfo* info) { info->base = 91; }));
  EXPECT_TRUE(refused([](SnapshotInfo* info) { info->base = 0; }));
  EXPECT_TRUE(refused([](SnapshotInfo* info) { info->pieces = 1u << 30; }));
  EXPECT_TRUE(refused([](SnapshotInfo* info) { info->bytes = 1ull << 60; }));
  EXPECT_TRUE(refused([](SnapshotInfo* info) { info->config.members = {}; }));
  EXPECT_TRUE(refused([](SnapshotInfo* info) { info->config.members.voters = {1, 1}; }));
  EXPECT_TRUE(refused([](SnapshotInfo* info) { info->config.index = 91; }));
  EXPECT_TRUE(refused([](SnapshotInfo* info) { info->base_term.first_index = 71; }));
  EXPECT_TRUE(refused([](SnapshotInfo* info) { info->base_offset = -1; }));
  Message m = snapshot_message();
  m.type = MessageType::kAppend;
  EXPECT_FALSE(decoded(encoded(std::vector<Envelope>{{6, m}})));
}

TEST(Frame, SmallEntriesOfALargeFrameStandAlone) {
  std::vector<Envelope> messages;
  for (uint64_t i = 0; i < 100; ++i) messages.push_back({i + 1, append_message()});
  Message large;
  large.type = MessageType::kAppend;
  large.entries.resize(1);
  large.entries[0].header.bytes = 50'000;
  large.entries[0].payload = Payload::own(std::string(50'000, 'x'));
  messages.push_back({101, large});
  const Result<Frame> frame = decoded(encoded(messages));
  ASSERT_TRUE(frame) << frame.error().message;
  EXPECT_EQ(frame->messages[3].message.entries[1].payload.text(), "bbbbb");
  const Payload& kept = frame->messages[100].message.entries[0].payload;
  EXPECT_EQ(kept.size(), 50'000u);
  EXPECT_NE(kept.slice().lease, frame->messages[3].message.entries[1].payload.slice().lease);
}

TEST(Frame, CarriesAHeartbeat) {
  const Heartbeat heartbeat = heartbeat_message();
  const Result<Frame> frame = decoded(encoded(heartbeat));
  ASSERT_TRUE(frame) << frame.error().message;
  ASSERT_TRUE(frame->heartbeat);
  const Heartbeat& out = *frame->heartbeat;
  EXPECT_EQ(out.session, heartbeat.session);
  EXPECT_EQ(out.seq, heartbeat.seq);
  EXPECT_EQ(out.sent, heartbeat.sent);
  ASSERT_EQ(out.streams.size(), 2u);
  EXPECT_EQ(out.streams[0].claims, heartbeat.streams[0].claims);
  EXPECT_EQ(out.streams[1].base, 5u);
  EXPECT_EQ(out.streams[1].version, 6u);
  EXPECT_EQ(out.streams[1].digest, 98u);
  EXPECT_EQ(out.heard_session, heartbeat.heard_session);
  EXPECT_EQ(out.heard_sent, heartbeat.heard_sent);
  ASSERT_EQ(out.have.size(), 2u);
  EXPECT_EQ(out.have[0].version, 9u);
  EXPECT_EQ(out.rejections, heartbeat.rejections);
}

TEST(Frame, CutAnywhereIsRefused) {
  for (const std::string& whole :
       {encoded(std::vector<Envelope>{{5, append_message()}, {6, append_message()}}),
        encoded(std::vector<Envelope>{{5, append_message()}, {6, snapshot_message()}}),
        encoded(heartbeat_message())}) {
    for (size_t n = 0; n < whole.size(); ++n) EXPECT_FALSE(decoded(whole.substr(0, n))) << n;
    EXPECT_FALSE(decoded(whole + "x"));
  }
}

TEST(Frame, DamagedAnywhereNeverReadsOutside) {
  for (const std::string& whole :
       {encoded(std::vector<Envelope>{{5, append_message()}, {6, append_message()}}),
        encoded(std::vector<Envelope>{{5, append_message()}, {6, snapshot_message()}}),
        encoded(heartbeat_message())}) {
    for (size_t at = 0; at < whole.size(); ++at) {
      for (const int flip : {1, 0x80, 0xff}) {
        std::string damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] ^ flip);
        const Result<Frame> frame = decoded(damaged);
        if (!frame) continue;
        uint64_t bytes = 0;
        for (const Envelope& each : frame->messages) bytes += each.message.piece.size();
        for (const Envelope& each : frame->messages)
          for (const Entry& entry : each.message.entries) bytes += entry.payload.size();
        EXPECT_LE(bytes, damaged.size());
      }
    }
  }
}

TEST(Stored, KeysComeBack) {
  const auto vote = decode_vote(encode(StoredVote{{5, 2}, 77, {4, 99}}));
  ASSERT_TRUE(vote);
  EXPECT_EQ(vote->hard_state, (HardState{5, 2}));
  EXPECT_EQ(vote->commit, 77u);
  EXPECT_EQ(vote->left, (LogEnd{4, 99}));
  const auto meta = decode_log_meta(
      encode(LogMeta{9, {{1, 1, 0}, {3, 8, 40}}, {{0, 0, {{1, 2}, {}, {}}}, {9, 3, {{2, 3}, {1, 2}, {}}}}}));
  ASSERT_TRUE(meta);
  EXPECT_EQ(meta->log_start, 9);
  ASSERT_EQ(meta->terms.size(), 2u);
  EXPECT_EQ(meta->terms[1].base_offset, 40);
  EXPECT_FALSE(decode_log_meta(encode(LogMeta{0, {{3, 8, 40}, {1, 1, 0}}, {}})));
  ASSERT_EQ(meta->configs.size(), 2u);
  EXPECT_EQ(meta->configs[1].index, 9u);
  EXPECT_EQ(meta->configs[1].members, (Membership{{2, 3}, {1, 2}, {}}));
  EXPECT_FALSE(decode_vote("\xff\xff\xff"));
  const auto snapshot =
      decode_snapshot(encode(SnapshotMeta{4, 100, 3, 7, 2, 600'000, 17, {90, 2, {{1, 2}, {}, {}}}, true}));
  ASSERT_TRUE(snapshot);
  EXPECT_EQ(snapshot->pieces, 2u);
  EXPECT_EQ(snapshot->log_start, 7);
  EXPECT_EQ(snapshot->checksum, 17u);
  EXPECT_EQ(snapshot->config.index, 90u);
  EXPECT_EQ(snapshot->config.members, (Membership{{1, 2}, {}, {}}));
  EXPECT_TRUE(snapshot->received);
}

TEST(Members, ComeBackAndNothingElsePasses) {
  const Membership members{{3, 1, 2}, {1, 2, 4}, {}};
  const std::string bytes = encode_members(members);
  Membership out;
  ASSERT_TRUE(decode_members(bytes, &out));
  EXPECT_EQ(out, members);
  for (size_t n = 0; n < bytes.size(); ++n) EXPECT_FALSE(decode_members(bytes.substr(0, n), &out)) << n;
  EXPECT_FALSE(decode_members(bytes + "x", &out));
  EXPECT_FALSE(decode_members(encode_members({}), &out));                      // nobody
  EXPECT_FALSE(decode_members(encode_members({{1, 1}, {}, {}}), &out));        // twice the same
  EXPECT_FALSE(decode_members(encode_members({{1, kNobody}, {}, {}}), &out));  // no node
  EXPECT_FALSE(decode_members(std::string(8, '\xff'), &out));
}

}  // namespace
}  // namespace chronik::raft::test
