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
constexpr uint32_t kFormat = 1;

// In front of each copy of the content.
struct CopyHead {
  std::array<char, 16> magic = kMagic;
  uint32_t format = kFormat;
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
  uint16_t nameless = 0;
};
static_assert(sizeof(SavedHead) == 32);

struct SavedGroup {
  uint64_t id = 0;
  uint64_t sequence = 0;
  uint64_t next_value = 0;
  uint32_t name_bytes = 0;
  uint32_t damage_bytes = 0;
};
static_assert(sizeof(SavedGroup) == 32);

std::string file_name(uint64_t number) { return std::string(kPrefix) + std::to_string(number); }

uint32_t copy_crc(CopyHead head, std::string_view content) {
  head.crc = 0;
  return crc32c::extend(crc32c::extend(0, &head, sizeof head), content.data(), content.size());
}

// The content of the copy at the front of these bytes.
Result<std::string_view> parse_copy(std::string_view bytes, const std::string& name) {
  ByteReader in(bytes);
  const auto head = in.take<CopyHead>();
  if (in.is_whole() && head.magic == kMagic && head.format != kFormat) {
    return fail(Code::kUnsupported, "the store in this folder has format " + std::to_string(head.format) +
                                        ", and this version reads and writes " + std::to_string(kFormat) +
                                        ": start the version that wrote it");
  }
  const std::string_view content = in.take(head.bytes);
  if (!in.is_whole() || head.magic != kMagic || head.crc != copy_crc(head, content))
    return fail(Code::kCorrupt,
                "the file " + name + " is damaged on disk: restore this replica from another");
  return content;
}

}  // namespace

// ---- content ----

void save_head(const CheckpointHead& head, std::string* out) {
  append_value(out, SavedHead{head.replay.generation, head.replay.sequence, head.next_group,
                              head.replay.previous_crc, static_cast<uint16_t>(head.is_clean ? 1 : 0),
                              static_cast<uint16_t>(head.nameless ? 1 : 0)});
}

Status load_head(ByteReader& in, CheckpointHead* out) {
  const auto saved = in.take<SavedHead>();
  if (!in.is_whole()) return fail(Code::kCorrupt, "the checkpoint is too short");
  out->replay = {saved.generation, saved.sequence, saved.previous_crc};
  out->next_group = saved.next_group;
  out->is_clean = saved.is_clean != 0;
  out->nameless = saved.nameless != 0;
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
  name.remove_prefix(kPrefix.size());
  out.is_complete = !name.ends_with(kUnfinished);
  if (!out.is_complete) name.remove_suffix(kUnfinished.size());
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), out.number);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return out;
}

Result<std::optional<std::string>> Checkpoints::load(const std::vector<CheckpointName>& names) {
  for (const CheckpointName& name : names) {
    if (name.is_complete) newest_ = std::max(newest_, name.number);
  }
  for (const CheckpointName& name : names) {
    if (name.is_complete && name.number == newest_) continue;
    old_.push_back(file_name(name.number) + std::string(name.is_complete ? "" : kUnfinished));
  }
  if (newest_ == 0) return std::nullopt;
  const std::string name = file_name(newest_);
  CHRONIK_TRY(const File file, files_.open(name, 0));
  std::string bytes(file.info().size, '\0');
  CHRONIK_CHECK(file.read(0, bytes.data(), bytes.size()));
  file_bytes_ = bytes.size();
  const Result<std::string_view> first = parse_copy(bytes, name);
  first_is_whole_ = first.has_value();
  if (first) return std::string(*first);
  const Result<std::string_view> second = parse_copy(std::string_view(bytes).substr(bytes.size() / 2), name);
  if (second) return std::string(*second);
  return std::unexpected(first.error());
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
  {
    const std::string unfinished = name + std::string(kUnfinished);
    CHRONIK_TRY(const File file, files_.open(unfinished, CHR_FILE_CREATE));
    CHRONIK_CHECK(file.resize(0));  // what is left of one that was cut short
    CHRONIK_CHECK(file.write(0, both));
    CHRONIK_CHECK(file.sync());
    may_count_ = true;
    CHRONIK_CHECK(files_.rename(unfinished, name));
  }
  CHRONIK_CHECK(files_.sync_names());
  if (newest_ != 0) old_.push_back(file_name(newest_));
  ++newest_;
  file_bytes_ = 2 * (sizeof head + content.size());
  return remove_old();
}

Status Checkpoints::overwrite(std::string_view content) {
  CHRONIK_TRY(const File file, files_.open(file_name(newest_), 0));
  CopyHead head;
  head.bytes = content.size();
  head.crc = copy_crc(head, content);
  const uint64_t size = sizeof head + content.size();
  if (file.info().size != 2 * size)
    return fail(Code::kNoSpace, "the disk has no room for a checkpoint: free some space");
  const std::array<chr_slice, 2> copy = {
      chr_slice{reinterpret_cast<const uint8_t*>(&head), sizeof head, nullptr},
      chr_slice{reinterpret_cast<const uint8_t*>(content.data()), content.size(), nullptr}};
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
