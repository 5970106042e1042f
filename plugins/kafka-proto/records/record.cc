#include "kafka-proto/records/record.h"

#include <fmt/format.h>

namespace chronik::kafka {

namespace {

// Reads a length and that many bytes; a length of -1 is null.
bool read_nullable(const uint8_t*& p, const uint8_t* end, std::optional<Bytes>& out) {
  int32_t length;
  if (!read_varint(p, end, length) || length < -1 || length > end - p) return false;
  out.reset();
  if (length >= 0) {
    out.emplace(p, static_cast<size_t>(length));
    p += length;
  }
  return true;
}

bool read_header(const uint8_t*& p, const uint8_t* end, RecordHeader& out) {
  std::optional<Bytes> key;
  if (!read_nullable(p, end, key) || !key || !read_nullable(p, end, out.value)) return false;
  out.key = *key;
  return true;
}

void append_bytes(std::vector<uint8_t>& out, Bytes bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void append_nullable(std::vector<uint8_t>& out, const std::optional<Bytes>& bytes) {
  append_varlong(out, bytes ? static_cast<int64_t>(bytes->size()) : -1);
  if (bytes) append_bytes(out, *bytes);
}

size_t nullable_size(const std::optional<Bytes>& bytes) {
  if (!bytes) return varlong_size(-1);
  return varlong_size(static_cast<int64_t>(bytes->size())) + bytes->size();
}

}  // namespace

const char* read_record_body(Bytes body, Record& out) {
  const uint8_t* p = body.data();
  const uint8_t* end = p + body.size();
  if (p == end) return "a record has no bytes";
  out.attributes = static_cast<int8_t>(*p++);
  if (!read_varlong(p, end, out.timestamp_delta) || !read_varint(p, end, out.offset_delta))
    return "the deltas of a record are cut off or too long";
  if (!read_nullable(p, end, out.key)) return "the key of a record has a wrong length";
  if (!read_nullable(p, end, out.value)) return "the value of a record has a wrong length";
  if (!read_varint(p, end, out.header_count) || out.header_count < 0 || out.header_count > end - p)
    return "a record has a wrong number of headers";
  out.headers = Bytes(p, end);
  RecordHeader header;
  for (int32_t i = 0; i < out.header_count; ++i)
    if (!read_header(p, end, header)) return "a header of a record has a wrong length";
  return p == end ? nullptr : "a record is longer than its fields";
}

Result<Record> decode_record(Bytes& bytes) {
  const uint8_t* p = bytes.data();
  const uint8_t* end = p + bytes.size();
  int32_t length;
  if (!read_varint(p, end, length))
    return fail(Code::kCorrupt, "the length of a record is cut off or too long");
  if (length < 0 || length > end - p)
    return fail(Code::kCorrupt, fmt::format("a record has length {}, {} bytes are there", length, end - p));
  Record record;
  if (const char* wrong = read_record_body(Bytes(p, static_cast<size_t>(length)), record))
    return fail(Code::kCorrupt, wrong);
  bytes = Bytes(p + length, end);
  return record;
}

std::vector<RecordHeader> decode_headers(const Record& record) {
  std::vector<RecordHeader> headers;
  const uint8_t* p = record.headers.data();
  const uint8_t* end = p + record.headers.size();
  for (RecordHeader header; p != end && read_header(p, end, header);) headers.push_back(header);
  return headers;
}

void append_headers(std::vector<uint8_t>& out, const std::vector<RecordHeader>& headers) {
  for (const RecordHeader& header : headers) {
    append_nullable(out, header.key);
    append_nullable(out, header.value);
  }
}

void append_record(std::vector<uint8_t>& out, const Record& record) {
  const size_t length = 1 + varlong_size(record.timestamp_delta) + varlong_size(record.offset_delta) +
                        nullable_size(record.key) + nullable_size(record.value) +
                        varlong_size(record.header_count) + record.headers.size();
  append_varlong(out, static_cast<int64_t>(length));
  out.push_back(static_cast<uint8_t>(record.attributes));
  append_varlong(out, record.timestamp_delta);
  append_varlong(out, record.offset_delta);
  append_nullable(out, record.key);
  append_nullable(out, record.value);
  append_varlong(out, record.header_count);
  append_bytes(out, record.headers);
}

}  // namespace chronik::kafka
