#include "kafka-proto/group/section.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "kafka-proto/group/records.h"
#include "kafka-proto/wire/reader.h"

namespace chronik::kafka {
namespace {

constexpr int16_t kSectionFormat = 1;

template <class T>
void put(std::vector<uint8_t>& out, T value) {
  out.resize(out.size() + sizeof value);
  store_be(out.data() + out.size() - sizeof value, value);
}

void put_bytes(std::vector<uint8_t>& out, Bytes bytes) {
  put(out, static_cast<uint32_t>(bytes.size()));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void put_record(std::vector<uint8_t>& out, const group::Record& record) {
  RecordList encoded;
  add_record(record, encoded);
  encoded.each([&out](Bytes key, const std::optional<Bytes>& value) {
    put_bytes(out, key);
    put_bytes(out, value.value_or(Bytes()));
  });
}

bool take_bytes(Bytes& from, Bytes* out) {
  if (from.size() < sizeof(uint32_t)) return false;
  const size_t size = load_be<uint32_t>(from.data());
  if (from.size() - sizeof(uint32_t) < size) return false;
  *out = from.subspan(sizeof(uint32_t), size);
  from = from.subspan(sizeof(uint32_t) + size);
  return true;
}

}  // namespace

// ---- out ----

void save_groups(const group::GroupTable& table, std::vector<uint8_t>& section) {
  if (table.groups().empty()) return;
  put(section, kSectionFormat);
  table.each_record([&section](const group::Record& record) { put_record(section, record); });
}

bool GroupSectionSave::save_part(size_t max_bytes, std::vector<uint8_t>& section) {
  const size_t before = section.size();
  return image_.read([&] { return section.size() - before >= max_bytes; },
                     [&](const group::Record& record) {
                       if (!std::exchange(begun_, true)) put(section, kSectionFormat);
                       put_record(section, record);
                     });
}

// ---- in ----

Status GroupSectionLoad::load_part(Bytes part) {
  if (!rest_.empty()) {
    rest_.insert(rest_.end(), part.begin(), part.end());
    part = rest_;
  }
  CHRONIK_CHECK(take_records(part));
  rest_ = std::vector<uint8_t>(part.begin(), part.end());
  return {};
}

Status GroupSectionLoad::take_records(Bytes& from) {
  if (!has_format_) {
    if (from.size() < sizeof(int16_t)) return {};
    CHRONIK_CHECK(read_format(from));
  }
  for (Bytes left = from, key, value; take_bytes(left, &key) && take_bytes(left, &value); from = left) {
    CHRONIK_TRY(const std::optional<group::Record> record, read_record(key, value));
    if (record.has_value()) loaded_->apply(*record);
  }
  return {};
}

Status GroupSectionLoad::read_format(Bytes& from) {
  const auto format = load_be<int16_t>(from.data());
  if (format != kSectionFormat)
    return fail(Code::kUnsupported,
                fmt::format("a snapshot of groups has format {}, this node reads up to {}; upgrade it",
                            format, kSectionFormat));
  from = from.subspan(sizeof format);
  has_format_ = true;
  return {};
}

Status GroupSectionLoad::finish() {
  if (!rest_.empty()) return fail(Code::kCorrupt, "the snapshot of groups is cut off");
  table_.swap_groups(*loaded_);
  return {};
}

}  // namespace chronik::kafka
