#include "storage-log/format/change.h"

#include "storage-log/format/crc_change.h"

#include <chronik/crc32c.hpp>

#include <algorithm>

namespace chronik::storage_log {
namespace {

enum Flags : uint32_t { kCreates = 1, kDrops = 2, kTruncates = 4, kTrims = 8 };

struct ChangeHead {
  uint64_t bytes = 0;  // of all of the change
  uint64_t group = 0;
  uint32_t flags = 0;
  uint32_t name_bytes = 0;
  uint32_t entries = 0;
  uint32_t keys = 0;
};
static_assert(sizeof(ChangeHead) == 32);

struct EntryHead {
  chr_entry_header header{};
  Place place;
  uint32_t payload_crc = 0;
  uint32_t in_segment = 0;
};
static_assert(sizeof(EntryHead) == 88);

struct KeyHead {
  uint64_t file = 0;
  uint64_t value_bytes = 0;
  uint32_t value_crc = 0;
  uint16_t key_bytes = 0;
  uint16_t is_deleted = 0;
};
static_assert(sizeof(KeyHead) == 24);
static_assert(sizeof(Boundary) == 72);

class Writer {
 public:
  explicit Writer(uint8_t* p) : p_(p) {}
  template <class T>
  void put(const T& value) {
    std::memcpy(p_, &value, sizeof value);
    p_ += sizeof value;
  }
  void put(std::string_view bytes) {
    if (!bytes.empty()) std::memcpy(p_, bytes.data(), bytes.size());
    p_ += bytes.size();
  }
  // Copies a piece at a time, so that the sum is taken of what the cache has.
  uint32_t put_with_crc(const uint8_t* from, uint64_t n) {
    constexpr uint64_t kPiece = 16u << 10;
    uint32_t crc = 0;
    while (n != 0) {
      const uint64_t piece = std::min(n, kPiece);
      std::memcpy(p_, from, piece);
      crc = crc32c::extend(crc, from, piece);
      p_ += piece;
      from += piece;
      n -= piece;
    }
    return crc;
  }
  uint8_t* at() const { return p_; }

