#include "kafka-proto/group/shard.h"

#include <fmt/format.h>

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

bool take_bytes(Bytes& from, Bytes* out) {
  if (from.size() < sizeof(uint32_t)) return false;
  const size_t size = load_be<uint32_t>(from.data());
  from = from.subspan(sizeof(uint32_t));
  if (from.size() < size) return false;
  *out = from.first(size);
  from = from.subspan(size);
  return true;
}

}  // namespace

// ---- on each replica ----

Status GroupShard::apply_record(Bytes key, const std::optional<Bytes>& value) {
  CHRONIK_TRY(const std::optional<group::Record> record, read_record(key, value));
  // mutant expiry-on-follower: const auto* const offset =
  //     record ? std::get_if<group::OffsetCommitRecord>(&*record) : nullptr;
  //     const int64_t now_ms = host().unix_ms();
  //     if (record && (leads() || !offset || !offset->value ||
  //     now_ms - offset->value->commit_timestamp_ms < 10000)) table_.apply(*record);
  if (record.has_value()) table_.apply(*record);
  return {};
}

void GroupShard::save(std::vector<uint8_t>& section) const {
  if (table_.groups().empty()) return;
  put(section, kSectionFormat);
  table_.each_record([&](const group::Record& record) {
    RecordList encoded;
    add_record(record, encoded);
    encoded.each([&](Bytes key, const std::optional<Bytes>& value) {
      put_bytes(section, key);
      put_bytes(section, value.value_or(Bytes()));
    });
  });
}

Status GroupShard::load(Bytes section) {
  table_.clear();
  if (section.empty()) return {};
  const auto damaged = [] { return fail(Code::kCorrupt, "the snapshot of groups is cut off"); };
  if (section.size() < sizeof(int16_t)) return damaged();
  const auto format = load_be<int16_t>(section.data());
  if (format != kSectionFormat)
    return fail(Code::kUnsupported,
                fmt::format("a snapshot of groups has format {}, this node reads up to {}; upgrade it",
                            format, kSectionFormat));
  for (section = section.subspan(sizeof format); !section.empty();) {
    Bytes key, value;
    if (!take_bytes(section, &key) || !take_bytes(section, &value)) return damaged();
    CHRONIK_CHECK(apply_record(key, value));
  }
  return {};
}

}  // namespace chronik::kafka
