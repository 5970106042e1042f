#include "storage-log/keys.h"

#include <charconv>

namespace chronik::storage_log {
namespace {

constexpr std::string_view kSuffix = ".value";

struct SavedValue {
  uint64_t file = 0;
  uint64_t size = 0;
  uint32_t crc = 0;
  uint32_t key_bytes = 0;
};
static_assert(sizeof(SavedValue) == 24);

}  // namespace

std::string value_name(uint64_t group, uint64_t number) {
  return std::to_string(group) + "-" + std::to_string(number) + std::string(kSuffix);
}

bool parse_value_name(std::string_view name, uint64_t* group) {
  uint64_t number = 0;
  const char* const end = name.data() + name.size();
  const auto first = std::from_chars(name.data(), end, *group);
  if (first.ec != std::errc() || first.ptr == end) return false;
  const auto second = std::from_chars(first.ptr + 1, end, number);
  return second.ec == std::errc() && name == value_name(*group, number);
}

void Keys::count(const StoredValue& value, bool more) {
  // Unsigned numbers wrap: what is taken off was added before.
  bytes_ += more ? value.size : -value.size;
  if (value.file != 0) file_bytes_ += more ? value.size : -value.size;
}

void Keys::apply(const KeyChange& change, std::vector<uint64_t>* gone) {
  const auto found = values_.find(change.key);
  if (found != values_.end()) {
    count(found->second, false);
    if (found->second.file != 0) gone->push_back(found->second.file);
  }
  if (change.is_deleted) {
    if (found != values_.end()) values_.erase(found);
    return;
  }
  StoredValue value{std::string(change.value), change.file, change.value_bytes, change.value_crc};
  count(value, true);
  if (found != values_.end())
    found->second = std::move(value);
  else
    values_.emplace(change.key, std::move(value));
}

void Keys::clear(std::vector<uint64_t>* gone) {
  for_each_file([gone](uint64_t file) { gone->push_back(file); });
  values_.clear();
  bytes_ = file_bytes_ = 0;
}

const StoredValue* Keys::find(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

void Keys::save(std::string* out) const {
  append_value(out, static_cast<uint64_t>(values_.size()));
  for (const auto& [key, value] : values_) {
    append_value(out, SavedValue{value.file, value.size, value.crc, static_cast<uint32_t>(key.size())});
    out->append(key);
    out->append(value.bytes);
  }
}

Status Keys::load(ByteReader& in) {
  for (auto n = in.take<uint64_t>(); n != 0 && in.is_whole(); --n) {
    const auto saved = in.take<SavedValue>();
    const std::string_view key = in.take(saved.key_bytes);
    StoredValue value{{}, saved.file, saved.size, saved.crc};
    if (saved.file == 0) value.bytes = in.take(saved.size);
    count(value, true);
    values_.emplace(key, std::move(value));
  }
  if (!in.is_whole())
    return fail(Code::kCorrupt, "the keys of a group in the checkpoint do not fit its size");
  return {};
}

}  // namespace chronik::storage_log
