#include "unit/kafka-proto/group/core/script.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <sstream>

#include "kafka-proto/group/core/offset_rules.h"

namespace chronik::kafka::group::test {
namespace {

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, by);) parts.push_back(part);
  return parts;
}

// "range:abc,rr": metadata in the form of a subscription where it is written +topic+topic.
std::string metadata(const std::string& text) {
  if (text.empty() || text[0] != '+') return text;
  const std::vector<std::string> topics = split(text.substr(1), '+');
  std::string bytes{0, 1, 0, 0, 0, static_cast<char>(topics.size())};
  for (const std::string& topic : topics) bytes += std::string{0, static_cast<char>(topic.size())} + topic;
  return bytes + std::string(4, '\xff');
}

std::string readable(const std::string& bytes) {
  std::string text;
  for (const char c : bytes)
    text += std::isprint(static_cast<unsigned char>(c)) ? std::string(1, c)
                                                        : fmt::format("\\x{:02x}", static_cast<uint8_t>(c));
  return text.empty() ? "-" : text;
}

std::string or_none(const std::optional<std::string>& text) { return text ? *text : "none"; }

chr_uuid uuid(const std::string& number) {
  chr_uuid id{};
  id.b[15] = static_cast<uint8_t>(std::stoi(number));
  return id;
}

int64_t duration_ms(const std::string& text) {
  const int64_t number = std::stoll(text);
  if (text.ends_with("ms") || std::isdigit(static_cast<unsigned char>(text.back()))) return number;
  return number * (text.back() == 's' ? 1'000 : text.back() == 'm' ? 60'000 : 3'600'000);
}

}  // namespace

std::string name_of_error(ErrorCode error) {
  switch (error) {
    case ErrorCode::kNone:
      return "ok";
    case ErrorCode::kUnknownServerError:
      return "UNKNOWN_SERVER_ERROR";
    case ErrorCode::kCoordinatorNotAvailable:
      return "COORDINATOR_NOT_AVAILABLE";
    case ErrorCode::kNotCoordinator:
      return "NOT_COORDINATOR";
    case ErrorCode::kIllegalGeneration:
      return "ILLEGAL_GENERATION";
    case ErrorCode::kInconsistentGroupProtocol:
      return "INCONSISTENT_GROUP_PROTOCOL";
    case ErrorCode::kUnknownMemberId:
      return "UNKNOWN_MEMBER_ID";
    case ErrorCode::kInvalidSessionTimeout:
      return "INVALID_SESSION_TIMEOUT";
    case ErrorCode::kRebalanceInProgress:
      return "REBALANCE_IN_PROGRESS";
    case ErrorCode::kNonEmptyGroup:
      return "NON_EMPTY_GROUP";
    case ErrorCode::kGroupIdNotFound:
      return "GROUP_ID_NOT_FOUND";
    case ErrorCode::kMemberIdRequired:
      return "MEMBER_ID_REQUIRED";
    case ErrorCode::kGroupMaxSizeReached:
      return "GROUP_MAX_SIZE_REACHED";
    case ErrorCode::kFencedInstanceId:
      return "FENCED_INSTANCE_ID";
    case ErrorCode::kGroupSubscribedToTopic:
      return "GROUP_SUBSCRIBED_TO_TOPIC";
    default:
      return fmt::format("error {}", static_cast<int>(error));
  }
}

// Words and key=value options.
struct Script::Words {
  explicit Words(const std::string& line) {
    std::istringstream in(line);
    for (std::string word; in >> word;) {
      const size_t at = word.find('=');
      if (at == std::string::npos) {
        plain.push_back(word);
      } else {
        options[word.substr(0, at)] = word.substr(at + 1);
      }
    }
  }
  const std::string& name() const { return plain.at(1); }
  std::optional<std::string> find(const std::string& key) const {
    const auto at = options.find(key);
    return at == options.end() ? std::nullopt : std::optional<std::string>(at->second);
  }
  std::string text(const std::string& key, const std::string& otherwise) const {
    return find(key).value_or(otherwise);
  }
  int64_t number(const std::string& key, int64_t otherwise) const {
    const auto value = find(key);
    return value ? duration_ms(*value) : otherwise;
  }

  std::vector<std::string> plain;
  std::map<std::string, std::string> options;
};

Script::Script() {
  leader_.wrote = [this](const Record& record) { wrote(record); };
}

std::string Script::run(const std::string& line) {
  out_.clear();
  for (const std::string& one : split(line, ';')) {
    const Words words(one);
    if (!words.plain.empty()) command(words);
  }
  if (out_.empty()) out_ = "ok\n";
  return out_;
}

void Script::command(const Words& words) {
  const std::string& name = words.plain[0];
  if (name == "config") return configure(words);
  if (name == "tick") return leader_.pass(duration_ms(words.name()));
  if (name == "change-leader") return leader_.change_leader();
  if (name == "show") return show();
  if (name == "fail-write") {
    leader_.next_write = ErrorCode::kCoordinatorNotAvailable;
  } else if (!member_command(words) && !offset_command(words)) {
    FAIL() << "unknown command " << name;
  }
}

