#include "wire/frame.h"

#include "wire/raft.pb.h"

#include <cstring>
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

void fill_head(const Message& m, std::string_view group, wire::Message* head) {
  head->set_group(group.data(), group.size());
  head->set_type(static_cast<uint32_t>(m.type));
  head->set_term(m.term);
  head->set_index(m.index);
  head->set_log_term(m.log_term);
  head->set_commit(m.commit);
  head->set_hint_index(m.hint_index);
  head->set_context(m.context);
  head->set_reject(m.reject);
  head->set_forced(m.forced);
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

// The payloads must fill the rest of the frame exactly.
Status read_entries(const wire::Message& head, chr_slice rest, std::vector<Entry>* entries) {
  entries->reserve(static_cast<size_t>(head.entries_size()));
  for (const wire::EntryHeader& from : head.entries()) {
    if (from.bytes() > rest.n) return fail(Code::kCorrupt, "an entry is larger than its frame");
    Entry entry;
    entry.header.index = from.index();
    entry.header.term = from.term();
    entry.header.base_offset = from.base_offset();
    entry.header.max_timestamp = from.max_timestamp();
    entry.header.log_max_timestamp = from.log_max_timestamp();
    entry.header.records = from.records();
    entry.header.kind = from.kind();
    entry.header.bytes = from.bytes();
    if (from.bytes() > 0) entry.payload = Payload::share({rest.p, from.bytes(), rest.lease});
    rest.p += from.bytes();
    rest.n -= from.bytes();
    entries->push_back(std::move(entry));
  }
  if (rest.n != 0) return fail(Code::kCorrupt, "a frame has bytes that belong to no entry");
  return {};
}

}  // namespace

Status encode_frame(const Host& host, std::string_view group, const Message& message, Payload* head,
                    std::vector<chr_slice>* slices) {
  wire::Message proto;
  fill_head(message, group, &proto);
  const size_t size = proto.ByteSizeLong();
  if (size > kMaxFrameHead)
    return fail(Code::kInvalidArgument, "a message has too many entries for one frame");
  chr_slice slice{};
  if (host.alloc(kLengthBytes + size, &slice) != CHR_OK)
    return fail(Code::kOverloaded, "no memory for a frame");
  *head = Payload::adopt(slice);
  uint8_t* p = const_cast<uint8_t*>(slice.p);
  put_length(p, static_cast<uint32_t>(size));
  if (!proto.SerializeToArray(p + kLengthBytes, static_cast<int>(size)))
    return fail(Code::kFailed, "a message could not be written as a frame");
  slices->clear();
  slices->push_back(slice);
  for (const Entry& entry : message.entries)
    if (entry.payload.size() > 0) slices->push_back(entry.payload.slice());
  return {};
}

Result<Envelope> decode_frame(const chr_slice& frame, NodeId from, NodeId to) {
  if (frame.n < kLengthBytes) return fail(Code::kCorrupt, "a frame is shorter than its length field");
  const uint32_t size = get_length(frame.p);
  if (size > kMaxFrameHead || size > frame.n - kLengthBytes)
    return fail(Code::kCorrupt, "the head of a frame is longer than the frame");
  wire::Message head;
  if (!head.ParseFromArray(frame.p + kLengthBytes, static_cast<int>(size)))
    return fail(Code::kCorrupt, "the head of a frame cannot be parsed");
  if (head.group().empty() || head.group().size() > kMaxGroupName)
    return fail(Code::kCorrupt, "the group's name in a frame is empty or too long");
  if (head.type() < static_cast<uint32_t>(MessageType::kPreVote) ||
      head.type() > static_cast<uint32_t>(MessageType::kTimeoutNow))
    return fail(Code::kUnsupported, "a frame is of a type that this version does not know");
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
  CHRONIK_CHECK(read_entries(
      head, {frame.p + kLengthBytes + size, frame.n - kLengthBytes - size, frame.lease}, &m.entries));
  return envelope;
}

}  // namespace chronik::raft
