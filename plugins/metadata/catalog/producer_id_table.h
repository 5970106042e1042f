// Producer ids, which are handed out in blocks: from where on they are free.
#pragma once

#include "metadata/catalog/table.h"

namespace chronik::metadata {

class ProducerIdTable : public Table {
 public:
  void apply(const AllocateProducerIds&, Change* change);

  void add_to(Digest* digest) const { digest->number(static_cast<uint64_t>(next_)); }
  void save(wire::SnapshotHead* head) const;
  Status load(const wire::SnapshotHead& head, SnapshotReader* in);

 private:
  int64_t next_ = 0;
};

}  // namespace chronik::metadata
