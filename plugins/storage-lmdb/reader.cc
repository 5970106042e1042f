#include "storage-lmdb/reader.h"

#include <chronik/entries_lease.hpp>

#include <algorithm>

namespace chronik::storage_lmdb {
namespace {

constexpr uint64_t kAlwaysCopied = 16 << 10;  // not worth pinning pages for

// What keeps the payloads of one read where they are: a pinned generation, or the buffer with the copies.
class Payloads {
 public:
  Payloads(std::shared_ptr<Generations> generations, Generation* pinned, Lease copies)
      : generations_(std::move(generations)), pinned_(pinned), copies_(std::move(copies)) {}
  ~Payloads() {
    if (pinned_ != nullptr) generations_->unpin(pinned_);
  }
  Payloads(const Payloads&) = delete;
  Payloads& operator=(const Payloads&) = delete;
  bool is_recalled() const { return pinned_ != nullptr && generations_->is_recalled(pinned_); }

 private:
  std::shared_ptr<Generations> generations_;
  Generation* pinned_;
  Lease copies_;
};

}  // namespace

Status Reader::read(const chr_storage_read& args, uint64_t start, chr_entries* out) const {
  const uint64_t now = host_.now_ns();
  const bool promises = uint64_t{args.max_lease_ms} * 1'000'000 <= generations_->max_lease_ns();
  Generation* pinned = nullptr;
  if (args.headers_only == 0 && promises && !generations_->wants_copy(now)) {
    // Before the walk begins, so that what the walk finds is pinned.
    CHRONIK_TRY(pinned, generations_->pin(now));
  }
  const auto unpin = [&] {
    if (pinned != nullptr) generations_->unpin(std::exchange(pinned, nullptr));
  };
  const auto walk = [&]() -> Status {
    CHRONIK_TRY(const Snapshot snapshot, Snapshot::begin(generations_->transactions()));
    CHRONIK_TRY(Records records, collect(snapshot.txn(), args, start));
    Lease copies;
    uint64_t bytes = 0;
    if (args.headers_only == 0) {
      CHRONIK_CHECK(verify(records));
      for (const RecordView& record : records) bytes += record.head.header.bytes;
    }
    if (bytes <= kAlwaysCopied) unpin();
    if (args.headers_only == 0 && pinned == nullptr) CHRONIK_CHECK(copy(records, bytes, &copies));
    if (records.empty()) return {};
    auto answer = std::make_unique<EntriesLease<Payloads>>(generations_, std::exchange(pinned, nullptr),
                                                           std::move(copies));
    answer->reserve(records.size());
    for (const RecordView& record : records) {
      const chr_entry_header& header = record.head.header;
      answer->add(header, args.headers_only != 0 ? nullptr : record.payload, header.bytes);
    }
    EntriesLease<Payloads>::publish(std::move(answer), out);
    return {};
  };
  const Status status = contain(walk);
  unpin();
  return status;
}

Result<Reader::Records> Reader::collect(MDB_txn* txn, const chr_storage_read& args, uint64_t start) const {
  CHRONIK_TRY(LogView log, LogView::open(txn, *env_, args.group, start));
  std::vector<StoredRecord> found;
  uint64_t bytes = 0;
  CHRONIK_TRY(std::optional<StoredRecord> record, log.place_of(args.from));
  while (record) {
    if (args.to != 0 && record->index() >= args.to) break;
    if (args.max_entries != 0 && found.size() == args.max_entries) break;
    if (args.headers_only == 0 && !found.empty() && bytes + record->payload_bytes() > args.max_bytes) break;
    bytes += record->payload_bytes();
    found.push_back(*record);
    if (args.headers_only == 0 && bytes > args.max_bytes) break;
    auto next = contain([&log] { return log.next_place(); });
    if (!next) break;  // damaged: whoever reads on from there is told
    record = *next;
  }
  return parse(found, args.headers_only != 0);
}

// The map does no read-ahead (MDB_NORDAHEAD): what was not read in beforehand would come in page by page.
Result<Reader::Records> Reader::parse(std::span<const StoredRecord> found, bool heads_only) const {
  const size_t n = readable(found, heads_only);
  Records records;
  records.reserve(n);
  for (size_t i = 0; i < found.size(); ++i) {
    const Result<RecordView> record = parse_readable(found[i].key, i < n ? found[i].value : MDB_val{});
    if (record)
      records.push_back(*record);
    else if (i == 0)
      return std::unexpected(record.error());
    else
      break;
  }
  return records;
}

Status Reader::verify(Records& records) const {
  for (size_t i = 0; i < records.size(); ++i) {
    if (payload_is_whole(records[i])) continue;
    if (i == 0) {
      return fail(Code::kCorrupt, "the payload of entry " + std::to_string(records[i].head.header.index) +
                                      " is damaged on disk");
    }
    records.resize(i);
  }
  return {};
}

Status Reader::copy(Records& records, uint64_t bytes, Lease* lease) const {
  if (bytes == 0) return {};
  chr_slice slice{};
  if (host_.alloc(bytes, &slice) != CHR_OK)
    return fail(Code::kOverloaded, "the host has no memory for a read");
  *lease = Lease::adopt(slice.lease);
  auto* to = const_cast<uint8_t*>(slice.p);
  for (RecordView& record : records) {
    const uint64_t n = record.head.header.bytes;
    std::memcpy(to, record.payload, n);
    record.payload = std::exchange(to, to + n);
  }
  return {};
}

Result<std::optional<chr_entry_header>> Reader::find(uint64_t group, uint64_t start, int32_t by,
                                                     int64_t value) const {
  CHRONIK_TRY(const Snapshot snapshot, Snapshot::begin(generations_->transactions()));
  CHRONIK_TRY(LogView log, LogView::open(snapshot.txn(), *env_, group, start));
  CHRONIK_TRY(const std::optional<RecordView> found, log.find(by, value));
  if (!found) return std::nullopt;
  return found->head.header;
}

Result<chr_slice> Reader::get(uint64_t group, std::string_view name) const {
  CHRONIK_TRY(const Snapshot snapshot, Snapshot::begin(generations_->transactions()));
  std::string key(reinterpret_cast<const char*>(LogKey(group, 0).bytes()), 8);
  key.append(name);
  MDB_val k{key.size(), key.data()};
  MDB_val v{};
  const int rc = mdb_get(snapshot.txn(), env_->keys(), &k, &v);
  if (rc == MDB_NOTFOUND) return fail(Code::kNotFound, "no such key");
  if (rc != MDB_SUCCESS) return std::unexpected(lmdb_error(rc, "read a key"));
  CHRONIK_TRY(const std::string_view bytes, parse_value(v));
  chr_slice out{};
  if (host_.alloc(bytes.size(), &out) != CHR_OK)
    return fail(Code::kOverloaded, "the host has no memory for a read");
  std::memcpy(const_cast<uint8_t*>(out.p), bytes.data(), bytes.size());
  return out;
}

}  // namespace chronik::storage_lmdb
