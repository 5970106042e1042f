#include "storage-log/checkpoint.h"

#include <chronik/crc32c.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace chronik::storage_log {
namespace {

constexpr std::string_view kPrefix = "checkpoint-";
constexpr std::string_view kUnfinished = ".new";
constexpr std::array<char, 16> kMagic = {'c', 'h', 'r', 'o', 'n', 'i', 'k', '.', 'l', 'o', 'g'};
constexpr uint32_t kFormatWithoutSizes = 2;     // of the journal's files
constexpr uint32_t kFormatWithoutJournals = 1;  // names none of them
constexpr uint32_t kUnknown = UINT32_MAX;       // in place of how many files the journal has
constexpr uint64_t kReadAtOnce = 1u << 20;
constexpr uint64_t kMaxNumber =
    uint64_t{1} << 62;  // of a frame or a group: nobody counts so far, and none behind it wraps

// In front of each copy of the content.
struct CopyHead {
  std::array<char, 16> magic = kMagic;
  uint32_t format = kCheckpointFormat;
  uint32_t crc = 0;  // of this with zero here, and of the content
  uint64_t bytes = 0;
};
static_assert(sizeof(CopyHead) == 32);

struct SavedHead {
  uint64_t generation = 0;
  uint64_t sequence = 0;
  uint64_t next_group = 0;
  uint32_t previous_crc = 0;
  uint16_t is_clean = 0;
  uint16_t has_lost_names = 0;
};
static_assert(sizeof(SavedHead) == 32);

struct SavedJournal {
  uint32_t number = 0;
  uint32_t block = 0;
  uint64_t bytes = 0;
};
static_assert(sizeof(SavedJournal) == 16);

struct SavedGroup {
  uint64_t id = 0;
  uint64_t sequence = 0;
  uint64_t next_value = 0;
  uint32_t name_bytes = 0;
  uint32_t damage_bytes = 0;
};
static_assert(sizeof(SavedGroup) == 32);

std::string file_name(uint64_t number) { return std::string(kPrefix) + std::to_string(number); }
std::string file_name(const CheckpointName& name) {
  return file_name(name.number) + std::string(name.is_complete ? "" : kUnfinished);
}

uint32_t copy_crc(CopyHead head, std::string_view content) {
  head.crc = 0;
  return crc32c::extend(crc32c::extend(0, &head, sizeof head), content.data(), content.size());
}

// Whether this head is that of the content behind it, which lies at `at` and is there.
Result<bool> is_whole_copy(const File& file, CopyHead head, uint64_t at) {
  const uint32_t crc = std::exchange(head.crc, 0);
  uint32_t computed = crc32c::extend(0, &head, sizeof head);
  std::string piece(std::min(head.bytes, kReadAtOnce), '\0');
  for (uint64_t done = 0; done < head.bytes; done += piece.size()) {
    piece.resize(std::min(head.bytes - done, kReadAtOnce));
    CHRONIK_CHECK(file.read(at + done, piece.data(), piece.size()));
    computed = crc32c::extend(computed, piece.data(), piece.size());
  }
  return crc == computed;
}

// The content of the copy at this place. Memory is taken for what is known to be whole only: sizes lie, files may be sparse.
Result<CheckpointContent> read_copy(const File& file, const std::string& name, uint64_t at) {
  const auto damaged = [&] {
    return fail(
        Code::kCorrupt,
        "the file " + name +
            " is damaged on disk: put a new node in the place of this one, or restore a backup of data_dir");
  };
  const uint64_t size = file.info().size;
  CopyHead head;
  if (size - at < sizeof head) return damaged();
  CHRONIK_CHECK(file.read(at, &head, sizeof head));
  if (head.magic != kMagic) return damaged();
  if (head.format < kFormatWithoutJournals || head.format > kCheckpointFormat) {
    return fail(Code::kUnsupported,
                "the store in this folder has format " + std::to_string(head.format) +
                    ", and this version reads formats " + std::to_string(kFormatWithoutJournals) + " to " +
                    std::to_string(kCheckpointFormat) + ": start the version that wrote it");
  }
  at += sizeof head;
  if (head.bytes > size - at) return damaged();
  CHRONIK_TRY(const bool is_whole, is_whole_copy(file, head, at));
  if (!is_whole) return damaged();
  CheckpointContent content{head.format, std::string(head.bytes, '\0')};
  CHRONIK_CHECK(file.read(at, content.bytes.data(), content.bytes.size()));
  return content;
}

}  // namespace

