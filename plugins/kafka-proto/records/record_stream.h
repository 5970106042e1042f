// The records of one batch, one after another, whether they lie there plain or come out of a codec piece by
// piece.
#pragma once

#include <vector>

#include "compression.h"
#include "record.h"

namespace chronik::kafka {

class RecordStream {
 public:
  // Plain records, borrowed.
  explicit RecordStream(Bytes records) : p_(records.data()), end_(p_ + records.size()) {}
  // What a run of a codec gives; borrowed.
  explicit RecordStream(Decompression& run) : run_(&run) {}

  // Decodes the next record, whose bytes are valid until the next call. False at the end. CORRUPT: no record
  // stands there; and what the codec says.
  Result<bool> next(Record& out);

 private:
  Result<bool> refill();
  Result<bool> next_across_pieces(Record& out);
  Result<bool> append_piece();

  Decompression* run_ = nullptr;
  const uint8_t* p_ = nullptr;
  const uint8_t* end_ = nullptr;
  std::vector<uint8_t> joined_;  // a record that lies in several pieces
};

}  // namespace chronik::kafka
