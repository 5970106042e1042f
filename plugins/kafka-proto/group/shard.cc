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

// ---- on the leader ----

void GroupShard::finish_outcome(std::string_view group, group::Outcome outcome) {
  const auto finish = [](const std::vector<group::Outcome::Finish>& all, ErrorCode written) {
    for (const group::Outcome::Finish& each : all) each(written);
  };
  if (outcome.records.empty()) return finish(outcome.finish, ErrorCode::kNone);
  RecordList records;
  for (const group::Record& record : outcome.records) add_record(record, records);
  write(group, std::move(records),
        [finish, all = std::move(outcome.finish)](ErrorCode written) { finish(all, written); });
}

void GroupShard::commit_offsets(CommitRequest request, const group::Reply<ErrorCode>& reply) {
  const std::string group = request.group;
  take_turn(group, Turn::kShared, [this, request = std::move(request), reply](ErrorCode error) mutable {
    if (error == ErrorCode::kNone) error = check_commit(request);
    if (error != ErrorCode::kNone) return reply(error);
    group::Outcome outcome;
    for (group::OffsetCommitRecord& offset : request.offsets) outcome.records.push_back(std::move(offset));
    outcome.finish.push_back(reply);
    finish_outcome(request.group, std::move(outcome));
  });
}

// Whoever manages the members of a group elsewhere commits without a generation, and makes the group so.
ErrorCode GroupShard::check_commit(const CommitRequest& request) const {
  const group::Group* const group = table_.find(request.group);
  if (group == nullptr && request.claim.generation >= 0)
    return request.knows_group_id_not_found ? ErrorCode::kGroupIdNotFound : ErrorCode::kIllegalGeneration;
  const bool claims_member = request.claim.generation >= 0 || !request.claim.member_id.empty() ||
                             request.claim.instance_id.has_value();
  if (group != nullptr && request.claim.generation >= 0 && claims_member) return ErrorCode::kUnknownMemberId;
  return ErrorCode::kNone;
}

}  // namespace chronik::kafka
