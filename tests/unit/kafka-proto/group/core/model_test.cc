// Members that come, go, freeze, crash and ask twice, leaders that change, writes that fail: what has to hold then.
// Once the faults end the group has to settle.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "unit/kafka-proto/group/core/leader.h"

namespace chronik::kafka::group::test {
namespace {

constexpr int kPartitions = 12;

// What clients of all incarnations were told, together.
struct World {
  explicit World(uint64_t seed) : random(seed) {
    leader.wrote = [this](const Record& record) { follower.apply(record); };
    leader.config.classic.max_size = 100;
  }

  bool one_in(int n) { return std::uniform_int_distribution<int>(1, n)(random) == 1; }
  int up_to(int n) { return std::uniform_int_distribution<int>(0, n)(random); }

  // A reply that counts: it has to come once.
  template <class Result>
  Reply<Result> counted(Reply<Result> then) {
    ++asked;
    auto answers = std::make_shared<int>(0);
    return [this, answers, then = std::move(then)](const Result& result) {
      EXPECT_EQ(++*answers, 1) << "a request is answered twice";
      ++answered;
      then(result);
    };
  }

  // A partition has one owner in a generation.
  void own(int32_t generation, const std::string& owner, const std::string& partitions) {
    std::istringstream in(partitions);
    for (int partition; in >> partition;) {
      const auto [at, added] = owners.try_emplace({generation, partition}, owner);
      EXPECT_EQ(at->second, owner) << "partition " << partition << " of generation " << generation;
    }
  }

  std::mt19937_64 random;
  Leader leader;
  GroupTable follower;
  std::map<std::pair<int32_t, int>, std::string> owners;
  int asked = 0, answered = 0;
  int names = 0;
};

class Client {
 public:
  enum class State { kIdle, kWaits, kJoined, kStable, kGone };

  Client(World& world, int number) : world_(world), name_("c" + std::to_string(number)) {
    if (number % 3 == 0) instance_ = "i" + std::to_string(number);
  }

  State state() const { return state_; }
  int32_t generation() const { return generation_; }
  const std::string& assignment() const { return assignment_; }

  // One that stops for a while, starts anew, changes its mind, leaves, asks again.
  void fail() {
    switch (world_.up_to(6)) {
      case 0:
        frozen_ = world_.up_to(200);
        break;
      case 1:
        restart();
        break;
      case 2:
        ++metadata_;
        state_ = State::kIdle;
        break;
      case 3:
        leave();
        break;
      case 4:
        if (state_ == State::kWaits && !member_id_.empty()) join();
        break;
      case 5:
        repeat_sync();
        break;
      default:
        if (state_ == State::kJoined) sync();
    }
  }

  void behave() {
    if (frozen_ > 0) {
      --frozen_;
      return;
    }
    if (state_ == State::kIdle) {
      join();
    } else if (state_ == State::kJoined) {
      sync();
    } else if (state_ == State::kStable && ++turns_ % 8 == 0) {
      heard(world_.leader.group().heartbeat({member_id_, instance_, generation_}, world_.leader.now));
    }
  }

  void thaw() { frozen_ = 0; }

 private:
  void restart() {
    ++incarnation_;
    member_id_.clear();
    generation_ = -1;
    state_ = State::kIdle;
  }

  void heard(ErrorCode error) {
    if (error == ErrorCode::kNone) return;
    if (error == ErrorCode::kUnknownMemberId || error == ErrorCode::kFencedInstanceId) return restart();
    state_ = State::kIdle;
  }

  void join() {
    JoinRequest request;
    request.member_id = member_id_;
    request.instance_id = instance_;
    request.client_id = name_;
    request.protocol_type = "consumer";
    request.protocols = {{"range", std::to_string(metadata_)}};
    if (metadata_ % 2 == 1) request.protocols.push_back({"rr", "x"});
    request.session_timeout_ms = 10'000;
    request.rebalance_timeout_ms = 20'000;
    if (member_id_.empty()) request.new_member_id = name_ + "-" + std::to_string(++world_.names);
    request.requires_known_member = metadata_ % 3 != 0;
    request.supports_skipping_assignment = metadata_ % 2 == 0;
    state_ = State::kWaits;
    Outcome out;
    world_.leader.group().join(
        std::move(request), world_.counted<JoinResult>([this, of = incarnation_](const JoinResult& result) {
          if (of == incarnation_ && state_ == State::kWaits) joined(result);
        }),
        world_.leader.now, out);
    world_.leader.run(std::move(out));
  }

  void joined(const JoinResult& result) {
    if (result.error == ErrorCode::kMemberIdRequired) member_id_ = result.member_id;
    state_ = State::kIdle;
    if (result.error != ErrorCode::kNone) return heard(result.error);
    member_id_ = result.member_id;
    generation_ = result.generation;
    members_ = result.skip_assignment ? std::vector<JoinResult::Member>() : result.members;
    state_ = State::kJoined;
  }

