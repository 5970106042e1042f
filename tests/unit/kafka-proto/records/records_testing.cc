#include "records/records_testing.h"

#include <fmt/format.h>
#include "kafka-proto/records/record.h"
#include "tests/unit/source_tree.h"

#include <fstream>

namespace chronik::kafka::testing {

Bytes bytes_of(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

std::string text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

std::vector<uint8_t> golden(std::string_view name) {
  std::ifstream file(in_source_tree(fmt::format("tests/golden/kafka-proto/{}.hex", name)));
  std::vector<uint8_t> out;
  for (std::string line; std::getline(file, line);)
    for (size_t i = 0; i + 1 < line.size(); i += 2)
      out.push_back(static_cast<uint8_t>(std::stoi(line.substr(i, 2), nullptr, 16)));
  return out;
}

namespace {

std::string show(const std::optional<Bytes>& bytes) { return bytes ? "'" + text_of(*bytes) + "'" : "null"; }

}  // namespace

Result<std::vector<std::string>> dump(Bytes batch, Codecs& codecs) {
  CHRONIK_TRY(const BatchHeader header, decode_batch_header(batch));
  CHRONIK_TRY(const auto plain,
              codecs.decompress(*header.compression(), batch.subspan(kBatchHeaderSize), uint64_t{1} << 30));
  std::vector<std::string> lines;
  for (Bytes records(plain); !records.empty();) {
    CHRONIK_TRY(const Record record, decode_record(records));
    std::string line =
        fmt::format("{} {} {}={}", header.base_offset + record.offset_delta,
                    header.base_timestamp + record.timestamp_delta, show(record.key), show(record.value));
    for (const RecordHeader& h : decode_headers(record))
      line += fmt::format(" {}:{}", show(h.key), show(h.value));
    lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<uint8_t> sample_batch(Codecs& codecs, Compression codec, int n, size_t record_size,
                                  BatchHeader fields) {
  BatchBuilder builder(fields);
  for (int i = 0; i < n; ++i) {
    std::string value = fmt::format("value {} ", i);
    while (value.size() < record_size)
      value += fmt::format("{:x} ", (value.size() + static_cast<size_t>(i)) * 2654435761u);
    builder.add(kNow + i, bytes_of(fmt::format("key {}", i)), bytes_of(value));
  }
  return builder.finish(codecs, codec).value();
}

std::vector<uint8_t> with_right_crc(std::vector<uint8_t> batch) {
  store_be(batch.data() + kCrcAt, batch_crc(batch));
  return batch;
}

std::vector<uint8_t> with_header(std::vector<uint8_t> batch, void (*change)(BatchHeader&)) {
  BatchHeader header = decode_batch_header(batch).value();
  change(header);
  encode_batch_header(header, batch);
  return with_right_crc(std::move(batch));
}

std::vector<uint8_t> joined(Bytes a, Bytes b) {
  std::vector<uint8_t> out(a.begin(), a.end());
  out.insert(out.end(), b.begin(), b.end());
  return out;
}

}  // namespace chronik::kafka::testing
