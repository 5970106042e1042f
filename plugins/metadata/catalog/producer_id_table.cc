#include "metadata/catalog/producer_id_table.h"

#include "metadata/wire/metadata.pb.h"

namespace chronik::metadata {

void ProducerIdTable::apply(const AllocateProducerIds&, Change* change) {
  change->out->first_producer_id = next_;
  change->out->producer_ids = kProducerIdBlock;
  next_ += kProducerIdBlock;
  change->out->changed = true;
}

void ProducerIdTable::save(wire::SnapshotHead* head) const { head->set_next_producer_id(next_); }

Status ProducerIdTable::load(const wire::SnapshotHead& head, SnapshotReader*) {
  next_ = head.next_producer_id();
  return {};
}

}  // namespace chronik::metadata
