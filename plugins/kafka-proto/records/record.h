// The records inside a batch of magic 2, uncompressed: decoding for those who look at keys and values,
// encoding for the builder. Borrowed bytes throughout.
#pragma once

#include <chronik/result.hpp>

#include <cstdint>
#include <optional>
#include <vector>

#include "kafka-proto/records/encoding.h"

namespace chronik::kafka {

struct RecordHeader {
  Bytes key;                   // UTF-8, as the client said
  std::optional<Bytes> value;  // nothing: null
};

struct Record {
  int8_t attributes = 0;  // unused by Kafka
  int64_t timestamp_delta = 0;
  int32_t offset_delta = 0;
  std::optional<Bytes> key;    // nothing: null
  std::optional<Bytes> value;  // nothing: null (a tombstone)
  int32_t header_count = 0;
  Bytes headers;  // encoded; decode_headers() unpacks them
};

// Decodes the body of one record: exactly the bytes that its length announces. Returns what is wrong with it
// (a length that lies, a varint that is too long, bytes left over), or nullptr. Lengths below -1 are refused;
// Kafka reads them as null. This is the hot path of Produce.
const char* read_record_body(Bytes body, Record& out);

// Decodes the record at the start of bytes, its length included, and moves bytes behind
// it. CORRUPT where that fails.
Result<Record> decode_record(Bytes& bytes);

// The headers of a record that was decoded before.
std::vector<RecordHeader> decode_headers(const Record& record);

// Appends the headers' encoding without their count, as Record::headers holds it.
void append_headers(std::vector<uint8_t>& out, const std::vector<RecordHeader>& headers);

// Appends a whole record.
void append_record(std::vector<uint8_t>& out, const Record& record);

}  // namespace chronik::kafka
