#include "kafka-proto/partition/observers.h"

#include <algorithm>
#include <cstdint>

namespace chronik::kafka {

PartitionObserver* Observers::find(std::string_view section) const {
  const auto found = std::ranges::find(all_, section, [](const auto& each) { return each->section(); });
  return found == all_.end() ? nullptr : found->get();
}

bool Observers::has_more_than_producers() const {
  return std::ranges::any_of(
      all_, [](const auto& each) { return each->section() != kProducers && each->has_state(); });
}

std::unique_ptr<SnapshotSave> Observers::begin_save(int16_t level) const {
  const bool sections = level >= kSectionsLevel || has_more_than_producers();
  return std::make_unique<SnapshotSave>(
      all_, sections ? SnapshotFormat::kSections : SnapshotFormat::kProducersAlone);
}

std::unique_ptr<SnapshotLoad> Observers::begin_load(uint64_t bytes) const {
  return std::make_unique<SnapshotLoad>(all_, bytes);
}

std::vector<uint8_t> Observers::save(int16_t level) const {
  std::vector<uint8_t> out;
  const auto write = [&out](Bytes bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
    return true;
  };
  const std::unique_ptr<SnapshotSave> save = begin_save(level);
  while (save->write_piece(SIZE_MAX, write)) continue;
  return out;
}

Status Observers::load(Bytes snapshot) {
  const std::unique_ptr<SnapshotLoad> load = begin_load(snapshot.size());
  CHRONIK_CHECK(load->load_piece(snapshot));
  return load->finish();
}

}  // namespace chronik::kafka
