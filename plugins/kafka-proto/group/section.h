// The section of groups in a partition's snapshots:
//
//   int16 1 | for each record: uint32 n, n bytes of key | uint32 n, n of value
//
// Keys and values are those of the log (records.h), with versions of their own. Where there are no groups it is empty.
// Written and read in parts, on the shard of the partition.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "kafka-proto/group/core/group_table.h"
#include "kafka-proto/group/core/table_image.h"
#include "kafka-proto/partition/observer.h"

namespace chronik::kafka {

// All of it at once: what the parts are, one behind the other.
void save_groups(const group::GroupTable& table, std::vector<uint8_t>& section);

// One at a time of a table, which outlives it.
class GroupSectionSave final : public SectionSave {
 public:
  explicit GroupSectionSave(const group::GroupTable& table) : image_(table) {}
  bool save_part(size_t max_bytes, std::vector<uint8_t>& section) override;

 private:
  group::TableImage image_;
  bool begun_ = false;
};

// Into a table of its own, which finish() exchanges for that of whoever loads. Whatever it has in the end is
// given to Drop.
class GroupSectionLoad final : public SectionLoad {
 public:
  using Drop = std::function<void(std::unique_ptr<group::GroupTable>)>;
  GroupSectionLoad(group::GroupTable* table, Drop drop) : table_(*table), drop_(std::move(drop)) {}
  ~GroupSectionLoad() override { drop_(std::move(loaded_)); }
  GroupSectionLoad(const GroupSectionLoad&) = delete;
  GroupSectionLoad& operator=(const GroupSectionLoad&) = delete;

  // UNSUPPORTED: of a newer build; CORRUPT.
  Status load_part(Bytes part) override;
  Status finish() override;

 private:
  // Takes what is whole from the front.
  Status take_records(Bytes& from);
  Status read_format(Bytes& from);

  group::GroupTable& table_;
  const Drop drop_;
  std::unique_ptr<group::GroupTable> loaded_ = std::make_unique<group::GroupTable>();
  bool has_format_ = false;
  std::vector<uint8_t> rest_;  // of a record, or of the format, that is not whole yet
};

}  // namespace chronik::kafka
