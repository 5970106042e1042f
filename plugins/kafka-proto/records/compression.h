// The four codecs of Kafka, as its Java client and librdkafka write and read them: gzip; snappy, plain or in
// the blocks of snappy-java ("xerial"); lz4 frames of independent blocks; zstd.
//
// One Codecs object serves one thread at a time and keeps the contexts of the libraries between batches. What
// it decompresses comes from clients: output is handed out in pieces and counted, and no length that a client
// announces is believed before the bytes are there.
#pragma once

#include <chronik/result.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "kafka-proto/records/batch.h"

namespace chronik::kafka {

// The level of each codec as Kafka's topic configs name it; nothing: the codec's default.
using CompressionLevel = std::optional<int>;

// A run of one codec over one input. Each call gives the next piece, borrowed until the
// next one; empty at the end.
class Decompression {
 public:
  virtual ~Decompression() = default;
  virtual Result<Bytes> next() = 0;
};

class Codecs {
 public:
  Codecs();
  ~Codecs();
  Codecs(const Codecs&) = delete;
  Codecs& operator=(const Codecs&) = delete;

  // Starts to decompress input, which must live as long as the run, for at most max_output bytes.
  // One run at a time: the result belongs to this object and ends with the next start(). Never
  // called with kNone. Errors, here and in next(): CORRUPT (no such stream, cut off), OUT_OF_RANGE
  // (more output than max_output).
  Result<Decompression*> start(Compression codec, Bytes input, uint64_t max_output);

  // The same in one piece; kNone copies.
  Result<std::vector<uint8_t>> decompress(Compression codec, Bytes input, uint64_t max_output);

  // Appends the compressed input to out; kNone copies. FAILED where the library refuses, which only a lack of
  // memory explains.
  Status compress(Compression codec, CompressionLevel level, Bytes input, std::vector<uint8_t>& out);

 private:
  struct Contexts;
  std::unique_ptr<Contexts> contexts_;
  std::unique_ptr<Decompression> run_;
};

}  // namespace chronik::kafka
