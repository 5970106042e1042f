#include "raft/wire/frame.h"

#include "raft/core/snapshot.h"
#include "raft/wire/config.h"

#include <string>
#include <utility>

namespace chronik::raft {
namespace {

constexpr size_t kLengthBytes = 4;

void put_length(uint8_t* p, uint32_t n) {
  for (size_t i = 0; i < kLengthBytes; ++i) p[i] = static_cast<uint8_t>(n >> (8 * i));
}

uint32_t get_length(const uint8_t* p) {
  uint32_t n = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) n |= static_cast<uint32_t>(p[i]) << (8 * i);
  return n;
}

void fill_snapshot(const Message& m, wire::SnapshotPart* to) {
  const SnapshotInfo& info = *m.snapshot;
  to->set_index(info.index);
  to->set_term(info.term);
  to->set_pieces(info.pieces);
  to->set_bytes(info.bytes);
  to->set_checksum(info.checksum);
  fill(info.config, to->mutable_config());
  to->set_base(info.base);
  fill(info.base_term, to->mutable_base_term());
  to->set_base_offset(info.base_offset);
  to->set_log_start(info.log_start);
  to->set_piece_bytes(m.piece.size());
}

void fill_message(const Message& m, uint64_t group, wire::Message* head) {
  head->set_group(group);
  head->set_type(static_cast<uint32_t>(m.type));
  head->set_term(m.term);
  head->set_index(m.index);
  head->set_log_term(m.log_term);
  head->set_commit(m.commit);
  head->set_hint_index(m.hint_index);
  head->set_context(m.context);
  head->set_reject(m.reject);
  head->set_forced(m.forced);
  if (m.snapshot != nullptr) fill_snapshot(m, head->mutable_snapshot());
  for (const Entry& entry : m.entries) {
    wire::EntryHeader* header = head->add_entries();
    header->set_index(entry.header.index);
    header->set_term(entry.header.term);
    header->set_base_offset(entry.header.base_offset);
    header->set_max_timestamp(entry.header.max_timestamp);
    header->set_log_max_timestamp(entry.header.log_max_timestamp);
    header->set_records(entry.header.records);
    header->set_kind(entry.header.kind);
    header->set_bytes(entry.header.bytes);
  }
}

// Takes the payloads of the message from the front of *rest.
Status read_entries(const wire::Message& head, chr_slice* rest, std::vector<Entry>* entries) {
  entries->reserve(static_cast<size_t>(head.entries_size()));
  for (const wire::EntryHeader& from : head.entries()) {
    if (from.bytes() > rest->n) return fail(Code::kCorrupt, "an entry is larger than its frame");
    Entry entry;
    entry.header.index = from.index();
    entry.header.term = from.term();
    entry.header.base_offset = from.base_offset();
    entry.header.max_timestamp = from.max_timestamp();
    entry.header.log_max_timestamp = from.log_max_timestamp();
    entry.header.records = from.records();
    entry.header.kind = from.kind();
    entry.header.bytes = from.bytes();
    if (from.bytes() > 0) entry.payload = Payload::keep({rest->p, from.bytes(), rest->lease});
    rest->p += from.bytes();
    rest->n -= from.bytes();
    entries->push_back(std::move(entry));
  }
  return {};
}

// Takes the piece from the front of *rest.
Status read_snapshot(const wire::SnapshotPart& head, chr_slice* rest, Message* m) {
  SnapshotInfo info;
  info.index = head.index();
  info.term = head.term();
  info.pieces = head.pieces();
  info.bytes = head.bytes();
  info.checksum = head.checksum();
  info.config = config_of(head.config());
  info.base = head.base();
  info.base_term = term_start_of(head.base_term());
  info.base_offset = head.base_offset();
  info.log_start = head.log_start();
  if (!is_sound(info, m->term)) return fail(Code::kCorrupt, "a snapshot does not fit together");
  m->snapshot = std::make_shared<const SnapshotInfo>(std::move(info));
  if (head.piece_bytes() > rest->n || head.piece_bytes() > kMaxPieceBytes)
    return fail(Code::kCorrupt, "a piece of a snapshot is larger than its frame, or than a piece may be");
  if (head.piece_bytes() > 0) m->piece = Payload::share({rest->p, head.piece_bytes(), rest->lease});
  rest->p += head.piece_bytes();
  rest->n -= head.piece_bytes();
  return {};
}

Result<Envelope> message_of(const wire::Message& head, NodeId from, NodeId to, chr_slice* rest) {
  if (head.group() == 0) return fail(Code::kCorrupt, "a message is for no group");
  if (head.type() < static_cast<uint32_t>(MessageType::kPreVote) ||
      head.type() > static_cast<uint32_t>(MessageType::kSnapshotResponse))
    return fail(Code::kUnsupported, "a message is of a type that this version does not know");
  Envelope envelope;
  envelope.group = head.group();
  Message& m = envelope.message;
  m.type = static_cast<MessageType>(head.type());
  m.from = from;
  m.to = to;
  m.term = head.term();
  m.index = head.index();
  m.log_term = head.log_term();
  m.commit = head.commit();
  m.hint_index = head.hint_index();
  m.context = head.context();
  m.reject = head.reject();
  m.forced = head.forced();
  CHRONIK_CHECK(read_entries(head, rest, &m.entries));
  if (head.has_snapshot() != (m.type == MessageType::kSnapshot))
    return fail(Code::kCorrupt, "a message has a snapshot that its type does not have, or lacks it");
  if (head.has_snapshot()) CHRONIK_CHECK(read_snapshot(head.snapshot(), rest, &m));
  return envelope;
}

Status encode(const Host& host, const wire::Frame& proto, Payload* head) {
  const size_t size = proto.ByteSizeLong();
  if (size > kMaxFrameHead)
    return fail(Code::kInvalidArgument, "a frame has too many entries, or a heartbeat too many groups");
  chr_slice slice{};
  if (host.alloc(kLengthBytes + size, &slice) != CHR_OK)
    return fail(Code::kOverloaded, "no memory for a frame");
  slice.n = kLengthBytes + size;
  *head = Payload::adopt(slice);
  uint8_t* p = const_cast<uint8_t*>(slice.p);
  put_length(p, static_cast<uint32_t>(size));
  if (!proto.SerializeToArray(p + kLengthBytes, static_cast<int>(size)))
    return fail(Code::kFailed, "a message could not be written as a frame");
  return {};
}

Result<Heartbeat> heartbeat_of(const wire::Heartbeat& from) {
  Heartbeat heartbeat;
  heartbeat.session = from.session();
  heartbeat.seq = from.seq();
  heartbeat.sent = from.sent_ns();
  for (const wire::Stream& stream : from.streams()) {
    HeartbeatStream& to = heartbeat.streams.emplace_back();
    to.id = stream.id();
    to.base = stream.base();
    to.version = stream.version();
    to.digest = stream.digest();
    if (stream.groups_size() != stream.terms_size() || to.base > to.version)
      return fail(Code::kCorrupt, "a stream of a heartbeat does not fit together");
    for (int i = 0; i < stream.groups_size(); ++i) to.claims.push_back({stream.groups(i), stream.terms(i)});
  }
  heartbeat.heard_session = from.heard_session();
  heartbeat.heard_sent = from.heard_sent_ns();
  if (from.have_ids_size() != from.have_versions_size() ||
      from.rejected_groups_size() != from.rejected_terms_size() || heartbeat.session == 0)
    return fail(Code::kCorrupt, "a heartbeat does not fit together");
  for (int i = 0; i < from.have_ids_size(); ++i)
    heartbeat.have.push_back({from.have_ids(i), from.have_versions(i)});
  for (int i = 0; i < from.rejected_groups_size(); ++i)
    heartbeat.rejections.push_back({from.rejected_groups(i), from.rejected_terms(i)});
  return heartbeat;
}

}  // namespace