  void sync() {
    SyncRequest request{member_id_, instance_, generation_, "consumer", std::nullopt, {}};
    std::vector<std::string> shares(members_.size());
    for (int partition = 0; partition < kPartitions && !members_.empty(); ++partition)
      shares[partition % members_.size()] += std::to_string(partition) + " ";
    for (size_t i = 0; i < members_.size(); ++i)
      request.assignments.push_back({members_[i].member_id, shares[i]});
    state_ = State::kWaits;
    last_sync_ = request;
    Outcome out;
    world_.leader.group().sync(
        std::move(request),
        world_.counted<SyncResult>(
            [this, of = incarnation_, generation = generation_](const SyncResult& result) {
              if (result.error == ErrorCode::kNone)
                world_.own(generation, instance_.value_or(member_id_), result.assignment);
              if (of == incarnation_ && generation == generation_ && state_ == State::kWaits) synced(result);
            }),
        world_.leader.now, out);
    world_.leader.run(std::move(out));
  }

  // An earlier one arrives once more, over a connection that nobody reads any more.
  void repeat_sync() {
    if (!last_sync_) return;
    const std::string owner = instance_.value_or(last_sync_->member_id);
    Outcome out;
    world_.leader.group().sync(*last_sync_,
                               world_.counted<SyncResult>([this, owner, generation = last_sync_->generation](
                                                              const SyncResult& result) {
                                 if (result.error == ErrorCode::kNone)
                                   world_.own(generation, owner, result.assignment);
                               }),
                               world_.leader.now, out);
    world_.leader.run(std::move(out));
  }

  void synced(const SyncResult& result) {
    state_ = State::kIdle;
    if (result.error != ErrorCode::kNone) return heard(result.error);
    assignment_ = result.assignment;
    state_ = State::kStable;
  }

  void leave() {
    Outcome out;
    LeaveRequest request;
    request.members.push_back({member_id_, instance_, std::nullopt});
    world_.leader.group().leave(request, world_.counted<LeaveResult>([](const LeaveResult&) {}),
                                world_.leader.now, out);
    restart();
    world_.leader.run(std::move(out));
  }

  World& world_;
  const std::string name_;
  std::optional<std::string> instance_;
  State state_ = State::kIdle;
  std::string member_id_, assignment_;
  int32_t generation_ = -1;
  int incarnation_ = 0, metadata_ = 0, frozen_ = 0, turns_ = 0;
  std::vector<JoinResult::Member> members_;
  std::optional<SyncRequest> last_sync_;
};

std::string dump(const GroupTable& table) {
  std::string text;
  table.each_record([&](const Record& record) {
    const auto& value = std::get<ClassicGroupRecord>(record).value;
    text += std::to_string(value->generation) + value->protocol_type + value->protocol.value_or("none") +
            value->leader.value_or("none") + std::to_string(value->state_timestamp_ms);
    for (const auto& member : value->members)
      text +=
          member.member_id + member.instance_id.value_or("none") + member.subscription + member.assignment;
  });
  return text;
}

int32_t recorded_generation(const World& world) {
  const Group* group = world.leader.recorded();
  return group == nullptr ? 0 : group->classic->generation;
}

class GroupModel : public testing::TestWithParam<uint64_t> {};

TEST_P(GroupModel, HoldsUnderFaultsAndSettles) {
  World world(GetParam());
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 2 + world.up_to(6); ++i) clients.push_back(std::make_unique<Client>(world, i));
  int32_t generation = 0;
  for (int turn = 0; turn < 4'000; ++turn) {
    if (world.one_in(25)) clients[world.up_to(static_cast<int>(clients.size()) - 1)]->fail();
    if (world.one_in(150)) world.leader.change_leader();
    if (world.one_in(100)) world.leader.next_write = ErrorCode::kCoordinatorNotAvailable;
    for (const auto& client : clients) client->behave();
    world.leader.pass(250);
    EXPECT_GE(recorded_generation(world), generation);
    generation = recorded_generation(world);
  }
  EXPECT_EQ(dump(world.follower), dump(world.leader.table));

  world.leader.next_write = ErrorCode::kNone;
  for (int turn = 0; turn < 1'000; ++turn) {
    for (const auto& client : clients) client->thaw();
    for (const auto& client : clients) client->behave();
    world.leader.pass(250);
  }
  std::set<int> assigned;
  for (const auto& client : clients) {
    EXPECT_EQ(client->state(), Client::State::kStable);
    EXPECT_EQ(client->generation(), world.leader.group().generation());
    std::istringstream in(client->assignment());
    for (int partition; in >> partition;) EXPECT_TRUE(assigned.insert(partition).second);
  }
  EXPECT_EQ(assigned.size(), static_cast<size_t>(kPartitions));
  EXPECT_EQ(world.leader.group().state(), ClassicState::kStable);
  EXPECT_EQ(world.leader.group().members().size(), clients.size());

  world.leader.change_leader();
  EXPECT_EQ(world.asked, world.answered);
}

INSTANTIATE_TEST_SUITE_P(Seeds, GroupModel, testing::Range<uint64_t>(1, 101));

}  // namespace
}  // namespace chronik::kafka::group::test