 private:
  uint8_t* p_;
};

void write_entry(Writer& to, const PlacedEntry& entry) {
  EntryHead head{entry.entry.header, entry.place, entry.payload_crc, entry.in_segment ? 1u : 0u};
  uint8_t* const place_of_head = to.at();
  to.put(head);
  if (entry.in_segment) return;
  head.payload_crc = to.put_with_crc(entry.entry.payload.p, entry.entry.header.bytes);
  std::memcpy(place_of_head, &head, sizeof head);
}

PlacedEntry read_entry(ByteReader& from) {
  const auto head = from.take<EntryHead>();
  PlacedEntry out;
  out.entry.header = head.header;
  out.place = head.place;
  out.payload_crc = head.payload_crc;
  out.in_segment = head.in_segment != 0;
  if (!out.in_segment) {
    const std::string_view payload = from.take(head.header.bytes);
    out.entry.payload = {reinterpret_cast<const uint8_t*>(payload.data()), payload.size(), nullptr};
  }
  return out;
}

bool can_be(const PlacedEntry& entry) {
  return entry.entry.header.index != 0 && entry.place.segment != 0 && entry.place.at <= kMaxPlace &&
         entry.entry.header.bytes <= kMaxPlace;
}

bool can_be(const std::optional<Boundary>& boundary) {
  return !boundary || boundary->below.next.at <= kMaxPlace;
}

KeyChange read_key(ByteReader& from) {
  const auto head = from.take<KeyHead>();
  KeyChange out;
  out.file = head.file;
  out.value_bytes = head.value_bytes;
  out.value_crc = head.value_crc;
  out.is_deleted = head.is_deleted != 0;
  out.key = from.take(head.key_bytes);
  if (head.file == 0) out.value = from.take(head.value_bytes);
  return out;
}

}  // namespace

uint64_t change_bytes(const GroupChange& change) {
  uint64_t bytes = sizeof(ChangeHead) + change.name.size();
  if (change.truncate) bytes += sizeof(Boundary);
  if (change.trim) bytes += sizeof(Boundary);
  for (const PlacedEntry& entry : change.entries)
    bytes += sizeof(EntryHead) + (entry.in_segment ? 0 : entry.entry.header.bytes);
  for (const KeyChange& key : change.keys) bytes += sizeof(KeyHead) + key.key.size() + key.value.size();
  return bytes;
}

void write_change(const GroupChange& change, uint8_t* p) {
  ChangeHead head;
  head.bytes = change_bytes(change);
  head.group = change.group;
  head.flags = (change.creates ? kCreates : 0u) | (change.drops ? kDrops : 0u) |
               (change.truncate ? kTruncates : 0u) | (change.trim ? kTrims : 0u);
  head.name_bytes = static_cast<uint32_t>(change.name.size());
  head.entries = static_cast<uint32_t>(change.entries.size());
  head.keys = static_cast<uint32_t>(change.keys.size());
  Writer to(p);
  to.put(head);
  to.put(change.name);
  if (change.truncate) to.put(*change.truncate);
  if (change.trim) to.put(*change.trim);
  for (const PlacedEntry& entry : change.entries) write_entry(to, entry);
  for (const KeyChange& key : change.keys) {
    to.put(KeyHead{key.file, key.file != 0 ? key.value_bytes : key.value.size(), key.value_crc,
                   static_cast<uint16_t>(key.key.size()), static_cast<uint16_t>(key.is_deleted ? 1 : 0)});
    to.put(key.key);
    to.put(key.value);
  }
}

Status read_change(std::string_view* in, ReadChange* out) {
  const auto damaged = [] {
    return fail(Code::kCorrupt,
                "a change in the journal does not fit its size, or has places that cannot be");
  };
  ByteReader peek(*in);
  const auto head = peek.take<ChangeHead>();
  if (!peek.is_whole() || head.bytes < sizeof head || head.bytes > in->size()) return damaged();
  ByteReader from(in->substr(sizeof head, head.bytes - sizeof head));
  out->entries.clear();
  out->keys.clear();
  out->change = {};
  GroupChange& change = out->change;
  change.group = head.group;
  change.creates = (head.flags & kCreates) != 0;
  change.drops = (head.flags & kDrops) != 0;
  change.name = from.take(head.name_bytes);
  if (head.flags & kTruncates) change.truncate = from.take<Boundary>();
  if (head.flags & kTrims) change.trim = from.take<Boundary>();
  for (uint32_t i = 0; i < head.entries && from.is_whole(); ++i) out->entries.push_back(read_entry(from));
  for (uint32_t i = 0; i < head.keys && from.is_whole(); ++i) out->keys.push_back(read_key(from));
  if (!from.is_whole() || !from.rest().empty()) return damaged();
  if (!std::ranges::all_of(out->entries, [](const PlacedEntry& entry) { return can_be(entry); }) ||
      !can_be(change.truncate) || !can_be(change.trim))
    return damaged();
  change.entries = out->entries;
  change.keys = out->keys;
  in->remove_prefix(head.bytes);
  return {};
}

bool are_whole_changes(std::string_view bytes) { return only_payloads_are_damaged(bytes, 0); }

bool only_payloads_are_damaged(std::string_view bytes, uint32_t crc_change) {
  uint32_t change = 0;
  const auto* at = reinterpret_cast<const uint8_t*>(bytes.data());
  const auto* const end = at + bytes.size();
  ReadChange read;
  while (!bytes.empty()) {
    if (!read_change(&bytes, &read)) return false;
    for (const PlacedEntry& entry : read.entries) {
      const chr_slice& payload = entry.entry.payload;
      if (entry.in_segment || payload.n == 0) continue;
      const uint32_t wrong = entry.payload_crc ^ crc32c::extend(0, payload.p, payload.n);
      if (crc_change == 0 && wrong != 0) return false;
      const uint8_t* const behind = payload.p + payload.n;
      change = crc_change_behind(change, static_cast<uint64_t>(behind - at)) ^ wrong;
      at = behind;
    }
  }
  return crc_change_behind(change, static_cast<uint64_t>(end - at)) == crc_change;
}

}  // namespace chronik::storage_log