uint64_t hash_of(std::string_view name) {  // FNV-1a
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  return hash;
}

Status encode_messages(const Host& host, std::span<const Envelope> messages, Payload* head,
                       std::vector<chr_slice>* slices) {
  wire::Frame proto;
  for (const Envelope& each : messages) fill_message(each.message, each.group, proto.add_messages());
  CHRONIK_CHECK(encode(host, proto, head));
  slices->assign(1, head->slice());
  for (const Envelope& each : messages) {
    for (const Entry& entry : each.message.entries)
      if (entry.payload.size() > 0) slices->push_back(entry.payload.slice());
    if (each.message.piece.size() > 0) slices->push_back(each.message.piece.slice());
  }
  return {};
}

Status encode_heartbeat(const Host& host, const Heartbeat& heartbeat, Payload* head) {
  wire::Frame proto;
  wire::Heartbeat* to = proto.mutable_heartbeat();
  to->set_session(heartbeat.session);
  to->set_seq(heartbeat.seq);
  to->set_sent_ns(heartbeat.sent);
  for (const HeartbeatStream& stream : heartbeat.streams) {
    wire::Stream* out = to->add_streams();
    out->set_id(stream.id);
    out->set_base(stream.base);
    out->set_version(stream.version);
    out->set_digest(stream.digest);
    for (const LeaderClaim& claim : stream.claims) {
      out->add_groups(claim.group);
      out->add_terms(claim.term);
    }
  }
  to->set_heard_session(heartbeat.heard_session);
  to->set_heard_sent_ns(heartbeat.heard_sent);
  for (const Heartbeat::Have& have : heartbeat.have) {
    to->add_have_ids(have.stream);
    to->add_have_versions(have.version);
  }
  for (const LeaderClaim& rejection : heartbeat.rejections) {
    to->add_rejected_groups(rejection.group);
    to->add_rejected_terms(rejection.term);
  }
  return encode(host, proto, head);
}

Result<Frame> decode_frame(const chr_slice& frame, NodeId from, NodeId to) {
  if (frame.n < kLengthBytes) return fail(Code::kCorrupt, "a frame is shorter than its length field");
  const uint32_t size = get_length(frame.p);
  if (size > kMaxFrameHead || size > frame.n - kLengthBytes)
    return fail(Code::kCorrupt, "the head of a frame is longer than the frame");
  wire::Frame head;
  if (!head.ParseFromArray(frame.p + kLengthBytes, static_cast<int>(size)))
    return fail(Code::kCorrupt, "the head of a frame cannot be parsed");
  if (head.messages_size() == 0 && !head.has_heartbeat()) return fail(Code::kCorrupt, "a frame is empty");
  chr_slice rest{frame.p + kLengthBytes + size, frame.n - kLengthBytes - size, frame.lease};
  Frame out;
  for (const wire::Message& message : head.messages()) {
    auto envelope = message_of(message, from, to, &rest);
    if (!envelope) return std::unexpected(envelope.error());
    out.messages.push_back(std::move(*envelope));
  }
  if (rest.n != 0) return fail(Code::kCorrupt, "a frame has bytes that belong to no entry");
  if (!head.has_heartbeat()) return out;
  auto heartbeat = heartbeat_of(head.heartbeat());
  if (!heartbeat) return std::unexpected(heartbeat.error());
  out.heartbeat = std::move(*heartbeat);
  return out;
}

}  // namespace chronik::raft