// ---- content ----

void save_head(const CheckpointHead& head, uint32_t format, std::string* out) {
  append_value(out, SavedHead{head.replay.generation, head.replay.sequence, head.next_group,
                              head.replay.previous_crc, static_cast<uint16_t>(head.is_clean ? 1 : 0),
                              static_cast<uint16_t>(head.has_lost_names ? 1 : 0)});
  if (format == kFormatWithoutJournals) return;
  append_value(out, head.journals ? static_cast<uint32_t>(head.journals->size()) : kUnknown);
  if (!head.journals) return;
  for (const JournalFile& file : *head.journals) {
    if (format == kFormatWithoutSizes)
      append_value(out, file.number);
    else
      append_value(out, SavedJournal{file.number, file.block, file.bytes});
  }
}

Status load_head(ByteReader& in, uint32_t format, CheckpointHead* out) {
  const auto saved = in.take<SavedHead>();
  const uint32_t journals = format == kFormatWithoutJournals ? kUnknown : in.take<uint32_t>();
  if (journals != kUnknown) {
    out->journals.emplace();
    for (uint32_t i = 0; i < journals && in.is_whole(); ++i) {
      const SavedJournal file =
          format == kFormatWithoutSizes ? SavedJournal{in.take<uint32_t>(), 0, 0} : in.take<SavedJournal>();
      out->journals->push_back({file.number, file.block, file.bytes});
    }
  }
  if (!in.is_whole()) return fail(Code::kCorrupt, "the checkpoint is too short");
  if (saved.sequence == 0 || saved.sequence > kMaxNumber || saved.next_group > kMaxNumber)
    return fail(Code::kCorrupt,
                "the checkpoint has numbers that cannot be: put a new node in the place of this one, or "
                "restore a backup of data_dir");
  out->replay = {saved.generation, saved.sequence, saved.previous_crc};
  out->next_group = saved.next_group;
  out->is_clean = saved.is_clean != 0;
  out->has_lost_names = saved.has_lost_names != 0;
  return {};
}

void save_group(const Group& group, std::string* out) {
  append_value(
      out, SavedGroup{group.id, group.sequence, group.next_value, static_cast<uint32_t>(group.name.size()),
                      static_cast<uint32_t>(group.damage.size())});
  out->append(group.name);
  out->append(group.damage);
  group.keys.save(out);
  group.log->save(out);
}

Status load_group(ByteReader& in, GroupTable& groups) {
  const auto saved = in.take<SavedGroup>();
  const std::string_view name = in.take(saved.name_bytes);
  const std::string_view damage = in.take(saved.damage_bytes);
  if (!in.is_whole()) return fail(Code::kCorrupt, "a group in the checkpoint does not fit its size");
  const std::shared_ptr<Group> group = groups.restore(saved.id, name);
  group->sequence = saved.sequence;
  group->next_value = saved.next_value;
  group->damage = damage;
  CHRONIK_CHECK(group->keys.load(in));
  CHRONIK_CHECK(group->log->load(in));
  if (!group->damage.empty()) group->log->break_off(group->damage);
  return {};
}

// ---- files ----

std::optional<CheckpointName> checkpoint_name(std::string_view name) {
  CheckpointName out;
  if (!name.starts_with(kPrefix)) return std::nullopt;
  out.is_complete = !name.ends_with(kUnfinished);
  const std::string_view number = name.substr(kPrefix.size());
  if (std::from_chars(number.data(), number.data() + number.size(), out.number).ec != std::errc())
    return std::nullopt;
  return name == file_name(out) ? std::optional(out) : std::nullopt;
}

