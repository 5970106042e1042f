// ListOffsets on one partition: the log finds the batch, the batch's records say which of them it is.
#include "kafka-proto/partition/offsets.h"
#include "kafka-proto/partition/partition.h"
#include "kafka-proto/partition/status.h"
#include "kafka-proto/records/record_scan.h"

namespace chronik::kafka {
namespace {

struct Located {
  int64_t offset = -1;
  int64_t timestamp = -1;
};

// The first record of the batch with a timestamp of at least `at_least`; nothing where the batch lies about
// its maximum. OUT_OF_RANGE: more than `most` bytes come out of its codec before.
Result<Located> locate(Bytes bytes, int64_t at_least, uint64_t most) {
  CHRONIK_TRY(const BatchHeader header, decode_batch_header(bytes));
  if (bytes.size() < header.size()) return fail(Code::kCorrupt, "a stored batch is cut short");
  // With LogAppendTime every record has the timestamp of the batch.
  if (header.timestamp_type() == TimestampType::kLogAppendTime)
    return Located{header.base_offset, header.max_timestamp};
  const Bytes records = bytes.subspan(kBatchHeaderSize, header.size() - kBatchHeaderSize);
  Codecs codecs;
  const Compression codec = header.compression().value_or(Compression::kNone);
  RecordScan scan{records};
  if (codec != Compression::kNone) {
    CHRONIK_TRY(Decompression * run, codecs.start(codec, records, most));
    scan = RecordScan(*run);
  }
  RecordFields record;
  for (;;) {
    CHRONIK_TRY(const bool more, scan.next(record));
    if (!more) return Located{};
    const int64_t timestamp = timestamp_of(header.base_timestamp, record);
    if (timestamp >= at_least) return Located{header.base_offset + record.offset_delta, timestamp};
  }
}

// What is compressed may be small here and large in a codec.
bool takes_long(Bytes batch) {
  const Result<BatchHeader> header = decode_batch_header(batch);
  return header && header->compression().value_or(Compression::kNone) != Compression::kNone;
}

}  // namespace

void Partition::find_offset(int64_t timestamp, CodecLane::Client client,
                            std::function<void(FoundOffset)> done) {
  const chr_group_bounds now = bounds();
  if (timestamp == kLatest)
    return done({ErrorCode::kNone, now.high_watermark, -1, static_cast<int32_t>(replica_.term())});
  if (timestamp == kLatestTiered || timestamp == kEarliestPending) return done({});
  struct Finding {
    chr_entry_header header{};
    std::function<void(FoundOffset)> done;
  };
  const auto finding = std::make_shared<Finding>();
  finding->done = std::move(done);
  const bool earliest = timestamp == kEarliest || timestamp == kEarliestLocal;
  const bool largest = timestamp == kMaxTimestamp;
  const auto finish = [self = shared_from_this(), finding, earliest, largest, timestamp, client, now](
                          chr_status code, std::string_view = {}) {
    if (earliest) {
      FoundOffset out{ErrorCode::kNone, now.log_start, -1, -1};
      // Of an empty log it is the epoch that will write what comes first.
      out.epoch = static_cast<int32_t>(code == CHR_OK ? finding->header.term : self->replica_.term());
      return finding->done(out);
    }
    if (code == CHR_E_NOT_FOUND) return finding->done({});
    if (code != CHR_OK) return finding->done({read_error(code)});
    self->locate_in_batch(finding->header, largest ? finding->header.max_timestamp : timestamp, client,
                          finding->done);
  };
  const int32_t by = earliest ? CHR_FIND_OFFSET : largest ? CHR_FIND_MAX_TIMESTAMP : CHR_FIND_TIMESTAMP;
  const int64_t value = earliest ? now.log_start : timestamp;
  if (!replica_.is_open()) return finish(CHR_E_NOT_LEADER);
  replica_.find(by, value, &finding->header, finish);
}

void Partition::locate_in_batch(const chr_entry_header& header, int64_t timestamp, CodecLane::Client client,
                                std::function<void(FoundOffset)> done) {
  read(header.base_offset, 1,
       [self = shared_from_this(), header, timestamp, client,
        done = std::move(done)](ReadResult batch) mutable {
         if (batch.error != ErrorCode::kNone) return done({batch.error});
         if (batch.runs.empty()) return done({});
         const auto tell = [header, done](const Result<Located>& located) {
           if (!located) return done({ErrorCode::kKafkaStorageError});
           if (located->offset < 0) return done({});
           done({ErrorCode::kNone, located->offset, located->timestamp, static_cast<int32_t>(header.term)});
         };
         const Bytes bytes(batch.runs[0].p, batch.runs[0].n);
         if (!takes_long(bytes)) return tell(locate(bytes, timestamp, UINT64_MAX));
         self->context_.codec_lane->run_job(client, [self, tell, timestamp, bytes,
                                                     held = std::move(batch)](uint64_t most) {
           Result<Located> located = locate(bytes, timestamp, most);
           // All of it passed the bound of Produce when it came, whatever that is now.
           if (!located && located.error().code == Code::kOutOfRange && most != UINT64_MAX) return false;
           self->context_.host.post(self->shard(), [tell, located = std::move(located)] { tell(located); });
           return true;
         });
       });
}

}  // namespace chronik::kafka
