#include "metadata/wire/codec.h"

#include <fmt/format.h>

#include <algorithm>

#include "metadata/wire/convert.h"

namespace chronik::metadata {
namespace {

using convert::corrupt;

std::string bytes_of(const google::protobuf::MessageLite& message) { return message.SerializeAsString(); }

void to_wire(const ChangeFrame& from, wire::Frame* to) {
  wire::Change* change = to->mutable_change();
  convert::to_wire(from.command, change->mutable_command());
  change->set_attempt(from.attempt);
  change->set_validate_only(from.validate_only);
  change->set_patient(from.patient);
}

void to_wire(const ReplyFrame& from, wire::Frame* to) {
  wire::Reply* reply = to->mutable_reply();
  reply->set_session(from.session);
  reply->set_number(from.number);
  reply->set_attempt(from.attempt);
  convert::to_wire(from.verdict, reply->mutable_verdict());
  for (const ItemResult& item : from.items) {
    wire::ItemResult* out = reply->add_items();
    convert::to_wire(Verdict{item.code, item.message}, out->mutable_verdict());
    out->set_topic(convert::id(item.topic));
    out->set_partitions(item.partitions);
  }
}

void to_wire(const SyncFrame& from, wire::Frame* to) {
  to->mutable_sync()->set_batch(from.batch);
  convert::to_wire(from.what, to->mutable_sync()->mutable_what());
}

void to_wire(const SyncRefusedFrame& from, wire::Frame* to) {
  to->mutable_sync_refused()->set_batch(from.batch);
  convert::to_wire(from.verdict, to->mutable_sync_refused()->mutable_verdict());
}

void to_wire(const DigestFrame& from, wire::Frame* to) {
  to->mutable_digest()->set_index(from.index);
  to->mutable_digest()->set_digest(from.digest);
}

void to_wire(const QuorumRequestFrame& from, wire::Frame* to) {
  to->mutable_quorum_request()->set_number(from.number);
}

void to_wire(const QuorumReplyFrame& from, wire::Frame* to) {
  wire::QuorumReply* reply = to->mutable_quorum_reply();
  reply->set_number(from.number);
  convert::to_wire(from.verdict, reply->mutable_verdict());
  reply->set_leader(from.leader);
  reply->set_term(from.term);
  reply->set_commit_index(from.commit_index);
  reply->set_catalog_version(from.catalog_version);
  for (const QuorumMember& member : from.members) {
    wire::QuorumMember* out = reply->add_members();
    out->set_id(member.id);
    out->set_voter(member.voter);
    out->set_match_index(member.match_index);
    out->set_heard_ms(member.heard_ms);
    out->set_caught_up_ms(member.caught_up_ms);
  }
}

void to_wire(const FeaturesFrame& from, wire::Frame* to) {
  wire::Features* features = to->mutable_features();
  for (const ToldRange& range : from.features) convert::to_wire(range, features->add_features());
  features->set_answer(from.answer);
}

void to_wire(const LinksFrame& from, wire::Frame* to) {
  to->mutable_links()->mutable_linked()->Add(from.linked.begin(), from.linked.end());
  to->mutable_links()->mutable_up()->Add(from.up.begin(), from.up.end());
}

// The lowest version that has all of what the frame holds.
uint32_t version_of(const wire::Frame& frame) {
  switch (frame.what_case()) {
    case wire::Frame::kChange:
      return std::max<uint32_t>(frame.change().command().version(), frame.change().patient() ? 2 : 1);
    case wire::Frame::kSync:
      return std::any_of(frame.sync().what().nodes().begin(), frame.sync().what().nodes().end(),
                         [](const wire::Node& node) { return !node.raft().empty(); })
                 ? 2
                 : 1;
    case wire::Frame::kQuorumRequest:
    case wire::Frame::kQuorumReply:
      return 2;
    case wire::Frame::kFeatures:
      return 4;
    case wire::Frame::kLinks:
      return 5;
    default:
      return 1;
  }
}

Result<Frame> quorum_reply(const wire::QuorumReply& from) {
  QuorumReplyFrame out;
  out.number = from.number();
  CHRONIK_TRY(out.verdict, convert::from_wire(from.verdict()));
  out.leader = from.leader();
  out.term = from.term();
  out.commit_index = from.commit_index();
  out.catalog_version = from.catalog_version();
  if (static_cast<size_t>(from.members_size()) > kMaxNodes)
    return std::unexpected(corrupt("a quorum of too many members"));
  for (const wire::QuorumMember& member : from.members())
    out.members.push_back(
        {member.id(), member.voter(), member.match_index(), member.heard_ms(), member.caught_up_ms()});
  return out;
}

Result<Frame> change_frame(const wire::Change& from) {
  ChangeFrame out;
  CHRONIK_TRY(out.command, convert::from_wire(from.command()));
  if (std::holds_alternative<InitCluster>(out.command.body) ||
      std::holds_alternative<SyncBatch>(out.command.body))
    return std::unexpected(corrupt("a change that only the leader of __meta may make"));
  out.attempt = from.attempt();
  out.validate_only = from.validate_only();
  out.patient = from.patient();
  return out;
}

Result<Frame> reply_frame(const wire::Reply& from) {
  ReplyFrame out{from.session(), from.number(), from.attempt(), {}, {}};
  CHRONIK_TRY(out.verdict, convert::from_wire(from.verdict()));
  if (static_cast<size_t>(from.items_size()) > kMaxItems)
    return std::unexpected(corrupt("a reply of too many items"));
  for (const wire::ItemResult& item : from.items()) {
    CHRONIK_TRY(const Verdict verdict, convert::from_wire(item.verdict()));
    CHRONIK_TRY(const Uuid topic, convert::id(item.topic()));
    out.items.push_back({verdict.code, verdict.message, topic, item.partitions()});
  }
  return out;
}

Result<Frame> features_frame(const wire::Features& from) {
  CHRONIK_CHECK(convert::bounded(static_cast<size_t>(from.features_size()), kMaxFeatures, "features"));
  FeaturesFrame out;
  for (const wire::FeatureRange& range : from.features()) {
    CHRONIK_TRY(ToldRange told, convert::from_wire(range));
    out.features.push_back(std::move(told));
  }
  out.answer = from.answer();
  return out;
}

Result<Frame> links_frame(const wire::Links& from) {
  LinksFrame out;
  for (const auto& [nodes, to] : {std::pair{&from.linked(), &out.linked}, {&from.up(), &out.up}}) {
    CHRONIK_CHECK(convert::bounded(static_cast<size_t>(nodes->size()), kMaxNodes, "nodes"));
    to->assign(nodes->begin(), nodes->end());
  }
  return out;
}

// The messages keep fields that they do not know where nobody sees them; a value that holds less than its
// bytes gives them away.
Status nothing_lost(const std::string& again, std::string_view bytes) {
  if (again.size() == bytes.size()) return {};
  return std::unexpected(corrupt("a message holds a field that this version does not know"));
}

Result<Frame> frame_of(std::string_view bytes) {
  if (bytes.size() > kMaxCommandBytes)
    return std::unexpected(
        corrupt(fmt::format("a frame of {} bytes, the limit is {}", bytes.size(), kMaxCommandBytes)));
  wire::Frame message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return std::unexpected(corrupt("bytes that are no frame"));
  if (message.version() < 1 || message.version() > convert::kNewestFrame)
    return fail(Code::kUnsupported, fmt::format("a frame of version {}, this node knows up to {}",
                                                message.version(), convert::kNewestFrame));
  switch (message.what_case()) {
    case wire::Frame::kChange:
      return change_frame(message.change());
    case wire::Frame::kReply:
      return reply_frame(message.reply());
    case wire::Frame::kSync: {
      SyncFrame out{message.sync().batch(), {}};
      CHRONIK_TRY(out.what, convert::from_wire(message.sync().what()));
      return out;
    }
    case wire::Frame::kSyncRefused: {
      SyncRefusedFrame out{message.sync_refused().batch(), {}};
      CHRONIK_TRY(out.verdict, convert::from_wire(message.sync_refused().verdict()));
      return out;
    }
    case wire::Frame::kDigest:
      return DigestFrame{message.digest().index(), message.digest().digest()};
    case wire::Frame::kQuorumRequest:
      return QuorumRequestFrame{message.quorum_request().number()};
    case wire::Frame::kQuorumReply:
      return quorum_reply(message.quorum_reply());
    case wire::Frame::kFeatures:
      return features_frame(message.features());
    case wire::Frame::kLinks:
      return links_frame(message.links());
    case wire::Frame::WHAT_NOT_SET:
      break;
  }
  return std::unexpected(corrupt("a frame of an unknown kind"));
}

}  // namespace

std::string encode(const Command& command) {
  wire::Command message;
  convert::to_wire(command, &message);
  return bytes_of(message);
}

Result<Command> decode_command(std::string_view bytes) {
  if (bytes.size() > kMaxCommandBytes)
    return std::unexpected(
        corrupt(fmt::format("a command of {} bytes, the limit is {}", bytes.size(), kMaxCommandBytes)));
  wire::Command message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return std::unexpected(corrupt("bytes that are no command"));
  CHRONIK_TRY(Command out, convert::from_wire(message));
  CHRONIK_CHECK(nothing_lost(encode(out), bytes));
  return out;
}

std::string encode(const Frame& frame) {
  wire::Frame message;
  std::visit([&](const auto& what) { to_wire(what, &message); }, frame);
  message.set_version(version_of(message));
  return bytes_of(message);
}

Result<Frame> decode_frame(std::string_view bytes) {
  CHRONIK_TRY(Frame out, frame_of(bytes));
  CHRONIK_CHECK(nothing_lost(encode(out), bytes));
  return out;
}

}  // namespace chronik::metadata
