#include "unit/kafka-proto/group/core/consumer_testing.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <regex>
#include <sstream>

#include "kafka-proto/group/core/consumer_protocol.h"

namespace chronik::kafka::group::test {

chr_uuid topic_id(uint8_t number) {
  chr_uuid id{};
  id.b[0] = number;
  return id;
}

// ---- topics ----

void Topics::add(const std::string& name, int32_t partitions) {
  ++version_;
  Topic& topic = topics_[name];
  if (topic.partitions == 0) topic.id = topic_id(++last_id_);
  topic.partitions = partitions;
}

void Topics::remove(const std::string& name) {
  ++version_;
  topics_.erase(name);
}

void Topics::set_racks(const std::string& name, std::vector<std::string> racks) {
  ++version_;
  ++topics_[name].racks_hash;
  racks_[name] = std::move(racks);
}

std::optional<TopicView::Topic> Topics::find(std::string_view name) const {
  const auto at = topics_.find(name);
  return at == topics_.end() ? std::nullopt : std::optional(at->second);
}

std::string_view Topics::name_of(const chr_uuid& id) const {
  for (const auto& [name, topic] : topics_)
    if (same_topic(topic.id, id)) return name;
  return {};
}

void Topics::each_name(const std::function<void(std::string_view)>& fn) const {
  for (const auto& [name, topic] : topics_) fn(name);
}

std::vector<std::string> Topics::racks(const chr_uuid& id, int32_t partition) const {
  const auto at = racks_.find(name_of(id));
  if (at == racks_.end()) return {};
  return {at->second[static_cast<size_t>(partition) % at->second.size()]};
}

std::string AnyPatterns::refuse(std::string_view pattern) const {
  return pattern.find("((") == std::string_view::npos ? "" : "missing closing )";
}

// ---- the assignor ----

std::expected<AssignmentOwners, std::string> RangeAssignor::assign(const AssignmentInput& input) const {
  AssignmentOwners owners(input.partitions, kNobody);
  for (uint32_t number = 0; number < input.topics.size(); ++number) {
    const AssignmentInput::Topic& topic = input.topics[number];
    std::vector<uint32_t> members;
    for (uint32_t member = 0; member < input.members.size(); ++member)
      if (std::ranges::binary_search(input.members[member].topics, number)) members.push_back(member);
    for (uint32_t partition = 0; !members.empty() && partition < topic.partitions; ++partition)
      owners[topic.first + partition] =
          members[static_cast<size_t>(uint64_t{partition} * members.size() / topic.partitions)];
  }
  return owners;
}

// ---- the group ----

ConsumerHarness::ConsumerHarness() { new_leader(); }

void ConsumerHarness::new_leader() { group = std::make_unique<ConsumerGroup>("g", context()); }

std::optional<ConsumerHeartbeatResult> ConsumerHarness::heartbeat(ConsumerHeartbeatRequest request) {
  auto answer = std::make_shared<std::optional<ConsumerHeartbeatResult>>();
  Outcome out;
  group->heartbeat(
      context(), std::move(request),
      [answer](ConsumerHeartbeatResult result) { *answer = std::move(result); }, out);
  finish(out);
  return *answer;
}

void ConsumerHarness::finish(Outcome& out, ErrorCode written_as) {
  if (written_as == ErrorCode::kNone)
    for (const Record& record : out.records) {
      written.push_back(record);
      std::visit(
          [this](const auto& one) {
            if constexpr (requires { state.apply(one); }) state.apply(one);
          },
          record);
    }
  for (const Outcome::Finish& finish : out.finish) finish(written_as);
  if (runs_steps) run_steps();
}

void ConsumerHarness::run_steps() {
  for (;;) {
    Outcome out;
    if (auto input = group->begin_assignment(context())) {
      auto owners = assignor.assign(*input);
      group->finish_assignment(context(), *input, owners ? std::optional(*owners) : std::nullopt, out);
    } else if (auto regexes = group->begin_regexes(context())) {
      RegexTopics found;
      for (const std::string& regex : regexes->regexes)
        topics.each_name([&](std::string_view name) {
          if (std::regex_match(std::string(name), std::regex(regex))) found[regex].emplace_back(name);
        });
      group->finish_regexes(context(), *regexes, found, out);
    } else {
      return;
    }
    finish(out);
  }
}

void ConsumerHarness::tick(int64_t ms) {
  const int64_t end = now.monotonic_ms + ms;
  for (;;) {
    const int64_t step =
        std::clamp<int64_t>(group->next_deadline_ms(context()) - now.monotonic_ms, 0, end - now.monotonic_ms);
    now.monotonic_ms += step;
    now.wall_ms += step;
    Outcome out;
    group->expire(context(), out);
    finish(out);
    if (now.monotonic_ms >= end) return;
  }
}

// ---- requests ----

ConsumerHeartbeatRequest join(std::string member, std::vector<std::string> topics) {
  ConsumerHeartbeatRequest request;
  request.member_id = std::move(member);
  request.rebalance_timeout_ms = 60'000;
  request.topic_names = std::move(topics);
  request.owned.emplace();
  request.client_id = "c";
  request.client_host = "/h";
  return request;
}

ConsumerHeartbeatRequest alive(std::string member, int32_t epoch) {
  ConsumerHeartbeatRequest request;
  request.member_id = std::move(member);
  request.epoch = epoch;
  request.client_id = "c";
  request.client_host = "/h";
  return request;
}

std::string subscription_bytes(const std::vector<std::string>& names, const PartitionSet& owned,
                               const TopicView& topics) {
  std::string bytes{0, 1, 0, 0, 0, static_cast<char>(names.size())};
  for (const std::string& name : names) bytes += std::string{0, static_cast<char>(name.size())} + name;
  bytes += std::string(4, '\xff');
  // As in an assignment, which has a version before it and user data behind it.
  const std::string assignment = write_assignment(owned, 0, topics);
  return bytes + assignment.substr(2, assignment.size() - 6);
}

// ---- text ----

std::string describe(const PartitionSet& set, const TopicView& topics) {
  std::string text;
  for (const TopicPartitions& topic : set) {
    const std::string_view name = topics.name_of(topic.topic);
    text += fmt::format("{}{}:", text.empty() ? "" : " ", name.empty() ? "?" : name);
    for (size_t i = 0; i < topic.partitions.size(); ++i) {
      size_t last = i;
      while (last + 1 < topic.partitions.size() && topic.partitions[last + 1] == topic.partitions[last] + 1 &&
             (topic.assignment_epochs.empty() ||
              topic.assignment_epochs[last + 1] == topic.assignment_epochs[i]))
        ++last;
      text += fmt::format("{}{}", i == 0 ? "" : ",", topic.partitions[i]);
      if (last > i) text += fmt::format("-{}", topic.partitions[last]);
      if (!topic.assignment_epochs.empty()) text += fmt::format("@{}", topic.assignment_epochs[i]);
      i = last;
    }
  }
  return text.empty() ? "nothing" : text;
}

PartitionSet parse_partitions(const std::string& text, const TopicView& topics) {
  PartitionSet set;
  if (text == "nothing" || text.empty()) return set;
  std::istringstream in(text);
  for (std::string word; std::getline(in, word, '+');) {
    const size_t colon = word.find(':');
    const chr_uuid id = topics.find(word.substr(0, colon)).value_or(TopicView::Topic{topic_id(255)}).id;
    std::istringstream ranges(word.substr(colon + 1));
    for (std::string range; std::getline(ranges, range, ',');) {
      const int first = std::stoi(range);
      const size_t dash = range.find('-', 1);
      const int last = dash == std::string::npos ? first : std::stoi(range.substr(dash + 1));
      for (int partition = first; partition <= last; ++partition) set.push_back({id, {partition}, {}});
    }
  }
  return sorted(std::move(set));
}

std::string describe(MemberState state) {
  switch (state) {
    case MemberState::kStable:
      return "stable";
    case MemberState::kUnrevokedPartitions:
      return "unrevoked";
    case MemberState::kUnreleasedPartitions:
      return "unreleased";
  }
  return "?";
}

namespace {

std::string text(const MemberRecord& record, const TopicView&) {
  if (!record.value) return fmt::format("member {} gone", record.member_id);
  std::string text =
      fmt::format("member {} names={}", record.member_id, fmt::join(record.value->topic_names, ","));
  if (record.value->topic_regex) text += fmt::format(" regex={}", *record.value->topic_regex);
  if (record.value->instance_id) text += fmt::format(" instance={}", *record.value->instance_id);
  if (record.value->rack_id) text += fmt::format(" rack={}", *record.value->rack_id);
  if (record.value->assignor) text += fmt::format(" assignor={}", *record.value->assignor);
  if (record.value->classic)
    text += fmt::format(" classic session={}", record.value->classic->session_timeout_ms);
  return text;
}

std::string text(const GroupEpochRecord& record, const TopicView&) {
  if (!record.value) return "group gone";
  return fmt::format("group epoch {}{}", record.value->epoch,
                     record.value->metadata_hash == 0 ? ", no topics" : "");
}

std::string text(const TargetEpochRecord& record, const TopicView&) {
  return record.value ? fmt::format("target epoch {}", record.value->epoch) : "target gone";
}

std::string text(const TargetMemberRecord& record, const TopicView& topics) {
  return fmt::format("target {} {}", record.member_id,
                     record.value ? describe(*record.value, topics) : "gone");
}

std::string text(const CurrentMemberRecord& record, const TopicView& topics) {
  if (!record.value) return fmt::format("current {} gone", record.member_id);
  std::string text = fmt::format("current {} epoch {} after {}, {}, has {}", record.member_id,
                                 record.value->epoch, record.value->previous_epoch,
                                 describe(record.value->state), describe(record.value->assigned, topics));
  if (!record.value->pending_revocation.empty())
    text += fmt::format(", gives away {}", describe(record.value->pending_revocation, topics));
  return text;
}

std::string text(const RegexRecord& record, const TopicView&) {
  if (!record.value) return fmt::format("regex {} gone", record.regex);
  return fmt::format("regex {} finds {}", record.regex, fmt::join(record.value->topics, ","));
}

std::string text(const ClassicGroupRecord& record, const TopicView&) {
  if (!record.value) return "classic group gone";
  std::string text = fmt::format("classic group generation {} protocol {}", record.value->generation,
                                 record.value->protocol.value_or("none"));
  for (const ClassicGroupRecord::Member& member : record.value->members)
    text += fmt::format(" {}", member.member_id);
  return text;
}

std::string text(const OffsetCommitRecord&, const TopicView&) { return "offset"; }

}  // namespace

std::string describe(const Record& record, const TopicView& topics) {
  return std::visit([&](const auto& one) { return text(one, topics); }, record);
}

}  // namespace chronik::kafka::group::test
