#include "storage-log/journal/journal_scan.h"

#include "storage-log/format/change.h"

#include <algorithm>

namespace chronik::storage_log {
namespace {

constexpr uint64_t kReadAtOnce = 1u << 20;
constexpr uint64_t kKeptAtOnce = 256u << 10;  // bytes of payloads that lie in one piece of memory
constexpr uint64_t kMaxFrames = 1u << 26;     // of the largest journal that can be set, a block each

// n bytes from the host, on a block boundary.
Result<chr_slice> aligned(const Host& host, uint64_t n, uint64_t block) {
  chr_slice slice{};
  if (host.alloc(n + block, &slice) != CHR_OK)
    return fail(Code::kOverloaded, "the host has no memory to read the journal");
  slice.p += (block - reinterpret_cast<uintptr_t>(slice.p) % block) % block;
  slice.n = n;
  return slice;
}

// What the disk cannot read reads as zeros, block by block, and fails a checksum later.
Status read_what_can_be(const File& file, uint64_t at, uint8_t* p, uint64_t n, uint64_t block) {
  Status status = file.read(at, p, n);
  if (status || status.error().code != Code::kIo) return status;
  for (uint64_t k = 0; k < n; k += block) {
    status = file.read(at + k, p + k, block);
    if (!status && status.error().code != Code::kIo) return status;
    if (!status) std::memset(p + k, 0, block);
  }
  return {};
}

}  // namespace

Result<JournalTail> JournalScan::run(const ReplayStart& start, uint64_t durable, const Events& events) {
  for (const File* file : files_) CHRONIK_CHECK(find_headers(*file, start));
  uint64_t highest_mark = durable;
  for (const auto& [sequence, found] : found_) highest_mark = std::max(highest_mark, found.header.mark);
  JournalTail tail;
  std::optional<uint32_t> previous = start.previous_crc;
  for (uint64_t sequence = start.sequence;; ++sequence) {
    tail.next_sequence = sequence;
    const auto found = found_.find(sequence);
    const bool is_found = found != found_.end();
    const bool follows = is_found && (!previous || found->second.header.previous_crc == *previous);
    if (!follows) {
      if (sequence > highest_mark) break;
      events.lost(sequence, {});
      previous = is_found ? std::optional(found->second.header.crc) : std::nullopt;
      if (!is_found) sequence = end_of_gap(sequence, highest_mark);
      continue;
    }
    CHRONIK_TRY(const bool counts, deliver(found->second, highest_mark, events));
    if (!counts) break;
    previous = found->second.header.crc;
  }
  for (const auto& [sequence, found] : found_)
    (sequence < tail.next_sequence ? tail.frames : tail.dropped).push_back(found);
  return tail;
}

uint64_t JournalScan::end_of_gap(uint64_t sequence, uint64_t highest_mark) const {
  const auto next = found_.upper_bound(sequence);
  return next == found_.end() ? highest_mark : std::min(highest_mark, next->first - 1);
}

Status JournalScan::find_headers(const File& file, const ReplayStart& start) {
  const uint64_t size = file.info().size / block_ * block_;
  const uint64_t piece = std::max(kReadAtOnce / block_, uint64_t{1}) * block_;
  CHRONIK_TRY(const chr_slice buffer, aligned(host_, piece, block_));
  const Lease lease = Lease::adopt(buffer.lease);
  for (uint64_t at = 0; at < size; at += piece) {
    const uint64_t n = std::min(piece, size - at);
    CHRONIK_CHECK(read_what_can_be(file, at, const_cast<uint8_t*>(buffer.p), n, block_));
    for (uint64_t k = 0; k < n; k += block_) look_at_block(file, at + k, buffer.p + k, start);
  }
  return {};
}

void JournalScan::look_at_block(const File& file, uint64_t at, const uint8_t* block,
                                const ReplayStart& start) {
  const auto add = [&](const std::optional<FrameHeader>& header, bool is_front) {
    if (!header || header->generation != start.generation || header->sequence < start.sequence) return;
    // Whoever made it: a frame lies in whole blocks of its file, and knows none of those behind it.
    const uint64_t room = is_front ? file.info().size - at : at + block_;
    if (header->size % block_ != 0 || header->size > room || header->mark >= header->sequence) return;
    if (header->sequence - start.sequence >= kMaxFrames) return;
    found_.try_emplace(header->sequence, Found{&file, is_front ? at : at + block_ - header->size, *header});
  };
  add(parse_header(block), true);
  add(parse_header(block + block_ - sizeof(FrameHeader)), false);
}

// Frames lie one behind the other, and most are small: a read brings those that follow, too.
Result<uint8_t*> JournalScan::read(const Found& found) {
  const uint64_t size = found.header.size;
  const bool is_there = window_.file == found.file && found.at >= window_.at &&
                        found.at - window_.at + size <= window_.bytes.size();
  if (!is_there) {
    const uint64_t rest = found.file->info().size / block_ * block_ - found.at;
    const uint64_t n = std::max(size, std::min(rest, kReadAtOnce / block_ * block_));
    window_ = {};
    CHRONIK_TRY(const chr_slice memory, aligned(host_, n, block_));
    window_.lease = Lease::adopt(memory.lease);
    const std::span<uint8_t> bytes(const_cast<uint8_t*>(memory.p), n);
    CHRONIK_CHECK(read_what_can_be(*found.file, found.at, bytes.data(), n, block_));
    window_.file = found.file;
    window_.at = found.at;
    window_.bytes = bytes;
  }
  return window_.bytes.data() + (found.at - window_.at);
}

// In memory of its size: whoever applies it may keep it for long.
Result<chr_slice> JournalScan::keep(const uint8_t* payload, uint64_t n) {
  if (kept_.n - kept_bytes_ < n) {
    chr_slice memory{};
    if (host_.alloc(std::max(n, kKeptAtOnce), &memory) != CHR_OK)
      return fail(Code::kOverloaded, "the host has no memory to read the journal");
    kept_ = memory;
    kept_lease_ = Lease::adopt(memory.lease);
    kept_bytes_ = 0;
  }
  uint8_t* const to = const_cast<uint8_t*>(kept_.p) + std::exchange(kept_bytes_, kept_bytes_ + n);
  if (n != 0) std::memcpy(to, payload, n);
  return chr_slice{to, n, kept_lease_.get()};
}

std::vector<uint64_t> JournalScan::ids_of(const Found& found, const uint8_t* frame) const {
  for (const uint64_t at : {front_ids(found.header), back_ids(found.header)}) {
    if (!ids_are_whole(found.header, frame + at)) continue;
    std::vector<uint64_t> ids(found.header.groups);
    if (!ids.empty()) std::memcpy(ids.data(), frame + at, ids.size() * sizeof(uint64_t));
    return ids;
  }
  return {};
}

bool JournalScan::is_usable(const FrameHeader& header, uint8_t* payload, const Events& events) const {
  const std::string_view bytes(reinterpret_cast<const char*>(payload), header.payload_bytes);
  if (const std::optional<uint64_t> bit = flipped_bit(header, payload)) {
    uint8_t& byte = payload[*bit / 8];
    byte ^= static_cast<uint8_t>(1u << *bit % 8);
    if (are_whole_changes(bytes)) {
      if (events.mended) events.mended(header.sequence);
      return true;
    }
    byte ^= static_cast<uint8_t>(1u << *bit % 8);
  }
  return only_payloads_are_damaged(bytes, payload_crc_change(header, payload));
}

Result<bool> JournalScan::deliver(const Found& found, uint64_t highest_mark, const Events& events) {
  const FrameHeader& header = found.header;
  const bool is_durable = header.sequence <= highest_mark;
  CHRONIK_TRY(uint8_t* const frame, read(found));
  uint8_t* const payload = frame + sizeof header;
  const bool is_whole = payload_is_whole(header, payload);
  if (!is_whole && !is_durable) return false;
  if (is_whole || is_usable(header, payload, events)) {
    CHRONIK_TRY(const chr_slice kept, keep(payload, header.payload_bytes));
    CHRONIK_CHECK(events.frame(header.sequence, kept));
    return true;
  }
  // A frame that only carries a mark has no groups, and nothing to lose.
  if (header.payload_bytes != 0) events.lost(header.sequence, ids_of(found, frame));
  return true;
}

Result<std::string> JournalScan::faults(const FoundFrame& found) {
  CHRONIK_TRY(const uint8_t* const frame, read(found));
  const FrameHeader& header = found.header;
  const auto is_header = [&](uint64_t at) { return std::memcmp(frame + at, &header, sizeof header) == 0; };
  std::string out;
  const auto note = [&out](bool is_whole, std::string_view part) {
    if (!is_whole) out.append(out.empty() ? "" : ", ").append(part);
  };
  note(is_header(0), "its first header");
  note(payload_is_whole(header, frame + sizeof header), "its payload");
  note(ids_are_whole(header, frame + front_ids(header)), "its first list of groups");
  note(ids_are_whole(header, frame + back_ids(header)), "its second list of groups");
  note(is_header(header.size - sizeof header), "its second header");
  return out;
}

}  // namespace chronik::storage_log