void Script::configure(const Words& words) {
  GroupConfig& config = leader_.config;
  const auto ms = [&](const char* key, int32_t now) { return static_cast<int32_t>(words.number(key, now)); };
  config.min_session_timeout_ms = ms("min-session", config.min_session_timeout_ms);
  config.max_session_timeout_ms = ms("max-session", config.max_session_timeout_ms);
  config.initial_rebalance_delay_ms = ms("delay", config.initial_rebalance_delay_ms);
  config.max_size = ms("max-size", config.max_size);
  config.offsets_retention_ms = words.number("retention", config.offsets_retention_ms);
}

// ---- members ----

MemberClaim Script::claim(const Words& words) {
  const Client& client = clients_[words.name()];
  return {words.text("id", client.member_id), words.find("instance"),
          static_cast<int32_t>(words.number("generation", client.generation))};
}

bool Script::member_command(const Words& words) {
  const std::string& name = words.plain[0];
  if (name == "join") {
    join(words);
  } else if (name == "sync") {
    sync(words);
  } else if (name == "leave") {
    leave(words);
  } else if (name == "heartbeat") {
    print("{}: {}", words.name(), name_of_error(leader_.group().heartbeat(claim(words), leader_.now)));
  } else if (name == "check-commit") {
    print("{}: {}", words.name(), name_of_error(leader_.group().check_commit(claim(words), leader_.now)));
  } else if (name == "check-simple-commit") {
    print("{}: {}", words.name(), name_of_error(check_simple_commit(leader_.recorded(), claim(words))));
  } else {
    return false;
  }
  return true;
}

