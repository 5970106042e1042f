// The log finds the batch, the batch's records say which of them it is.
#include "kafka-proto/partition/offset_search.h"

#include <algorithm>

#include "kafka-proto/partition/offsets.h"
#include "kafka-proto/partition/status.h"
#include "kafka-proto/records/record_scan.h"

namespace chronik::kafka {
namespace {

constexpr uint64_t kOneBatch = 1;             // a read returns its first batch whatever its size
constexpr uint64_t kHeaderBytes = 64u << 20;  // of the batches whose headers are looked at at once

int64_t end_of(const chr_entry_header& header) { return header.base_offset + header.records; }

struct Wanted {
  int64_t timestamp;    // at least
  int64_t from_offset;  // records below it are deleted
};

struct Located {
  int64_t offset = -1;
  int64_t timestamp = -1;
};

// The first record of the batch that is wanted; nothing where all that would do are deleted, or the batch lies
// about its maximum. OUT_OF_RANGE: more than `most` bytes come out of its codec before.
Result<Located> locate_record(Bytes bytes, const Wanted& wanted, uint64_t most) {
  CHRONIK_TRY(const BatchHeader header, decode_batch_header(bytes));
  if (bytes.size() < header.size()) return fail(Code::kCorrupt, "a stored batch is cut short");
  // With LogAppendTime every record has the timestamp of the batch.
  if (header.timestamp_type() == TimestampType::kLogAppendTime)
    return Located{std::max(header.base_offset, wanted.from_offset), header.max_timestamp};
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
    const int64_t offset = header.base_offset + record.offset_delta;
    if (timestamp >= wanted.timestamp && offset >= wanted.from_offset) return Located{offset, timestamp};
  }
}

// What is compressed may be small here and large in a codec.
bool takes_long(Bytes batch) {
  const Result<BatchHeader> header = decode_batch_header(batch);
  return header && header->compression().value_or(Compression::kNone) != Compression::kNone;
}

}  // namespace

struct OffsetSearch::Search {
  Wanted wanted{};
  bool largest = false;  // timestamp of all: Kafka tells of a record that is deleted with a part of its batch
  CodecLane::Client client = nullptr;
  Done done;
  chr_entry_header batch{};
  bool found = false;  // batch is the best so far
  chr_entries entries{};

  void finish(chr_status code) { done({read_error(code)}); }
  // Whether no other batch can be better.
  bool consider(const chr_entry_header& header) {
    const bool better = largest ? !found || header.max_timestamp > batch.max_timestamp
                                : header.max_timestamp >= wanted.timestamp;
    if (better) batch = header;
    found = found || better;
    return better && !largest;
  }
};

void OffsetSearch::find(int64_t timestamp, CodecLane::Client client, Done done) {
  if (timestamp == kEarliest || timestamp == kEarliestLocal) return find_start(done);
  const chr_group_bounds now = replica_.bounds();
  if (timestamp == kLatest)
    return done({ErrorCode::kNone, now.high_watermark, -1, static_cast<int32_t>(replica_.term())});
  if (timestamp == kLatestTiered || timestamp == kEarliestPending) return done({});
  const auto search = std::make_shared<Search>();
  search->wanted.timestamp = timestamp;
  search->largest = timestamp == kMaxTimestamp;
  search->client = client;
  search->done = std::move(done);
  if (!replica_.is_open()) return search->finish(CHR_E_NOT_LEADER);
  replica_.find(search->largest ? CHR_FIND_MAX_TIMESTAMP : CHR_FIND_TIMESTAMP, timestamp, &search->batch,
                [this, search](chr_status code, std::string_view) {
                  if (code == CHR_E_NOT_FOUND) return search->done({});
                  if (code != CHR_OK) return search->finish(code);
                  const int64_t start = replica_.bounds().log_start;
                  const bool is_held =
                      search->largest ? end_of(search->batch) <= start : search->batch.base_offset < start;
                  is_held ? walk(search, start) : locate(search);
                });
}

