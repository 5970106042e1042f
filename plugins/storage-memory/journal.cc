#include "storage-memory/journal.h"

#include <chronik/crc32c.hpp>

#include <algorithm>
#include <array>

namespace chronik::storage_memory {
namespace {

constexpr uint64_t kSuperblockAt[2] = {0, 4096};
constexpr uint64_t kJournalAt = 8192;
constexpr uint32_t kFormat = 1;
constexpr std::array<char, 16> kMagic = {'c', 'h', 'r', 'o', 'n', 'i', 'k', ' ',
                                         'j', 'o', 'u', 'r', 'n', 'a', 'l', 0};
constexpr uint64_t kSnapshotFrame = 1u << 20;
constexpr uint64_t kGarbageFloor = 1u << 20;  // below this much garbage a rewrite is not worth it

}  // namespace

struct Journal::Superblock {
  std::array<char, 16> magic = kMagic;
  uint32_t format = kFormat;
  uint32_t crc = 0;  // of the block with crc 0
  uint64_t epoch = 0;
  uint64_t start = 0;

  uint32_t expected_crc() const {
    Superblock copy = *this;
    copy.crc = 0;
    return crc32c::extend(0, &copy, sizeof copy);
  }
};

Status Journal::open() {
  CHRONIK_TRY(file_, files_.open("journal", CHR_FILE_CREATE));
  size_ = file_.info().size;
  return files_.sync_names();
}

Status Journal::write(uint64_t at, std::span<const uint8_t> bytes, uint32_t flags) {
  CHRONIK_CHECK(file_.write(at, bytes.data(), bytes.size(), flags));
  size_ = std::max(size_, at + bytes.size());
  return {};
}

Status Journal::resize(uint64_t n) {
  CHRONIK_CHECK(file_.resize(n));
  size_ = n;
  return {};
}

Status Journal::recover(State& state) {
  CHRONIK_CHECK(open());
  if (size_ == 0) return format();
  Superblock block;
  CHRONIK_CHECK(read_superblock(&block));
  if (block.start == 0) return format();
  epoch_ = block.epoch;
  start_ = block.start;
  // mutant start-without-sync: return scan(state);
  CHRONIK_CHECK(scan(state));
  // What a killed process had written but not synced was found too, and counts as durable from here on.
  return file_.sync();
}

Status Journal::format() {
  epoch_ = 1;
  start_ = end_ = kJournalAt;
  sequence_ = 1;
  CHRONIK_CHECK(resize(kJournalAt));
  Superblock block;
  block.epoch = epoch_;
  block.start = start_;
  return write_superblocks(block);
}

Status Journal::read_superblock(Superblock* out) {
  out->start = 0;
  bool all_zero = true;
  for (const uint64_t at : kSuperblockAt) {
    Superblock block;
    if (at + sizeof block > size_) continue;
    CHRONIK_CHECK(file_.read(at, &block, sizeof block));
    const auto* bytes = reinterpret_cast<const uint8_t*>(&block);
    all_zero &= std::all_of(bytes, bytes + sizeof block, [](uint8_t b) { return b == 0; });
    if (block.magic != kMagic || block.crc != block.expected_crc()) continue;
    if (block.format != kFormat) {
      return fail(Code::kUnsupported, "the journal has format " + std::to_string(block.format) +
                                          "; this version of storage-memory reads format 1: upgrade it");
    }
    if (block.start != 0 && block.epoch >= out->epoch) *out = block;
  }
  // Only the very first format can leave both torn: nothing was acknowledged before it.
  if (out->start == 0 && !all_zero && size_ > kJournalAt)
    return fail(Code::kCorrupt, "neither superblock of the journal is readable");
  return {};
}

Status Journal::write_superblocks(const Superblock& block) {
  Superblock sealed = block;
  sealed.crc = sealed.expected_crc();
  for (const uint64_t at : kSuperblockAt) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(&sealed);
    CHRONIK_CHECK(write(at, std::span(bytes, sizeof sealed), CHR_FILE_DURABLE));
  }
  return {};
}

bool Journal::read_frame(uint64_t at, FrameHeader* header, std::vector<uint8_t>* payload) {
  if (at + sizeof *header > size_ || !file_.read(at, header, sizeof *header)) return false;
  if (header->magic != kFrameMagic || header->epoch != epoch_) return false;
  if (header->size > size_ - at - sizeof *header) return false;
  payload->resize(header->size);
  if (header->size != 0 && !file_.read(at + sizeof *header, payload->data(), header->size)) return false;
  // mutant torn-tail-accepted: return true;
  return frame_is_whole(*header, *payload);
}

Status Journal::scan(State& state) {
  FrameHeader header{};
  std::vector<uint8_t> payload;
  end_ = start_;
  sequence_ = 1;
  while (read_frame(end_, &header, &payload) && header.sequence == sequence_) {
    CHRONIK_CHECK(apply(state, payload));
    end_ += sizeof header + header.size;
    ++sequence_;
  }
  if (good_frame_after(end_)) {
    return fail(Code::kCorrupt, "the journal is damaged at byte " + std::to_string(end_) +
                                    ", before frames that are whole: restore this node from another");
  }
  return cut_tail();
}

