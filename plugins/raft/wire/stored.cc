#include "raft/wire/stored.h"

#include "raft/wire/config.h"

namespace chronik::raft {
namespace {

template <class Proto>
Status parse(std::string_view bytes, std::string_view key, Proto* proto) {
  if (proto->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return {};
  return fail(Code::kCorrupt, "the stored key " + std::string(key) + " cannot be parsed");
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
  for (const TermStart& start : meta.terms) fill(start, proto.add_terms());
  for (const ConfigEntry& config : meta.configs) fill(config, proto.add_configs());
  proto.set_base(meta.base.index);
  proto.set_base_offset(meta.base.offset);
  return proto.SerializeAsString();
}

Result<LogMeta> decode_log_meta(std::string_view bytes) {
  wire::LogMeta proto;
  CHRONIK_CHECK(parse(bytes, kLogKey, &proto));
  LogMeta meta;
  meta.log_start = proto.log_start();
  for (const wire::TermStart& from : proto.terms()) {
    const TermStart start = term_start_of(from);
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
  meta.base = {proto.base(), proto.base_offset()};
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
  proto.set_checksum(meta.checksum);
  fill(meta.config, proto.mutable_config());
  proto.set_received(meta.received);
  return proto.SerializeAsString();
}

Result<SnapshotMeta> decode_snapshot(std::string_view bytes) {
  wire::Snapshot proto;
  CHRONIK_CHECK(parse(bytes, kSnapshotKey, &proto));
  return SnapshotMeta{proto.generation(), proto.index(), proto.term(),     proto.log_start(),
                      proto.pieces(),     proto.bytes(), proto.checksum(), config_of(proto.config()),
                      proto.received()};
}

std::string encode(const TrimCommand& trim) {
  wire::Trim proto;
  proto.set_offset(trim.offset);
  proto.set_limit(trim.limit);
  return proto.SerializeAsString();
}

Result<TrimCommand> decode_trim(std::string_view bytes) {
  wire::Trim proto;
  if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return fail(Code::kCorrupt, "its payload cannot be parsed");
  return TrimCommand{proto.offset(), proto.limit()};
}

}  // namespace chronik::raft
