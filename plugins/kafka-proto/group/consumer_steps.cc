#include "kafka-proto/group/consumer_steps.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kafka-proto/group/regex.h"

namespace chronik::kafka {
namespace {

// So many partitions, members and matches are gone through in well below a millisecond.
constexpr size_t kShort = 2'000;

void add_members(const group::AssignmentInput& input, AssignorGroup& out) {
  for (const group::AssignmentInput::Member& member : input.members)
    out.add_member({.id = member.id,
                    .instance_id = member.instance_id,
                    .rack = member.rack == group::kNoRack ? std::string_view() : input.racks[member.rack],
                    .topics = member.topics});
}

void add_owners(const group::AssignmentInput& input, AssignorGroup& out) {
  for (uint32_t topic = 0; topic < input.topics.size(); ++topic)
    for (uint32_t partition = 0; partition < input.topics[topic].partitions; ++partition) {
      const auto number = static_cast<int32_t>(partition);
      const uint32_t owner = input.owners[input.topics[topic].first + partition];
      if (owner != group::kNobody) out.add_owned(owner, topic, {&number, 1});
    }
}

void add_racks(const group::AssignmentInput& input, AssignorGroup& out) {
  if (input.rack_ends.empty()) return;
  std::vector<std::string_view> racks;
  for (uint32_t topic = 0; topic < input.topics.size(); ++topic)
    for (uint32_t partition = 0; partition < input.topics[topic].partitions; ++partition) {
      const uint32_t number = input.topics[topic].first + partition;
      racks.clear();
      for (uint32_t i = number == 0 ? 0 : input.rack_ends[number - 1]; i < input.rack_ends[number]; ++i)
        racks.push_back(input.racks[input.replica_racks[i]]);
      out.add_racks(topic, partition, racks);
    }
}

}  // namespace

Result<group::AssignmentOwners> ask_assignor(const Assignors& assignors,
                                             const group::AssignmentInput& input) {
  AssignorGroup asked;
  for (const group::AssignmentInput::Topic& topic : input.topics) asked.add_topic(topic.id, topic.partitions);
  add_members(input, asked);
  add_owners(input, asked);
  add_racks(input, asked);
  CHRONIK_TRY(const GroupAssignment assignment, assignors.assign(input.assignor, asked));
  group::AssignmentOwners owners(input.partitions, group::kNobody);
  for (uint32_t member = 0; member < input.members.size(); ++member)
    for (const AssignedTopic& topic : assignment.of(member))
      for (const int32_t partition : topic.partitions)
        owners[input.topics[topic.topic].first + static_cast<uint32_t>(partition)] = member;
  return owners;
}

group::RegexTopics find_topics(const std::vector<std::string>& regexes, const group::TopicView& topics) {
  group::RegexTopics out;
  for (const std::string& pattern : regexes) {
    const group::Regex regex(pattern);
    std::vector<std::string>& found = out[pattern];
    topics.each_name([&](std::string_view name) {
      if (regex.matches(name)) found.emplace_back(name);
    });
    std::ranges::sort(found);
  }
  return out;
}

// A stop waits for what is on the blocking lane.
template <class Result, class Step, class Done>
void ConsumerSteps::run(bool is_short, Step step, Done done) const {
  if (is_short) return done(step());
  const Host& host = services_.host;
  const auto home = static_cast<uint32_t>(host.current_shard());
  auto count = std::make_shared<CallCount>(services_);
  host.blocking(
      [host, home, count = std::move(count), step = std::move(step), done = std::move(done)]() mutable {
        host.post(home, [count = std::move(count), result = step(), done = std::move(done)]() mutable {
          done(std::move(result));
        });
      });
}

void ConsumerSteps::assign(std::shared_ptr<const group::AssignmentInput> input, Assigned done) const {
  using Owners = std::optional<group::AssignmentOwners>;
  const bool is_short = input->partitions + input->members.size() <= kShort;
  const auto step = [host = services_.host, assignors = assignors_, input = std::move(input)]() -> Owners {
    Result<group::AssignmentOwners> owners = ask_assignor(*assignors, *input);
    if (owners) return std::move(*owners);
    host.warn("A consumer group gets no assignment", fmt::format("reason=\"{}\"", owners.error().message));
    return std::nullopt;
  };
  run<Owners>(is_short, step, std::move(done));
}

void ConsumerSteps::resolve(std::vector<std::string> regexes, TopicFeed::View topics, Resolved done) const {
  size_t names = 0;
  topics->each_name([&](std::string_view) { ++names; });
  const bool is_short = regexes.size() * names <= kShort;
  run<group::RegexTopics>(
      is_short,
      [regexes = std::move(regexes), topics = std::move(topics)] { return find_topics(regexes, *topics); },
      std::move(done));
}

}  // namespace chronik::kafka
