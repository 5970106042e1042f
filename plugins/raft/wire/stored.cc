#include "wire/stored.h"

#include "wire/raft.pb.h"

namespace chronik::raft {
namespace {

template <class Proto>
Status parse(std::string_view bytes, std::string_view key, Proto* proto) {
  if (proto->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return {};
  return fail(Code::kCorrupt, "the stored key " + std::string(key) + " cannot be parsed");
}

void put_config(const ConfigEntry& config, wire::Config* to) {
  to->set_index(config.index);
  to->set_term(config.term);
  for (const NodeId node : config.members.voters) to->add_voters(node);
  for (const NodeId node : config.members.outgoing) to->add_outgoing(node);
}

ConfigEntry config_of(const wire::Config& from) {
  return {
      from.index(),
      from.term(),
      {{from.voters().begin(), from.voters().end()}, {from.outgoing().begin(), from.outgoing().end()}, {}}};
}

}  // namespace

std::string piece_key(uint64_t generation, uint32_t piece) {
  return std::string(kSnapshotKey) + "/" + std::to_string(generation) + "/" + std::to_string(piece);
}

std::string encode(const StoredVote& vote) {
  wire::Vote proto;
  proto.set_term(vote.hard_state.term);
  proto.set_vote(vote.hard_state.vote);
  proto.set_commit(vote.commit);
  proto.set_left_term(vote.left.term);
  proto.set_left_index(vote.left.index);
  return proto.SerializeAsString();
}

Result<StoredVote> decode_vote(std::string_view bytes) {
  wire::Vote proto;
  CHRONIK_CHECK(parse(bytes, kVoteKey, &proto));
  return StoredVote{{proto.term(), proto.vote()}, proto.commit(), {proto.left_term(), proto.left_index()}};
}

std::string encode(const LogMeta& meta) {
  wire::LogMeta proto;
  proto.set_log_start(meta.log_start);
  for (const TermStart& start : meta.terms) {
    wire::TermStart* to = proto.add_terms();
    to->set_term(start.term);
    to->set_first_index(start.first_index);
    to->set_base_offset(start.base_offset);
  }
  for (const ConfigEntry& config : meta.configs) put_config(config, proto.add_configs());
  return proto.SerializeAsString();
}

Result<LogMeta> decode_log_meta(std::string_view bytes) {
  wire::LogMeta proto;
  CHRONIK_CHECK(parse(bytes, kLogKey, &proto));
  LogMeta meta;
  meta.log_start = proto.log_start();
  for (const wire::TermStart& from : proto.terms()) {
    const TermStart start{from.term(), from.first_index(), from.base_offset()};
    if (!meta.terms.empty() &&
        (start.term <= meta.terms.back().term || start.first_index <= meta.terms.back().first_index))
      return fail(Code::kCorrupt, "the terms stored in raft/log do not ascend");
    meta.terms.push_back(start);
  }
  for (const wire::Config& from : proto.configs()) {
    ConfigEntry config = config_of(from);
    if (!meta.configs.empty() && config.index <= meta.configs.back().index)
      return fail(Code::kCorrupt, "the configurations stored in raft/log do not ascend");
    meta.configs.push_back(std::move(config));
  }
  return meta;
}

std::string encode(const SnapshotMeta& meta) {
  wire::Snapshot proto;
  proto.set_generation(meta.generation);
  proto.set_index(meta.index);
  proto.set_term(meta.term);
  proto.set_log_start(meta.log_start);
  proto.set_pieces(meta.pieces);
  proto.set_bytes(meta.bytes);
  return proto.SerializeAsString();
}

Result<SnapshotMeta> decode_snapshot(std::string_view bytes) {
  wire::Snapshot proto;
  CHRONIK_CHECK(parse(bytes, kSnapshotKey, &proto));
  return SnapshotMeta{proto.generation(), proto.index(),  proto.term(),
                      proto.log_start(),  proto.pieces(), proto.bytes()};
}

std::string encode(const TrimCommand& trim) {
  wire::Trim proto;
  proto.set_offset(trim.offset);
  proto.set_held_by_all(trim.held_by_all);
  return proto.SerializeAsString();
}

Result<TrimCommand> decode_trim(std::string_view bytes) {
  wire::Trim proto;
  if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return fail(Code::kCorrupt, "its payload cannot be parsed");
  return TrimCommand{proto.offset(), proto.held_by_all()};
}

}  // namespace chronik::raft
