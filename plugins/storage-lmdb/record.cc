#include "storage-lmdb/record.h"

#include <sys/mman.h>
#include <chronik/crc32c.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string>

namespace chronik::storage_lmdb {
namespace {

constexpr uint64_t kOwnPages = 2015;  // records from this size on lie in pages that nobody read yet
constexpr uintptr_t kPage = 4096;
constexpr uint64_t kCopyChunk = 32 << 10;  // stays in the first-level cache between the copy and the CRC

}  // namespace

uint32_t head_crc(const RecordHead& head, const LogKey& key) {
  constexpr size_t kFrom = offsetof(RecordHead, payload_crc);
  const uint32_t crc = crc32c::extend(0, key.bytes(), 16);
  return crc32c::extend(crc, reinterpret_cast<const uint8_t*>(&head) + kFrom, sizeof head - kFrom);
}

uint32_t copy_with_crc(uint8_t* to, const uint8_t* from, uint64_t n) {
  uint32_t crc = 0;
  while (n != 0) {
    const uint64_t chunk = std::min(n, kCopyChunk);
    std::memcpy(to, from, chunk);
    crc = crc32c::extend(crc, from, chunk);
    to += chunk;
    from += chunk;
    n -= chunk;
  }
  return crc;
}

Result<RecordView> parse_record(MDB_val key, MDB_val value) {
  const StoredRecord record{key, value};
  // One whose head is out of reach has none.
  return parse_readable(key, readable({&record, 1}, true) == 1 ? value : MDB_val{});
}

Result<RecordView> parse_readable(MDB_val key, MDB_val value) {
  const uint64_t group = LogKey::load(key.mv_data);
  const uint64_t index = LogKey::load(static_cast<const uint8_t*>(key.mv_data) + 8);
  RecordView record{};
  const bool fits = value.mv_size >= sizeof record.head;
  if (fits) std::memcpy(&record.head, value.mv_data, sizeof record.head);
  const RecordHead& head = record.head;
  if (!fits || head.head_crc != head_crc(head, LogKey(group, index)) || head.header.index != index ||
      head.header.bytes != value.mv_size - sizeof head) {
    return fail(Code::kCorrupt, "entry " + std::to_string(index) + " of group " + std::to_string(group) +
                                    " is damaged on disk");
  }
  record.payload = static_cast<const uint8_t*>(value.mv_data) + sizeof head;
  return record;
}

bool is_readable(const void* at, uint64_t n) {
  constexpr int kPopulateRead = 22;  // MADV_POPULATE_READ of Linux 5.14, which older headers do not know
  const auto begin = reinterpret_cast<uintptr_t>(at) & ~(kPage - 1);
  const auto end = reinterpret_cast<uintptr_t>(at) + n;
  auto* const from = reinterpret_cast<void*>(begin);
  if (madvise(from, end - begin, kPopulateRead) == 0) return true;
  if (errno == EFAULT || errno == EHWPOISON || errno == ENOMEM) return false;
  madvise(from, end - begin, MADV_WILLNEED);
  return true;
}

size_t readable(std::span<const StoredRecord> records, bool heads_only) {
  const auto begin = [&](size_t i) { return reinterpret_cast<uintptr_t>(records[i].value.mv_data); };
  const auto end = [&](size_t i) {
    return begin(i) + (heads_only ? sizeof(RecordHead) : records[i].value.mv_size);
  };
  const auto has_own_pages = [&](size_t i) { return records[i].value.mv_size >= kOwnPages; };
  const auto can_read = [&](size_t from, size_t to) {
    return is_readable(records[from].value.mv_data, end(to - 1) - begin(from));
  };
  for (size_t i = 0; i < records.size();) {
    if (!has_own_pages(i)) {
      ++i;
      continue;
    }
    size_t next = i + 1;
    while (next < records.size() && has_own_pages(next) &&
           begin(next) / kPage == (end(next - 1) - 1) / kPage + 1)
      ++next;
    if (!can_read(i, next)) {
      for (; i < next; ++i)
        if (!can_read(i, i + 1)) return i;
    }
    i = next;
  }
  return records.size();
}

bool payload_is_whole(const RecordView& record) {
  return crc32c::extend(0, record.payload, record.head.header.bytes) == record.head.payload_crc;
}

std::string encode_group(std::string_view name, bool dropped, uint64_t start) {
  GroupHead head{0, dropped ? 1u : 0u, start};
  std::string bytes(reinterpret_cast<const char*>(&head), sizeof head);
  bytes.append(name);
  head.crc = crc32c::extend(0, bytes.data() + 4, bytes.size() - 4);
  std::memcpy(bytes.data(), &head.crc, sizeof head.crc);
  return bytes;
}

Result<GroupRecord> parse_group(MDB_val value) {
  GroupRecord record{};
  const char* bytes = static_cast<const char*>(value.mv_data);
  if (value.mv_size >= sizeof record.head) {
    std::memcpy(&record.head, bytes, sizeof record.head);
    record.name = {bytes + sizeof record.head, value.mv_size - sizeof record.head};
    if (record.head.crc == crc32c::extend(0, bytes + 4, value.mv_size - 4)) return record;
  }
  return fail(Code::kCorrupt, "the record of a group is damaged on disk: restore this node from another");
}

std::string encode_value(std::string_view bytes) {
  const uint32_t crc = crc32c::extend(0, bytes.data(), bytes.size());
  std::string value(reinterpret_cast<const char*>(&crc), sizeof crc);
  return value.append(bytes);
}

Result<std::string_view> parse_value(MDB_val value) {
  uint32_t crc = 0;
  const char* bytes = static_cast<const char*>(value.mv_data);
  if (value.mv_size >= sizeof crc) {
    std::memcpy(&crc, bytes, sizeof crc);
    const std::string_view rest(bytes + sizeof crc, value.mv_size - sizeof crc);
    if (crc == crc32c::extend(0, rest.data(), rest.size())) return rest;
  }
  return fail(Code::kCorrupt, "the value of a key is damaged on disk");
}

}  // namespace chronik::storage_lmdb