void Script::join(const Words& words) {
  const std::string name = words.name();
  Client& client = clients_[name];
  const int64_t version = words.number("v", 9);
  JoinRequest request;
  request.member_id = words.text("id", client.member_id);
  request.instance_id = words.find("instance");
  request.client_id = name;
  request.client_host = "/host";
  request.protocol_type = words.text("type", "consumer");
  for (const std::string& protocol : split(words.text("protocols", "range:" + name), ',')) {
    const size_t at = std::min(protocol.find(':'), protocol.size());
    request.protocols.push_back(
        {protocol.substr(0, at), metadata(protocol.substr(std::min(at + 1, protocol.size())))});
  }
  request.session_timeout_ms = static_cast<int32_t>(words.number("session", 10'000));
  request.rebalance_timeout_ms = static_cast<int32_t>(words.number("rebalance", 60'000));
  if (request.member_id.empty()) request.new_member_id = fmt::format("{}{}", name, ++client.incarnations);
  request.requires_known_member = version >= 4;
  request.supports_skipping_assignment = version >= 9;
  Outcome out;
  leader_.group().join(
      std::move(request), [this, name](const JoinResult& result) { joined(name, result); }, leader_.now, out);
  leader_.run(std::move(out));
}

void Script::joined(const std::string& name, const JoinResult& result) {
  Client& client = clients_[name];
  if (result.error != ErrorCode::kNone) {
    if (result.error == ErrorCode::kMemberIdRequired) client.member_id = result.member_id;
    return print("{}: {} id={}", name, name_of_error(result.error), readable(result.member_id));
  }
  client.member_id = result.member_id;
  client.generation = result.generation;
  std::string members;
  for (const JoinResult::Member& member : result.members)
    members += fmt::format(" {}{}:{}", member.member_id, member.instance_id ? "/" + *member.instance_id : "",
                           readable(member.metadata));
  print("{}: joined as {} generation={} {}/{} leader={}{}{}{}", name, result.member_id, result.generation,
        or_none(result.protocol_type), or_none(result.protocol), result.leader,
        result.skip_assignment ? " skip" : "", members.empty() ? "" : " members:", members);
}

void Script::sync(const Words& words) {
  const std::string name = words.name();
  const MemberClaim from = claim(words);
  SyncRequest request{from.member_id,     from.instance_id,       from.generation,
                      words.find("type"), words.find("protocol"), {}};
  for (size_t i = 2; i < words.plain.size(); ++i) {
    const size_t at = words.plain[i].find(':');
    const std::string member = words.plain[i].substr(0, at);
    const auto client = clients_.find(member);
    request.assignments.push_back(
        {client == clients_.end() ? member : client->second.member_id, words.plain[i].substr(at + 1)});
  }
  Outcome out;
  leader_.group().sync(
      std::move(request), [this, name](const SyncResult& result) { synced(name, result); }, leader_.now, out);
  leader_.run(std::move(out));
}

void Script::synced(const std::string& name, const SyncResult& result) {
  if (result.error != ErrorCode::kNone) return print("{}: {}", name, name_of_error(result.error));
  print("{}: {}/{} has {}", name, or_none(result.protocol_type), or_none(result.protocol),
        readable(result.assignment));
}

void Script::leave(const Words& words) {
  LeaveRequest request;
  for (size_t i = 1; i < words.plain.size(); ++i) {
    const auto client = clients_.find(words.plain[i]);
    request.members.push_back({client == clients_.end() ? words.plain[i] : client->second.member_id, {}, {}});
  }
  if (words.find("instance")) {
    if (request.members.empty()) request.members.emplace_back();
    request.members.back().instance_id = words.find("instance");
  }
  Outcome out;
  leader_.group().leave(
      request,
      [this](const LeaveResult& result) {
        if (result.error != ErrorCode::kNone) return print("leave: {}", name_of_error(result.error));
        for (const LeaveResult::Member& member : result.members)
          print("left: {}{} {}", readable(member.member_id),
                member.instance_id ? "/" + *member.instance_id : "", name_of_error(member.error));
      },
      leader_.now, out);
  leader_.run(std::move(out));
}

void Script::show() {
  const ClassicDescription of = leader_.live() != nullptr ? leader_.live()->describe()
                                : leader_.recorded() != nullptr
                                    ? describe_recorded(leader_.recorded()->classic.get())
                                    : ClassicDescription{.state = ClassicState::kDead};
  print("{} type={} protocol={}{}", name_of(of.state), readable(of.protocol_type), readable(of.protocol),
        leader_.recorded() == nullptr ? " (no record)" : "");
  for (const ClassicDescription::Member& member : of.members)
    print("  {}{} {}@{} {} has {}", member.member_id, member.instance_id ? "/" + *member.instance_id : "",
          member.client_id, member.client_host, readable(member.metadata), readable(member.assignment));
}

// ---- offsets ----

bool Script::offset_command(const Words& words) {
  const std::string& name = words.plain[0];
  const std::string id = Leader::kGroup;
  const Group* group = leader_.recorded();
  std::vector<Record> records;
  if (name == "commit") {
    commit(words);
  } else if (name == "commit-tombstone") {
    write_all({offset_tombstone(id, words.name(), std::stoi(words.plain.at(2)))});
  } else if (name == "offset") {
    show_offset(words);
  } else if (name == "delete-offsets") {
    delete_offsets(words);
  } else if (name == "delete-topic") {
    if (group != nullptr)
      delete_topic_offsets(id, group->offsets, words.name(), uuid(words.text("topic-id", "0")), records);
    write_all(std::move(records));
  } else if (name == "expire-offsets") {
    if (group != nullptr)
      expire_classic(id, *group, leader_.live(), leader_.config.offsets_retention_ms, leader_.now.wall_ms,
                     records);
    write_all(std::move(records));
  } else if (name == "delete-group") {
    print("{}", name_of_error(delete_classic(id, group, leader_.live(), records)));
    write_all(std::move(records));
  } else {
    return false;
  }
  return true;
}

void Script::write_all(std::vector<Record> records) {
  Outcome out;
  out.records = std::move(records);
  leader_.run(std::move(out));
}

void Script::commit(const Words& words) {
  OffsetCommitRecord::Value value;
  value.offset = std::stoll(words.plain.at(3));
  value.leader_epoch = static_cast<int32_t>(words.number("epoch", -1));
  value.commit_timestamp_ms = leader_.now.wall_ms;
  value.expire_timestamp_ms = words.find("expire") ? leader_.now.wall_ms + words.number("expire", 0) : -1;
  value.topic_id = uuid(words.text("topic-id", "0"));
  write_all({OffsetCommitRecord{Leader::kGroup, words.name(), std::stoi(words.plain.at(2)), value}});
}

void Script::show_offset(const Words& words) {
  const Group* group = leader_.recorded();
  const Offsets::Committed* committed =
      group == nullptr ? nullptr
                       : group->offsets.find(words.name(), uuid(words.text("topic-id", "0")),
                                             std::stoi(words.plain.at(2)));
  if (committed == nullptr) return print("none");
  print("{} epoch={}", committed->offset, committed->leader_epoch);
}

void Script::delete_offsets(const Words& words) {
  const Group* group = leader_.recorded();
  ErrorCode error = check_offset_delete(group, leader_.live());
  if (error == ErrorCode::kNone) error = check_topic_offset_delete(*group, leader_.live(), words.name());
  print("{}", name_of_error(error));
  if (error != ErrorCode::kNone) return;
  std::vector<Record> records;
  delete_topic_offsets(Leader::kGroup, group->offsets, words.name(), {}, records);
  write_all(std::move(records));
}

void Script::wrote(const Record& record) {
  if (const auto* offset = std::get_if<OffsetCommitRecord>(&record)) {
    if (offset->value)
      return print("record: {}-{} at {}", offset->topic, offset->partition, offset->value->offset);
    return print("record: {}-{} gone", offset->topic, offset->partition);
  }
  const auto& group = std::get<ClassicGroupRecord>(record);
  if (!group.value) return print("record: group gone");
  std::string members;
  for (const ClassicGroupRecord::Member& member : group.value->members)
    members +=
        fmt::format(" {}{}:{}:{}", member.member_id, member.instance_id ? "/" + *member.instance_id : "",
                    readable(member.subscription), readable(member.assignment));
  print("record: generation={} {}/{} leader={}{}{}", group.value->generation,
        readable(group.value->protocol_type), or_none(group.value->protocol), or_none(group.value->leader),
        members.empty() ? " empty" : " members:", members);
}

}  // namespace chronik::kafka::group::test
