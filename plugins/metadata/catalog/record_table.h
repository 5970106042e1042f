// Records, among them the finalized feature levels: the space kFeatures, name -> level.
#pragma once

#include "metadata/catalog/table.h"
#include "metadata/model/records.h"

namespace chronik::metadata {

class RecordTable : public Table {
 public:
  const Records& records() const { return records_; }

  void apply(const ChangeRecords& command, Change* change);
  void apply(const UpdateFeatures& command, Change* change);  // features.cc
  void apply(const InitCluster& command, Change* change);     // features.cc

  uint64_t digest() const { return records_.digest(); }
  void publish(Image* image, uint64_t generation);
  void save(wire::SnapshotHead* head) const;
  void save_rows(SnapshotWriter* out) const;
  Status load(const wire::SnapshotHead& head, SnapshotReader* in);

 private:
  void put_record(std::string_view space, Record record, Change* change);
  void set_level(const FeatureLevel& feature, Change* change);

  Records records_;
  std::shared_ptr<const Records::Spaces> published_;  // reset when a record changes
};

}  // namespace chronik::metadata
