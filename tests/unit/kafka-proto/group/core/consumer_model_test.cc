// Members that join, leave, die, are slow, lose answers and subscribe anew, topics that come and go, leaders that change:
// at no time do two members have one partition, epochs never go back, and once it is quiet all settles.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "kafka-proto/group/core/consumer_protocol.h"
#include "unit/kafka-proto/group/core/consumer_testing.h"

namespace chronik::kafka::group::test {
namespace {

using Held = std::set<std::pair<std::string, int32_t>>;

// A consumer as Kafka's clients are: it takes what it is told once it has given away the rest, and says what it has.
struct Client {
  std::string id;
  std::optional<std::string> instance;
  std::vector<std::string> names;
  std::optional<std::string> regex;
  int32_t epoch = 0;
  PartitionSet owned, told;  // told: what it is to have next
  bool running = true;
  bool unsure = false;   // an answer was lost: it says all again
  bool classic = false;  // it speaks the classic protocol, and has to join again:
  bool joins = true;
  int64_t heard_ms = 0;

  PartitionSet may_have() const { return merged(owned, told); }
  bool has_settled() const { return same_partitions(owned, told); }
};

class Model {
 public:
  explicit Model(uint32_t seed) : random_(seed) {
    group_.topics.add("t1", 5);
    group_.topics.add("t2", 3);
    group_.topics.add("u1", 4);
    group_.config.assignment_interval_ms = chance(2) ? 0 : 1'000;
    group_.config.may_downgrade = false;
  }

  void run(int steps);
  void settle();

 private:
  bool chance(int in) { return std::uniform_int_distribution(1, in)(random_) == 1; }
  size_t pick(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random_); }

  void step();
  void start_client();
  void subscribe(Client& client);
  void stop_client(Client& client);
  void change_topics();
  void ask(Client& client, bool lossy);
  void ask_classic(Client& client, bool lossy);
  bool join_classic(Client& client, bool lossy);
  ConsumerHeartbeatRequest request_of(const Client& client);
  void hear(Client& client, const ConsumerHeartbeatResult& result);
  void drop(Client& client) { client.owned.clear(), client.told.clear(), client.epoch = 0; }
  bool is_out_of_session(const Client& client) const {
    return group_.now.monotonic_ms - client.heard_ms >= group_.config.session_timeout_ms;
  }
  Held held_by(const Client& client) const;
  void check();
  void check_settled();

