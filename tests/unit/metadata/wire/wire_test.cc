#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iomanip>
#include <random>
#include <sstream>

#include "metadata/catalog/catalog.h"
#include "metadata/wire/codec.h"
#include "tests/unit/source_tree.h"

namespace chronik::metadata {
namespace {

Uuid id_of(uint8_t n) {
  Uuid id;
  id.bytes.fill(n);
  return id;
}

// One of each kind, with values at the edges.
std::vector<Command> commands() {
  const RequestId request{3, 0xFFFF'FFFF'FFFF'FFFFu, 7};
  const Verdict refused{CHR_E_EXISTS, "a topic of this name already exists"};
  return {
      {{}, InitCluster{"ABEiM0RVZneImaq7zN3u_w", {}}},
      {request,
       CreateTopics{{{{}, id_of(1), "orders", 2, 1, {1, 2}, {{"retention.ms", "-1"}, {"\xFF\xFE", ""}}},
                     {refused, id_of(2), "not a name \xC3", -5, 0, {}, {}}}}},
      {request, DeleteTopics{{{{}, id_of(1)}, {{CHR_E_NOT_FOUND, ""}, {}}}}},
      {request, CreatePartitions{{{{}, id_of(1), "orders", 2, 4, {1, 2}}}}},
      {request, AllocateProducerIds{}},
      {{}, SyncBatch{{{id_of(1), 0, 1, 1}, {id_of(1), INT32_MAX, UINT64_MAX, INT32_MAX}}, {}}},
      {{}, SyncBatch{{}, {Node{1, "broker.example", 65'535, "rack", id_of(9)}}}},
      {{},
       SyncBatch{{{id_of(1), 0, 1, 1}},
                 {Node{1, "a", 1, "", id_of(9), "b:7"}, Node{2, "", 0, "", {}, "c:8", true}}}},
      {request, AlterReassignments{{{{}, id_of(1), 3, false, true, {4, 2}},
                                    {refused, id_of(2), -1, true, false, {}}}}},
      {request, FinishReassignments{{{{}, id_of(1), 0, {3, 1}}, {refused, {}, 7, {}}}}},
      {request, ChangeNodes{{{{}, 4, NodeAction::kAdd, "node4.example:9093"},
                             {refused, -1, NodeAction::kRemove, ""}}}},
      {request, AlterConfigs{{{{}, id_of(1), {{"retention.ms", "\xFF", false}, {"", "", true}}},
                              {refused, id_of(2), {}}}}},
      {{}, InitCluster{"ABEiM0RVZneImaq7zN3u_w", {{"chronik.version", 2}, {"metadata.version", 30}}}},
      {request, UpdateFeatures{{{{}, "chronik.version", 2, 1}, {refused, "\xFF", INT16_MIN, -7}}}},
      {request, ChangeRecords{{{{}, "space", "key", "\xFF", false, std::nullopt},
                               {{}, "space", std::string("\0", 1), "", true, UINT64_MAX},
                               {refused, "", "", "", false, 0}}}},
  };
}

std::vector<Frame> frames() {
  std::vector<Frame> out;
  for (const Command& command : commands()) {
    if (std::holds_alternative<InitCluster>(command.body)) continue;
    if (const auto* batch = std::get_if<SyncBatch>(&command.body)) {
      out.push_back(SyncFrame{5, *batch});
    } else {
      out.push_back(ChangeFrame{command, 2, true});
    }
  }
  out.push_back(ReplyFrame{1, 2, 3, {CHR_E_NOT_LEADER, "elsewhere"}, {}});
  out.push_back(ReplyFrame{1, 2, 3, {}, {{CHR_OK, "", id_of(4), 6}, {CHR_E_EXISTS, "there", {}, 0}}});
  out.push_back(SyncRefusedFrame{9, {CHR_E_OVERLOADED, "full"}});
  out.push_back(DigestFrame{100, 0x0123'4567'89AB'CDEFu});
  out.push_back(ChangeFrame{{{3, 1, 1}, AllocateProducerIds{}}, 1, false, true});
  out.push_back(QuorumRequestFrame{7});
  out.push_back(QuorumReplyFrame{7, {CHR_E_NOT_LEADER, "elsewhere"}, -1, 0, 0, {}, 0});
  out.push_back(
      QuorumReplyFrame{8, {}, 2, 9, 100, {{1, true, 99, 1'700'000'000'000, -1}, {4, false, 0, -1, -1}}, 77});
  out.push_back(FeaturesFrame{{{"chronik.version", 1, 2}, {"metadata.version", 7, 30}}, true});
  out.push_back(FeaturesFrame{});
  out.push_back(LinksFrame{{1, 3}, {1, 2, 3}});
  out.push_back(LinksFrame{});
  return out;
}

std::string hex(std::string_view bytes) {
  std::ostringstream out;
  for (const char c : bytes) out << std::hex << std::setw(2) << std::setfill('0') << (c & 0xFF);
  return out.str();
}

TEST(Wire, RoundTrips) {
  for (const Command& command : commands()) {
    const Result<Command> back = decode_command(encode(command));
    ASSERT_TRUE(back.has_value()) << back.error().message;
    EXPECT_EQ(*back, command);
  }
  for (const Frame& frame : frames()) {
    const Result<Frame> back = decode_frame(encode(frame));
    ASSERT_TRUE(back.has_value()) << back.error().message;
    EXPECT_EQ(*back, frame);
  }
}

// Entries stay in logs, so their bytes are a format. CHRONIK_UPDATE_GOLDEN=1 rewrites the file.
TEST(Wire, BytesOfCommandsAreThoseOfTheGoldenFile) {
  const std::string path = in_source_tree("tests/golden/metadata/commands.txt");
  std::ostringstream now;
  for (const Command& command : commands())
    now << command.body.index() << ' ' << hex(encode(command)) << '\n';
  if (std::getenv("CHRONIK_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << now.str();
  std::ifstream file(path);
  std::ostringstream golden;
  golden << file.rdbuf();
  EXPECT_EQ(now.str(), golden.str());
}

TEST(Wire, RefusesWhatItDoesNotKnow) {
  const std::string command = encode(Command{{}, InitCluster{"c", {}}});
  EXPECT_EQ(command.substr(0, 2), std::string("\x08\x01"));  // the version
  std::string newer = command;
  newer[1] = 5;
  EXPECT_EQ(decode_command(newer).error().code, Code::kUnsupported);
  EXPECT_NE(decode_command(newer).error().message.find("upgrade"), std::string::npos);
  EXPECT_EQ(decode_command(command + std::string("\xF8\x01\x01")).error().code, Code::kCorrupt);  // field 31
  EXPECT_EQ(decode_command("").error().code, Code::kUnsupported);
  EXPECT_EQ(decode_command(std::string("\x08\x01")).error().code, Code::kCorrupt);  // no body
  EXPECT_EQ(decode_command(std::string(kMaxCommandBytes + 1, 'x')).error().code, Code::kCorrupt);
  // What only the leader may propose does not come from a peer.
  EXPECT_FALSE(decode_frame(encode(Frame{ChangeFrame{{{}, InitCluster{"c", {}}}, 1, false}})).has_value());
  EXPECT_FALSE(decode_frame(encode(Frame{ChangeFrame{{{}, SyncBatch{}}, 1, false}})).has_value());
}

TEST(Wire, RefusesValuesOutOfRange) {
  const auto refused = [](Body body) {
    return !decode_command(encode(Command{{}, std::move(body)})).has_value();
  };
  EXPECT_TRUE(refused(InitCluster{"", {}}));
  EXPECT_TRUE(refused(SyncBatch{{{id_of(1), -1, 1, 1}}, {}}));
  EXPECT_TRUE(refused(SyncBatch{{{id_of(1), 0, 0, 1}}, {}}));
  EXPECT_TRUE(refused(SyncBatch{{{id_of(1), 0, 1, -1}}, {}}));
  EXPECT_TRUE(refused(SyncBatch{{{Uuid{}, 0, 1, 1}}, {}}));
  EXPECT_TRUE(refused(SyncBatch{std::vector<Assignment>(kMaxAssignments + 1, {id_of(1), 0, 1, 1}), {}}));
  EXPECT_FALSE(refused(SyncBatch{std::vector<Assignment>(kMaxAssignments, {id_of(1), 0, 1, 1}), {}}));
  EXPECT_TRUE(refused(SyncBatch{{}, {Node{1, std::string(256, 'h'), 1, "", {}}}}));
  EXPECT_TRUE(refused(SyncBatch{{}, {Node{-1, "h", 1, "", {}}}}));
  EXPECT_TRUE(refused(SyncBatch{{}, {Node{1, "h", 1, "", {}, std::string(264, 'r')}}}));
  EXPECT_TRUE(refused(ChangeNodes{{{{}, 1, static_cast<NodeAction>(4), ""}}}));
  EXPECT_TRUE(refused(FinishReassignments{{{{}, id_of(1), 0, {-1}}}}));
  EXPECT_TRUE(refused(CreateTopics{{{{}, id_of(1), "t", 1, 1, {-1}, {}}}}));
  EXPECT_TRUE(refused(DeleteTopics{std::vector<DeletedTopic>(kMaxItems + 1)}));
}

TEST(Wire, HostileBytesAreErrorsNotCrashes) {
  std::mt19937_64 random(20'261'123);
  std::vector<std::string> seeds;
  for (const Command& command : commands()) seeds.push_back(encode(command));
  for (const Frame& frame : frames()) seeds.push_back(encode(frame));
  uint64_t accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = seeds[random() % seeds.size()];
    for (uint64_t i = random() % 4; i > 0; --i) bytes[random() % bytes.size()] = static_cast<char>(random());
    if (random() % 3 == 0) bytes.resize(random() % (bytes.size() + 1));
    const Result<Command> command = decode_command(bytes);
    const Result<Frame> frame = decode_frame(bytes);
    // What is taken can be applied and encoded again.
    if (command) {
      ++accepted;
      EXPECT_EQ(decode_command(encode(*command)).value(), *command);
      Catalog catalog;
      catalog.apply(*command);
    }
    if (frame) {
      EXPECT_EQ(encode(*frame).size(), bytes.size());
    }
  }
  EXPECT_GT(accepted, 100u);
  for (const std::string& seed : seeds) {
    for (size_t n = 0; n < seed.size(); ++n) {
      static_cast<void>(decode_command(std::string_view(seed).substr(0, n)));
      static_cast<void>(decode_frame(std::string_view(seed).substr(0, n)));
    }
  }
}

}  // namespace
}  // namespace chronik::metadata
