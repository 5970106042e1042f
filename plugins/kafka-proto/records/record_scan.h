// A walk over the records of one batch that checks each one and keeps none: whether they lie there plain or
// come out of a codec piece by piece, it holds no more than the piece that it stands in. So a small batch
// that decompresses to one huge record costs time, but no memory.
#pragma once

#include "kafka-proto/records/compression.h"
#include "kafka-proto/records/record.h"

namespace chronik::kafka {

// What a record says beside its key, value and headers.
struct RecordFields {
  int64_t timestamp_delta = 0;
  int32_t offset_delta = 0;
  bool has_key = false;
};

// A record's timestamp. Wraps: a hostile batch may say anything, and is stored as it came.
inline int64_t timestamp_of(int64_t base_timestamp, const RecordFields& record) {
  return static_cast<int64_t>(static_cast<uint64_t>(base_timestamp) +
                              static_cast<uint64_t>(record.timestamp_delta));
}

class RecordScan {
 public:
  // Plain records, borrowed.
  explicit RecordScan(Bytes records) : p_(records.data()), end_(p_ + records.size()) {}
  // What a run of a codec gives; borrowed.
  explicit RecordScan(Decompression& run) : run_(&run) {}

  // Steps over the next record. False at the end. CORRUPT: no record stands there, as read_record_body()
  // tells it; and what the codec says.
  Result<bool> next(RecordFields& out);

 private:
  Result<bool> next_piece();

  // ---- a record that lies in several pieces; where one of these is false, error_ says why ----
  bool step_over_record(RecordFields& out);
  bool step_over_headers();
  // Steps over a length and that many bytes; present: it is not null.
  bool step_over_nullable(const char* wrong, bool& present);
  bool step_over(uint64_t bytes);
  bool varint(const char* wrong, int32_t& out);
  bool varlong(const char* wrong, int64_t& out);
  bool byte(const char* wrong, uint8_t& out);
  // That a byte stands at p_, of this piece or of the next one.
  bool byte_is_there();
  bool failed(const char* wrong);

  Decompression* run_ = nullptr;
  const uint8_t* p_ = nullptr;
  const uint8_t* end_ = nullptr;
  uint64_t left_ = 0;  // bytes of the record that lies in several pieces
  Error error_;
};

}  // namespace chronik::kafka
