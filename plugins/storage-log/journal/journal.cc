#include "storage-log/journal/journal.h"

#include <algorithm>
#include <charconv>

namespace chronik::storage_log {
namespace {

constexpr uint64_t kBlock = 4096;
constexpr uint64_t kZeroAtOnce = 1u << 20;
constexpr uint64_t kMinFile = 256u << 10;  // works, if not well
constexpr std::string_view kPrefix = "journal-";

}  // namespace

std::string journal_name(uint32_t number) { return std::string(kPrefix) + std::to_string(number); }

std::optional<uint32_t> journal_number(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  const std::string_view digits = name.substr(kPrefix.size());
  uint32_t number = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return read.ec == std::errc() && name == journal_name(number) ? std::optional(number) : std::nullopt;
}

// ---- files ----

Result<File> Journal::open_file(uint32_t number, uint32_t flags) const {
  return files_.open(journal_name(number), flags | CHR_FILE_DIRECT);
}

Status Journal::open(const std::vector<uint32_t>& numbers) {
  for (const uint32_t number : numbers) {
    CHRONIK_TRY(File file, open_file(number, 0));
    next_number_ = std::max(next_number_, number + 1);
    add_file(number, std::move(file));
    ring_.back()->is_named = true;
  }
  return {};
}

Status Journal::complete_files() {
  if (ring_.empty()) {
    CHRONIK_TRY(auto first, make_file());
    add_file(first.first, std::move(first.second));
    ring_.back()->is_named = true;
  }
  for (const auto& each : ring_) {
    if (each->size >= options_.file_bytes) continue;
    const Status grown = fill(each->file, each->size);
    if (grown) {
      each->size = options_.file_bytes;
    } else if (grown.error().code != Code::kNoSpace) {
      return grown;
    } else {
      CHRONIK_CHECK(each->file.resize(each->size));  // what it took of the last room is of no use here
    }
  }
  return leave_small_files();
}

Status Journal::leave_small_files() {
  for (size_t i = 0; i < ring_.size();) {
    if (ring_[i]->size >= kMinFile || ring_[i]->last_sequence != 0) {
      ++i;
      continue;
    }
    CHRONIK_CHECK(files_.remove(journal_name(ring_[i]->number)));
    ring_.erase(ring_.begin() + static_cast<ptrdiff_t>(i));
    if (i < current_) --current_;
  }
  if (!ring_.empty()) return {};
  return fail(Code::kNoSpace, "the disk has no room for a file of the journal: free some space");
}

Result<std::pair<uint32_t, File>> Journal::make_file() {
  const uint32_t number = next_number_++;
  CHRONIK_TRY(File file, open_file(number, CHR_FILE_CREATE));
  Status made = fill(file, 0);
  if (made) made = files_.sync_names();
  file.close();
  if (!made) {
    // It took all that the disk had left. Where it stays, the next start completes it.
    static_cast<void>(files_.remove(journal_name(number)));
    return std::unexpected(made.error());
  }
  CHRONIK_TRY(file, open_file(number, 0));  // whose info has the size
  return std::pair(number, std::move(file));
}

// In pieces, each synced: commits that come meanwhile do not wait for all of it.
Status Journal::fill(const File& file, uint64_t from) const {
  for (uint64_t at = from; at < options_.file_bytes; at += kZeroAtOnce) {
    CHRONIK_CHECK(file.zero(at, std::min(kZeroAtOnce, options_.file_bytes - at)));
    CHRONIK_CHECK(file.sync());
  }
  return {};
}

void Journal::add_file(uint32_t number, File file) {
  block_ = std::max<uint64_t>(kBlock, file.info().block);
  const uint64_t size = file.info().size / block_ * block_;
  ring_.push_back(std::make_unique<RingFile>(std::move(file), number, size, 0, false));
}

bool Journal::wants_file() const {
  return makes_files_ && ring_.size() < options_.files && position_ > ring_[current_]->size / 2;
}

Journal::RingFile* Journal::find(uint32_t number) const {
  const auto found = std::ranges::find_if(ring_, [&](const auto& file) { return file->number == number; });
  return found == ring_.end() ? nullptr : found->get();
}

std::vector<JournalFile> Journal::used_files() const {
  std::vector<JournalFile> used;
  for (const auto& file : ring_)
    if (file->size >= kMinFile) used.push_back({file->number, static_cast<uint32_t>(block_), file->size});
  return used;
}

void Journal::use_only(const std::vector<JournalFile>& named) {
  for (const auto& file : ring_) file->is_named = false;
  for (const JournalFile& each : named) {
    RingFile* const file = find(each.number);
    if (file == nullptr) continue;
    file->is_named = true;
    if (each.bytes != 0) file->size = std::min(file->size, each.bytes);
  }
}

std::vector<uint32_t> Journal::cut_files(const std::vector<JournalFile>& named) const {
  std::vector<uint32_t> cut;
  for (const JournalFile& each : named) {
    const RingFile* const file = find(each.number);
    if (file == nullptr || file->size < kMinFile || file->file.info().size < each.bytes)
      cut.push_back(each.number);
  }
  return cut;
}

bool Journal::is_any_unnamed() const {
  return std::ranges::any_of(ring_, [](const auto& file) { return !file->is_named; });
}

Status Journal::check_blocks(const std::vector<JournalFile>& named) const {
  for (const JournalFile& each : named) {
    if (each.block == 0 || each.block % block_ == 0) continue;
    return fail(Code::kUnsupported,
                "the commits in " + journal_name(each.number) + " lie in blocks of " +
                    std::to_string(each.block) + " bytes, and this disk takes blocks of " +
                    std::to_string(block_) +
                    ": start the node once on the disk where they were written, and stop it");
  }
  return {};
}

uint64_t Journal::capacity() const {
  uint64_t bytes = 0;
  for (const auto& file : ring_) bytes += file->size;
  return bytes;
}

uint64_t Journal::left() const {
  if (ring_.empty()) return 0;
  uint64_t bytes = ring_[current_]->size - position_;
  for (size_t i = 0; i < ring_.size(); ++i)
    if (i != current_ && is_free(*ring_[i])) bytes += ring_[i]->size;
  return bytes;
}

uint64_t Journal::max_frame() const {
  uint64_t largest = 0;
  for (const auto& file : ring_)
    if (file->is_named) largest = std::max(largest, file->size);
  return largest;
}

const std::vector<const File*> Journal::files() const {
  std::vector<const File*> files;
  for (const auto& file : ring_) files.push_back(&file->file);
  return files;
}

std::string Journal::name_of(const File* file) const {
  for (const auto& each : ring_)
    if (&each->file == file) return journal_name(each->number);
  return {};
}

// ---- frames ----

void Journal::begin_generation(const ReplayStart& start) {
  generation_ = start.generation;
  next_sequence_ = start.sequence;
  previous_crc_ = 0;
  durable_ = marked_ = released_ = start.sequence - 1;
  replay_start_ = start;
  const auto first = std::ranges::find_if(ring_, [](const auto& file) { return file->is_named; });
  current_ = first == ring_.end() ? 0 : static_cast<size_t>(first - ring_.begin());
  position_ = 0;
  since_release_ = 0;
  news_ = 0;
}

Status Journal::resume(const ReplayStart& start, const JournalTail& tail) {
  CHRONIK_TRY(const FrameBuffer zeros, zero_block());
  for (const FoundFrame& frame : tail.dropped)
    CHRONIK_CHECK(erase_ends(*frame.file, frame.at, frame.header.size, zeros));
  begin_generation(start);
  previous_crc_ = start.previous_crc;
  next_sequence_ = tail.next_sequence;
  durable_ = news_ = tail.next_sequence - 1;
  for (const FoundFrame& frame : tail.frames) {
    current_ = 0;
    while (&ring_[current_]->file != frame.file) ++current_;
    RingFile& file = *ring_[current_];
    position_ = std::min(frame.at + frame.header.size, file.size);
    file.last_sequence = frame.header.sequence;
    since_release_ += frame.header.size;
    marked_ = std::max(marked_, frame.header.mark);
    // Behind one that is lost any frame counts, and none is named.
    previous_crc_ = frame.header.sequence == durable_ ? frame.header.crc : 0;
  }
  replay_start_ = {generation_, next_sequence_, previous_crc_};
  return {};
}

bool Journal::is_free(const RingFile& file) const { return file.is_named && file.last_sequence <= released_; }

bool Journal::find_room(uint64_t size) {
  if (ring_[current_]->size - position_ >= size) return true;
  for (size_t i = 1; i <= ring_.size(); ++i) {  // the current one last: it may be covered, too
    const size_t next = (current_ + i) % ring_.size();
    if (!is_free(*ring_[next]) || ring_[next]->size < size) continue;
    current_ = next;
    position_ = 0;
    return true;
  }
  was_short_ = true;
  return false;
}

std::optional<Journal::Frame> Journal::begin(FrameBuffer& buffer, std::span<const uint64_t> groups) {
  FrameHeader header;
  header.size = frame_size(buffer.payload_bytes(), groups.size(), block_);
  if (!find_room(header.size)) return std::nullopt;
  header.generation = generation_;
  header.sequence = next_sequence_++;
  header.mark = durable_;
  header.payload_bytes = buffer.payload_bytes();
  header.previous_crc = previous_crc_;
  previous_crc_ = seal_frame(buffer.base(), header, groups);
  RingFile* const file = ring_[current_].get();
  in_flight_.push_back({header.sequence, file, position_, header.size, previous_crc_, header.mark, false});
  file->last_sequence = header.sequence;
  since_release_ += header.size;
  if (!buffer.is_empty()) news_ = header.sequence;
  return Frame{header.sequence,
               &file->file,
               std::exchange(position_, position_ + header.size),
               {buffer.base(), header.size, buffer.lease()}};
}

uint64_t Journal::finished(uint64_t sequence) {
  for (InFlight& frame : in_flight_)
    if (frame.sequence == sequence) frame.is_done = true;
  while (!in_flight_.empty() && in_flight_.front().is_done) {
    const InFlight& frame = in_flight_.front();
    durable_ = frame.sequence;
    marked_ = std::max(marked_, frame.mark);
    replay_start_ = {generation_, frame.sequence + 1, frame.crc};
    in_flight_.pop_front();
  }
  return durable_;
}

void Journal::release(const ReplayStart& start) {
  released_ = std::max(released_, start.sequence - 1);
  since_release_ = 0;
  was_short_ = false;
  for (const auto& file : ring_) file->is_named = true;
}

bool Journal::wants_checkpoint() const {
  return was_short_ || since_release_ > capacity() / 2 || is_any_unnamed();
}

// One block holds a header at either end of a frame.
Result<FrameBuffer> Journal::zero_block() const {
  FrameBuffer zeros(host_, block_);
  if (!zeros.reserve(block_, 0)) return fail(Code::kOverloaded, "the host has no memory for the journal");
  std::memset(zeros.base(), 0, block_);
  return zeros;
}

Status Journal::erase_ends(const File& file, uint64_t at, uint64_t size, const FrameBuffer& zeros) const {
  const Status front = file.write(at, zeros.base(), block_, CHR_FILE_DURABLE);
  const Status back = file.write(at + size - block_, zeros.base(), block_, CHR_FILE_DURABLE);
  return front ? back : front;
}

void Journal::erase_unfinished() {
  const Result<FrameBuffer> zeros = zero_block();
  if (!zeros) return;
  // The disk has failed: whether it takes this, nobody knows.
  for (const InFlight& frame : in_flight_)
    static_cast<void>(erase_ends(frame.file->file, frame.at, frame.size, *zeros));
}

}  // namespace chronik::storage_log