void OffsetSearch::find_start(const Done& done) {
  const auto header = std::make_shared<chr_entry_header>();
  const int64_t start = replica_.bounds().log_start;
  const auto finish = [this, header, start, done](chr_status code, std::string_view = {}) {
    // Of an empty log it is the epoch that will write what comes first.
    const uint64_t epoch = code == CHR_OK ? header->term : replica_.term();
    done({ErrorCode::kNone, start, -1, static_cast<int32_t>(epoch)});
  };
  if (!replica_.is_open()) return finish(CHR_E_NOT_LEADER);
  replica_.find(CHR_FIND_OFFSET, start, header.get(), finish);
}

void OffsetSearch::walk(const SearchPtr& search, int64_t offset) {
  if (!replica_.is_open()) return search->finish(CHR_E_NOT_LEADER);
  search->entries = {};
  search->entries.struct_size = sizeof search->entries;
  chr_group_read args{};
  args.struct_size = sizeof args;
  args.bound = CHR_BOUND_COMMITTED;
  args.offset = std::max(offset, replica_.bounds().log_start);
  args.max_bytes = kHeaderBytes;
  args.headers_only = 1;
  replica_.read(args, &search->entries, [this, search](chr_status code, std::string_view) {
    if (code != CHR_OK) return search->finish(code);
    const Lease lease = Lease::adopt(search->entries.lease);
    look_at_headers(search);
  });
}

void OffsetSearch::look_at_headers(const SearchPtr& search) {
  const chr_entries& entries = search->entries;
  for (uint32_t i = 0; i < entries.n; ++i)
    if (search->consider(entries.entries[i].header)) return locate(search);
  if (entries.n != 0) return walk(search, end_of(entries.entries[entries.n - 1].header));
  search->found ? locate(search) : search->done({});
}

void OffsetSearch::locate(const SearchPtr& search) {
  if (!replica_.is_open()) return search->finish(CHR_E_NOT_LEADER);
  const int64_t start = replica_.bounds().log_start;
  if (end_of(search->batch) <= start) return search->done({});  // deleted just now
  if (search->largest) search->wanted.timestamp = search->batch.max_timestamp;
  search->wanted.from_offset = search->largest ? 0 : start;
  search->entries = {};
  search->entries.struct_size = sizeof search->entries;
  chr_group_read args{};
  args.struct_size = sizeof args;
  args.bound = CHR_BOUND_COMMITTED;
  args.offset = std::max(search->batch.base_offset, start);
  args.max_bytes = kOneBatch;
  replica_.read(args, &search->entries, [this, search](chr_status code, std::string_view) {
    if (code != CHR_OK) return search->finish(code);
    Lease lease = Lease::adopt(search->entries.lease);
    if (search->entries.n == 0) return search->done({});
    const chr_slice& payload = search->entries.entries[0].payload;
    locate_in(search, Bytes(payload.p, payload.n), std::move(lease));
  });
}

void OffsetSearch::locate_in(const SearchPtr& search, Bytes batch, Lease lease) {
  const auto tell = [this, search](const Result<Located>& located) {
    if (!located) return search->done({ErrorCode::kKafkaStorageError});
    if (located->offset >= 0)
      return search->done(
          {ErrorCode::kNone, located->offset, located->timestamp, static_cast<int32_t>(search->batch.term)});
    const bool is_cut = !search->largest && search->batch.base_offset < search->wanted.from_offset;
    is_cut ? walk(search, end_of(search->batch)) : search->done({});
  };
  if (!takes_long(batch)) return tell(locate_record(batch, search->wanted, UINT64_MAX));
  replica_.context().codec_lane->run_job(
      search->client, [this, owner = replica_.owner(), tell, batch, wanted = search->wanted,
                       lease = std::move(lease)](uint64_t most) {
        Result<Located> located = locate_record(batch, wanted, most);
        // All of it passed the bound of Produce when it came, whatever that is now.
        if (!located && located.error().code == Code::kOutOfRange && most != UINT64_MAX) return false;
        replica_.context().host.post(replica_.shard(),
                                     [owner, tell, located = std::move(located)] { tell(located); });
        return true;
      });
}

}  // namespace chronik::kafka
