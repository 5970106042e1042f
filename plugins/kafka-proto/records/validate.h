// What a Produce request's records of one partition must be before they are proposed,
// as Apache Kafka checks it.
//
// Pure: the topic's rules, the version of the request and the time come as parameters. The checks run in
// Kafka's order and give its error codes; docs of the differences,
// all of them stricter, are at validate_batch().
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "kafka-proto/records/batch.h"
#include "kafka-proto/records/batch_rules.h"
#include "kafka-proto/records/compression.h"
#include "kafka-proto/wire/error_code.h"

namespace chronik::kafka {

inline constexpr size_t kMaxRecordErrors = 1000;  // that one answer tells

struct ProduceContext {
  int16_t version = 13;       // of the Produce request
  int64_t now_ms = 0;         // the host's wall clock
  bool transactions = false;  // a transactional batch is allowed (its transaction is verified elsewhere)
  size_t most_record_errors = kMaxRecordErrors;  // that are told; how many failed is said all the same
  // How many bytes, uncompressed, codecs may still work on; what they did is taken off. Null: any number.
  uint64_t* codec_bytes_left = nullptr;
};

// A record that made its batch fail. Produce v8+ reports them.
struct RecordError {
  int32_t index;
  std::string message;
};

struct Refusal {
  ErrorCode error = ErrorCode::kUnknownServerError;
  std::string message;
  std::vector<RecordError> records;  // the first most_record_errors
  bool too_much_work = false;        // for codec_bytes_left: the batch was not judged
};

struct AdmittedBatch {
  BatchHeader header;                 // of `bytes`; its base offset is 0
  MutableBytes bytes;                 // what to propose: a part of the input, or `recompressed`
  std::vector<uint8_t> recompressed;  // empty unless the topic's compression.type differs from the batch's
  int64_t log_append_time_ms = kNoTimestamp;  // for the answer; set where the topic has LogAppendTime
};

// How much one batch may decompress to. Beyond it the answer is MESSAGE_TOO_LARGE, on which the Java client
// splits the batch and tries again.
uint64_t max_decompressed_bytes(const BatchRules& topic);

// Checks the records of one partition. Where the topic's timestamps ask for it, the header of the batch is
// corrected in place (the CRC with it); nothing else is touched, and nothing at all when it is refused.
//
// Cost: one pass of CRC over the bytes, one walk over the records (a few ns each), and decompression where
// there is any: in pieces of 64 KiB, ending with the first wrong record, bounded by max_decompressed_bytes().
//
// Stricter than Kafka 4.3.1: offset deltas of plain batches must count from 0 (INVALID_RECORD); an unknown
// codec and damaged compressed data are INVALID_RECORD where Kafka fails with UNKNOWN_SERVER_ERROR; a header
// cut short is CORRUPT_MESSAGE where Kafka says the same; key and value lengths below -1 are INVALID_RECORD.
std::expected<AdmittedBatch, Refusal> validate_batch(MutableBytes records, const BatchRules& topic,
                                                     const ProduceContext& context, Codecs& codecs);

}  // namespace chronik::kafka