Result<std::optional<CheckpointContent>> Checkpoints::load(const std::vector<CheckpointName>& names) {
  for (const CheckpointName& name : names) {
    if (name.is_complete) newest_ = std::max(newest_, name.number);
  }
  for (const CheckpointName& name : names) {
    if (name.is_complete && name.number == newest_) continue;
    old_.push_back(file_name(name));
  }
  if (newest_ == 0) return std::nullopt;
  const std::string name = file_name(newest_);
  CHRONIK_TRY(const File file, files_.open(name, 0));
  file_bytes_ = file.info().size;
  Result<CheckpointContent> first = read_copy(file, name, 0);
  first_is_whole_ = first.has_value();
  if (first) return first;
  Result<CheckpointContent> second = read_copy(file, name, file_bytes_ / 2);
  if (second) return second;
  return std::unexpected(first.error());
}

Result<Checkpoints::Copies> Checkpoints::copies() const {
  Copies out;
  if (newest_ == 0) return out;
  out.file = file_name(newest_);
  CHRONIK_TRY(const File file, files_.open(out.file, 0));
  out.bytes = file.info().size;
  out.first_is_whole = read_copy(file, out.file, 0).has_value();
  out.second_is_whole = read_copy(file, out.file, out.bytes / 2).has_value();
  return out;
}

Status Checkpoints::write(std::string_view content) {
  const std::string name = file_name(newest_ + 1);
  may_count_ = false;
  CopyHead head;
  head.bytes = content.size();
  head.crc = copy_crc(head, content);
  const chr_slice front{reinterpret_cast<const uint8_t*>(&head), sizeof head, nullptr};
  const chr_slice body{reinterpret_cast<const uint8_t*>(content.data()), content.size(), nullptr};
  const std::array<chr_slice, 4> both = {front, body, front, body};
  const std::string unfinished = name + std::string(kUnfinished);
  if (const Status made = make_file(unfinished, both); !made) {
    // It took of the last room that the disk had. Where it stays, the next one begins with it.
    static_cast<void>(files_.remove(unfinished));
    return made;
  }
  may_count_ = true;
  CHRONIK_CHECK(files_.rename(unfinished, name));
  CHRONIK_CHECK(files_.sync_names());
  if (newest_ != 0) old_.push_back(file_name(newest_));
  ++newest_;
  file_bytes_ = 2 * (sizeof head + content.size());
  return remove_old();
}

Status Checkpoints::make_file(const std::string& name, std::span<const chr_slice> content) const {
  CHRONIK_TRY(const File file, files_.open(name, CHR_FILE_CREATE));
  CHRONIK_CHECK(file.resize(0));  // what is left of one that was cut short
  CHRONIK_CHECK(file.write(0, content));
  return file.sync();
}

Status Checkpoints::overwrite(const CheckpointContent& content) {
  CHRONIK_TRY(const File file, files_.open(file_name(newest_), 0));
  CopyHead head;
  head.format = content.format;
  head.bytes = content.bytes.size();
  head.crc = copy_crc(head, content.bytes);
  const uint64_t size = sizeof head + content.bytes.size();
  if (file.info().size != 2 * size)
    return fail(Code::kNoSpace, "the disk has no room for a checkpoint: free some space");
  const std::array<chr_slice, 2> copy = {
      chr_slice{reinterpret_cast<const uint8_t*>(&head), sizeof head, nullptr},
      chr_slice{reinterpret_cast<const uint8_t*>(content.bytes.data()), content.bytes.size(), nullptr}};
  // The copy that is known to be whole comes last.
  CHRONIK_CHECK(file.write(first_is_whole_ ? size : 0, copy, CHR_FILE_DURABLE));
  return file.write(first_is_whole_ ? 0 : size, copy, CHR_FILE_DURABLE);
}

Status Checkpoints::remove_old() {
  while (!old_.empty()) {
    const Status removed = files_.remove(old_.back());
    if (!removed && removed.error().code != Code::kNotFound) return removed;
    old_.pop_back();
  }
  return {};
}

}  // namespace chronik::storage_log
