#include "metadata/catalog/record_table.h"

#include <fmt/format.h>

#include "metadata/catalog/catalog.h"
#include "metadata/catalog/features.h"
#include "metadata/catalog/rules.h"
#include "metadata/wire/convert.h"

namespace chronik::metadata {
namespace {

wire::Record to_wire(const std::string& space, const Record& record) {
  wire::Record out;
  out.set_space(space);
  out.set_key(record.key);
  out.set_value(record.value);
  out.set_version(record.version);
  return out;
}

Result<Record> from_wire(const wire::Record& from) {
  if (from.space().empty() || from.space().size() > kMaxSpaceBytes || from.version() == 0)
    return std::unexpected(convert::corrupt("a record without a space or a version"));
  return Record{from.key(), from.value(), from.version()};
}

}  // namespace

Verdict check(const Catalog& catalog, const RecordChange& item) {
  if (catalog.level() < kRecordsLevel)
    return {CHR_E_UNSUPPORTED, fmt::format("{} is not finalized at {} yet", kOwnFeature, kRecordsLevel)};
  if (item.is_barrier()) return {};
  if (item.space.empty() || item.space.size() > kMaxSpaceBytes || item.space == kFeatures)
    return {CHR_E_INVALID_ARGUMENT, "the space is empty, too long, or not for records of plugins"};
  if (item.key.size() > kMaxRecordKeyBytes || item.value.size() > kMaxRecordValueBytes)
    return {CHR_E_INVALID_ARGUMENT, "the key or the value is too long"};
  const Record* present = catalog.records().find(item.space, item.key);
  const uint64_t version = present == nullptr ? 0 : present->version;
  if (item.expected && *item.expected != version)
    return {CHR_E_CONFLICT, fmt::format("its version is {}, not {}", version, *item.expected)};
  if (item.remove && present == nullptr) return {CHR_E_NOT_FOUND, "there is no such record"};
  return {};
}

void RecordTable::apply(const ChangeRecords& command, Change* change) {
  for (const RecordChange& item : command.items) {
    Verdict verdict = item.verdict;
    if (verdict.code == CHR_OK) verdict = check(change->catalog, item);
    change->out->items.push_back({verdict.code, verdict.message, {}, 0});
    if (verdict.code != CHR_OK || item.is_barrier()) continue;
    if (item.remove) {
      records_.erase(item.space, item.key, change->generation);
      published_.reset();
      change->out->changed = true;
    } else {
      put_record(item.space, {item.key, item.value, change->version}, change);
    }
  }
}

void RecordTable::put_record(std::string_view space, Record record, Change* change) {
  records_.put_record(space, std::move(record), change->generation);
  published_.reset();
  change->out->changed = true;
}

void RecordTable::publish(Image* image, uint64_t) {
  if (!published_) published_ = std::make_shared<const Records::Spaces>(records_.spaces());
  image->records = published_;
}

void RecordTable::save(wire::SnapshotHead* head) const { head->set_records(records_.size()); }

void RecordTable::save_rows(SnapshotWriter* out) const {
  for (const auto& [space, unused] : records_.spaces()) {
    each_record(records_.spaces(), space, {}, [out, &space = space](const Record& record) {
      if (out->is_going()) out->put(to_wire(space, record));
      return out->is_going();
    });
  }
}

Status RecordTable::load(const wire::SnapshotHead& head, SnapshotReader* in) {
  for (uint64_t i = 0; i < head.records(); ++i) {
    CHRONIK_TRY(const wire::Record message, in->take_message<wire::Record>());
    CHRONIK_TRY(Record record, from_wire(message));
    if (records_.find(message.space(), record.key) != nullptr)
      return fail(Code::kCorrupt,
                  fmt::format("the snapshot holds record {}/{} twice", message.space(), record.key));
    records_.put_record(message.space(), std::move(record), Image::kFirstGeneration);
  }
  return {};
}

}  // namespace chronik::metadata