  std::mt19937 random_;
  ConsumerHarness group_;
  std::vector<Client> clients_;
  int last_id_ = 0, last_topic_ = 0;
  int32_t last_epoch_ = 0;
};

void Model::subscribe(Client& client) {
  static const std::vector<std::vector<std::string>> kNames = {{"t1"},       {"t2"},       {"t1", "t2"},
                                                               {"t1", "u1"}, {"u1", "x1"}, {}};
  client.names = kNames[pick(kNames.size())];
  client.regex.reset();
  if (!client.classic && chance(4)) client.regex = chance(2) ? "t.*" : ".*1";
  client.joins = true;
}

void Model::start_client() {
  Client client;
  client.id = fmt::format("m{}", ++last_id_);
  client.heard_ms = group_.now.monotonic_ms;
  client.classic = chance(3);
  if (!client.classic && chance(3)) client.instance = fmt::format("i{}", pick(3));
  subscribe(client);
  clients_.push_back(std::move(client));
}

// Closes, crashes, or comes to an end for a while, as a static member does.
void Model::stop_client(Client& client) {
  client.running = false;
  if (chance(2)) return;  // it crashed: what it had stays its own until its session ends
  drop(client);
  ConsumerHeartbeatRequest request =
      alive(client.id, client.instance && chance(2) ? kStaticLeaveEpoch : kLeaveEpoch);
  request.instance_id = client.instance;
  group_.heartbeat(std::move(request));
}

void Model::change_topics() {
  if (chance(2)) {
    const std::string name = fmt::format("{}{}", chance(2) ? "t" : "x", pick(4));
    const int32_t partitions =
        group_.topics.find(name).value_or(TopicView::Topic{}).partitions;  // it only grows
    group_.topics.add(name, std::max(partitions, 1 + static_cast<int32_t>(pick(8))));
  } else {
    group_.topics.remove(chance(2) ? "t2" : fmt::format("x{}", pick(4)));
    for (Client& client : clients_)
      for (PartitionSet* set : {&client.owned, &client.told})
        std::erase_if(
            *set, [&](const TopicPartitions& topic) { return group_.topics.name_of(topic.topic).empty(); });
  }
}

ConsumerHeartbeatRequest Model::request_of(const Client& client) {
  ConsumerHeartbeatRequest request = alive(client.id, client.epoch);
  request.instance_id = client.instance;
  const bool full = client.epoch == 0 || client.unsure || chance(5);
  if (full || chance(4)) {
    request.topic_names = client.names;
    request.topic_regex = client.regex.value_or("");
  }
  if (full) request.rebalance_timeout_ms = 300'000;
  if (full || chance(2)) request.owned = client.epoch == 0 ? PartitionSet{} : client.may_have();
  return request;
}

void Model::hear(Client& client, const ConsumerHeartbeatResult& result) {
  client.unsure = false;
  switch (result.error) {
    case ErrorCode::kNone:
      break;
    case ErrorCode::kFencedMemberEpoch:
    case ErrorCode::kUnknownMemberId:
      return drop(client);
    case ErrorCode::kFencedInstanceId:
      client.running = false;
      return drop(client);
    case ErrorCode::kUnreleasedInstanceId:
      return;
    default:
      FAIL() << client.id << ": " << static_cast<int>(result.error) << " " << result.error_message;
  }
  if (client.epoch > 0) {
    EXPECT_GE(result.epoch, client.epoch) << client.id;
  }
  client.epoch = result.epoch;
  client.heard_ms = group_.now.monotonic_ms;
  if (result.assignment) client.told = *result.assignment;
}

bool Model::join_classic(Client& client, bool lossy) {
  JoinRequest request;
  request.member_id = client.id;
  request.protocol_type = "consumer";
  request.protocols = {{"range", subscription_bytes(client.names, client.may_have(), group_.topics)}};
  request.session_timeout_ms = group_.config.session_timeout_ms;
  request.rebalance_timeout_ms = 300'000;
  std::optional<JoinResult> joined;
  Outcome out;
  group_.group->join(group_.context(), request, [&](JoinResult result) { joined = std::move(result); }, out);
  group_.finish(out);
  EXPECT_TRUE(joined && joined->error == ErrorCode::kNone) << client.id;
  if (lossy && chance(5)) return false;
  client.epoch = joined->generation;
  client.heard_ms = group_.now.monotonic_ms;
  return true;
}

void Model::ask_classic(Client& client, bool lossy) {
  ErrorCode error = ErrorCode::kNone;
  if (is_out_of_session(client)) {
    drop(client);
    client.joins = true;
  }
  if (!client.joins) {
    error = group_.group->classic_heartbeat(group_.context(), {client.id, std::nullopt, client.epoch});
    if (error == ErrorCode::kUnknownMemberId || error == ErrorCode::kIllegalGeneration) drop(client);
    if (error == ErrorCode::kNone) client.heard_ms = group_.now.monotonic_ms;
  }
  client.joins = client.joins || error != ErrorCode::kNone;
  if (!client.joins || !join_classic(client, lossy)) return;
  SyncRequest request;
  request.member_id = client.id;
  request.generation = client.epoch;
  SyncResult synced;
  Outcome out;
  group_.group->sync(group_.context(), request, [&](SyncResult result) { synced = std::move(result); }, out);
  group_.finish(out);
  if (synced.error != ErrorCode::kNone || (lossy && chance(5))) return;
  const auto assigned = parse_assignment(synced.assignment);
  ASSERT_TRUE(assigned);
  client.told = by_id(assigned->partitions, group_.topics);
  // It joins again once it gave away what it is not to have any more.
  client.joins = !is_subset(client.owned, client.told);
}

void Model::ask(Client& client, bool lossy) {
  if (client.classic) return ask_classic(client, lossy);
  if (client.epoch == 0) drop(client);
  const auto answer = group_.heartbeat(request_of(client));
  ASSERT_TRUE(answer) << client.id;
  if (!lossy || !chance(5)) return hear(client, *answer);
  client.unsure = true;
}

Held Model::held_by(const Client& client) const {
  Held held;
  // Who heard nothing for as long as a session lasts knows that what it has is its own no more.
  if (is_out_of_session(client)) return held;
  for (const PartitionSet* set : {&client.owned, &client.told})
    for (const TopicPartitions& topic : *set)
      for (const int32_t partition : topic.partitions)
        held.emplace(std::string(group_.topics.name_of(topic.topic)), partition);
  return held;
}

void Model::check() {
  std::map<std::pair<std::string, int32_t>, std::string> owners;
  for (const Client& client : clients_)
    for (const auto& partition : held_by(client)) {
      const auto [at, alone] = owners.emplace(partition, client.id);
      ASSERT_TRUE(alone) << partition.first << ":" << partition.second << " of " << at->second << " and "
                         << client.id;
    }
  ASSERT_GE(group_.state.epoch(), last_epoch_);
  ASSERT_GE(group_.state.epoch(), group_.state.target_epoch().epoch);
  last_epoch_ = group_.state.epoch();
}

void Model::step() {
  if (clients_.size() < 8 && chance(12)) return start_client();
  if (chance(40)) return change_topics();
  if (chance(30)) return group_.new_leader();
  if (chance(3)) return group_.tick(static_cast<int64_t>(pick(3'000)));
  if (chance(60)) return group_.tick(50'000);
  if (clients_.empty()) return;
  const size_t number = pick(clients_.size());
  Client& client = clients_[number];
  if (!client.running && held_by(client).empty())
    return void(clients_.erase(clients_.begin() + static_cast<ptrdiff_t>(number)));
  if (!client.running) return;
  if (chance(25)) return stop_client(client);
  if (chance(25)) return subscribe(client);
  if (!client.has_settled() && chance(2)) client.owned = client.told;
  ask(client, true);
}

void Model::run(int steps) {
  for (int i = 0; i < steps && !testing::Test::HasFatalFailure(); ++i) {
    step();
    check();
  }
}

void Model::settle() {
  group_.tick(50'000);  // who does not run any more is gone
  std::erase_if(clients_, [](const Client& client) { return !client.running; });
  for (int round = 0; round < 40; ++round) {
    for (Client& client : clients_) {
      client.owned = client.told;
      ask(client, false);
      check();
    }
    group_.tick(2'000);
  }
  std::erase_if(clients_, [](const Client& client) { return !client.running; });
  check_settled();
}

void Model::check_settled() {
  EXPECT_EQ(group_.state.members().empty() ? group_.state.epoch() : group_.state.target_epoch().epoch,
            group_.state.epoch());
  std::map<std::pair<std::string, int32_t>, int> owners;
  for (const Client& client : clients_) {
    if (client.epoch == 0) continue;  // another has its instance id
    const ConsumerState::Member* member = group_.state.find_member(client.id);
    ASSERT_NE(member, nullptr) << client.id;
    EXPECT_EQ(client.epoch, group_.state.epoch()) << client.id;
    EXPECT_EQ(member->current.state, MemberState::kStable) << client.id;
    EXPECT_TRUE(client.has_settled() && same_partitions(client.owned, member->target)) << client.id;
    for (const auto& partition : held_by(client)) ++owners[partition];
  }
  for (const auto& [topic, members] : group_.state.topics()) {
    const auto known = group_.topics.find(topic);
    for (int32_t partition = 0; known && partition < known->partitions; ++partition)
      EXPECT_EQ((owners[{topic, partition}]), 1) << topic << ":" << partition;
  }
}

class ConsumerModel : public testing::TestWithParam<uint32_t> {};

TEST_P(ConsumerModel, HasOneOwnerForEachPartition) {
  Model model(GetParam());
  model.run(1'500);
  if (!testing::Test::HasFatalFailure()) model.settle();
}

INSTANTIATE_TEST_SUITE_P(Seeds, ConsumerModel, testing::Range(1u, 41u));

}  // namespace
}  // namespace chronik::kafka::group::test
