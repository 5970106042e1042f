#include "kafka-proto/group/shard.h"

#include "kafka-proto/group/records.h"
#include "kafka-proto/group/section.h"

namespace chronik::kafka {
namespace {

// A hundred thousand groups go in many turns.
void drop_later(const Host& host, uint32_t shard, std::unique_ptr<group::GroupTable> table) {
  if (table->groups().empty()) return;
  host.post(shard, [host, shard, table = std::move(table)]() mutable {
    table->drop_slice();
    drop_later(host, shard, std::move(table));
  });
}

}  // namespace

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

void GroupShard::save(std::vector<uint8_t>& section) const { save_groups(table_, section); }

Status GroupShard::load(Bytes section) {
  const auto load = begin_load();
  CHRONIK_CHECK(load->load_part(section));
  return load->finish();
}

std::unique_ptr<SectionSave> GroupShard::begin_save() const {
  return std::make_unique<GroupSectionSave>(table_);
}

std::unique_ptr<SectionLoad> GroupShard::begin_load() {
  return std::make_unique<GroupSectionLoad>(
      &table_, [host = host(), shard = partition().shard()](std::unique_ptr<group::GroupTable> table) {
        drop_later(host, shard, std::move(table));
      });
}

bool GroupShard::release_part() {
  table_.drop_slice();
  return !table_.groups().empty();
}

}  // namespace chronik::kafka