bool Journal::good_frame_after(uint64_t at) {
  if (at >= size_) return false;
  std::vector<uint8_t> rest(size_ - at);
  if (!file_.read(at, rest.data(), rest.size())) return false;
  FrameHeader header{};
  for (uint64_t i = 1; i + sizeof header <= rest.size(); ++i) {
    std::memcpy(&header, &rest[i], sizeof header);
    if (header.magic != kFrameMagic || header.epoch != epoch_ || header.sequence <= sequence_) continue;
    if (header.size > rest.size() - i - sizeof header) continue;
    if (frame_is_whole(header, std::span(rest).subspan(i + sizeof header, header.size))) return true;
  }
  return false;
}

Status Journal::cut_tail() {
  if (size_ == end_) return {};
  host_.info("cut an unfinished write off the journal", "bytes=" + std::to_string(size_ - end_));
  CHRONIK_CHECK(resize(end_));
  return file_.sync();
}

Status Journal::apply(State& state, std::span<const uint8_t> payload) {
  return for_each_step(payload, [&state](uint64_t group, const chr_storage_step& step) -> Status {
    if (step.type == kStepGroup) {
      state.restore_group(group, from_abi(step.key));
      return {};
    }
    if (step.type == kStepNextId) {
      state.restore_next_id(step.index);
      return {};
    }
    if (state.find(group) == nullptr) return fail(Code::kCorrupt, "a journal frame names an unknown group");
    return state.apply(group, step);
  });
}

Status Journal::commit(FrameWriter& frame) {
  const std::span<const uint8_t> bytes = frame.seal(epoch_, sequence_);
  // mutant acknowledged-before-durable: const Status status = write(end_, bytes, 0);
  const Status status = write(end_, bytes, CHR_FILE_DURABLE);
  // mutant sync-error-ignored: if (!status && status.error().code == Code::kNoSpace) {
  if (!status) {
    const Status cut = resize(end_);  // no start may find what of it was written
    return status.error().code == Code::kNoSpace && !cut ? cut : status;
  }
  end_ += bytes.size();
  ++sequence_;
  return {};
}

Status Journal::compact_if_due(const State& state) {
  const uint64_t used = end_ - start_;
  if (used < 2 * state.bytes() + kGarbageFloor) return {};
  if (end_ < compact_again_at_) return {};
  const bool before = start_ - kJournalAt >= state.bytes() + state.bytes() / 2;
  Superblock block;
  // Never used before, so that frames of an attempt that a crash ended cannot be
  // taken for frames of this one.
  block.epoch = (((epoch_ >> 32) + 1) << 32) | (host_.random_u64() >> 32);
  block.start = before ? kJournalAt : end_;
  uint64_t end = 0;
  uint64_t sequence = 0;
  if (const Status status = write_snapshot(state, block, &end, &sequence); !status) {
    // No room: nothing is lost, the old journal goes on, what was written behind it is cut.
    if (status.error().code != Code::kNoSpace) return status;
    compact_again_at_ = end_ + kGarbageFloor;
    return cut_tail();
  }
  CHRONIK_CHECK(file_.sync());
  CHRONIK_CHECK(write_superblocks(block));
  epoch_ = block.epoch;
  start_ = block.start;
  end_ = end;
  sequence_ = sequence;
  compact_again_at_ = 0;
  return cut_tail();
}

Status Journal::write_snapshot(const State& state, const Superblock& block, uint64_t* end,
                               uint64_t* sequence) {
  *end = block.start;
  *sequence = 1;
  FrameWriter frame;
  const auto flush = [&]() -> Status {
    const std::span<const uint8_t> bytes = frame.seal(block.epoch, (*sequence)++);
    if (block.start < start_ && *end + bytes.size() > start_)
      return fail(Code::kNoSpace, "the live state does not fit before the journal");
    CHRONIK_CHECK(write(*end, bytes, 0));
    *end += bytes.size();
    frame = FrameWriter();
    return {};
  };
  const auto add = [&](uint64_t group, const chr_storage_step& step) -> Status {
    frame.add_step(group, step);
    return frame.size() < kSnapshotFrame ? Status{} : flush();
  };
  chr_storage_step next{};
  next.type = kStepNextId;
  next.index = state.next_id();
  frame.add_step(0, next);
  for (const auto& [id, group] : state.groups()) {
    if (!group.durable) continue;
    chr_storage_step step{};
    step.type = kStepGroup;
    step.key = to_abi(group.name);
    CHRONIK_CHECK(add(id, step));
    for (const auto& [key, value] : group.keys) {
      step = {CHR_STORAGE_PUT, 0, 0, nullptr, to_abi(key), {value.bytes, value.n, nullptr}};
      CHRONIK_CHECK(add(id, step));
    }
    for (const Entry& entry : group.log.entries()) {
      const chr_entry one{entry.header, {entry.payload, entry.header.bytes, nullptr}};
      step = {CHR_STORAGE_APPEND, 1, 0, &one, {}, {}};
      CHRONIK_CHECK(add(id, step));
    }
  }
  return flush();
}

}  // namespace chronik::storage_memory
