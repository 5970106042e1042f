// LMDB's pages, as far as the store looks at them itself.
#pragma once

#include "storage-lmdb/free_pages.h"
#include "storage-lmdb/record.h"

namespace chronik::storage_lmdb {

// What stands at the beginning of a page. A large record lies in pages of its own, right behind the header of
// the first; small ones share a page.
struct PageHeader {
  static constexpr uint16_t kLeaf = 0x02;
  static constexpr uint16_t kOwnPages = 0x04;

  uint64_t number;
  uint16_t pad;
  uint16_t flags;
  uint32_t pages;  // of its own; of a shared page where its free room begins and ends

  static const uint8_t* of(MDB_val value) {
    return static_cast<const uint8_t*>(value.mv_data) - sizeof(PageHeader);
  }
  static PageHeader load(const uint8_t* at) {
    PageHeader header;
    std::memcpy(&header, at, sizeof header);
    return header;
  }
};
static_assert(sizeof(PageHeader) == 16);

// LMDB believes the header how many pages become free with the record: a damaged one
// would free those of others.
inline bool own_pages_are_whole(MDB_val value, uint64_t page_size) {
  const uint8_t* at = PageHeader::of(value);
  if (own_pages(value.mv_size, page_size) == 0 || reinterpret_cast<uintptr_t>(at) % page_size != 0)
    return true;  // or not written yet
  if (!is_readable(at, sizeof(PageHeader))) return false;
  const PageHeader header = PageHeader::load(at);
  return (header.flags & PageHeader::kOwnPages) != 0 && header.pages == own_pages(value.mv_size, page_size);
}

// Where the pages of a record end, 0: it shares one. The record was put just now.
inline uint64_t end_of_own_pages(MDB_val value, uint64_t page_size) {
  const uint64_t pages = own_pages(value.mv_size, page_size);
  return pages == 0 ? 0 : PageHeader::load(PageHeader::of(value)).number + pages;
}

}  // namespace chronik::storage_lmdb
