#include "storage-log/store_metrics.h"

namespace chronik::storage_log {

StoreMetrics::StoreMetrics(Host host)
    : host_(host),
      ids_{
          host.counter("chronik_storage_commits_total",
                       "Frames of the journal written, each with one durable write, without those that carry "
                       "only a mark."),
          host.histogram("chronik_storage_commit_seconds",
                         "Time from the beginning of a commit until it is durable."),
          host.counter("chronik_storage_written_bytes_total", "Bytes of entries and keys written."),
          host.counter("chronik_storage_direct_bytes_total",
                       "Bytes of records whose direct write to a segment was begun."),
          host.counter("chronik_storage_checkpoints_total", "Checkpoints written."),
          host.gauge("chronik_storage_groups", "Logs that the store holds: of partitions and of __meta."),
          host.gauge("chronik_storage_used_bytes",
                     "What the store holds, with its overhead; without what is gone."),
          host.gauge("chronik_storage_file_bytes", "What all files take, with what is on its way to them."),
          host.gauge("chronik_storage_unmoved_bytes",
                     "Payload that lies in the journal and in memory, and not yet in its segment.")} {}

void StoreMetrics::note_commit(uint64_t bytes, uint64_t ns) {
  host_.add(ids_.commits);
  host_.observe(ids_.commit_seconds, static_cast<double>(ns) * 1e-9);
  host_.add(ids_.written, static_cast<double>(bytes));
}

void StoreMetrics::note_direct(uint64_t bytes) { host_.add(ids_.direct, static_cast<double>(bytes)); }

void StoreMetrics::note_checkpoint() { host_.add(ids_.checkpoints); }

void StoreMetrics::note_sizes(const Sizes& sizes) {
  host_.set(ids_.groups, static_cast<double>(sizes.groups));
  host_.set(ids_.used, static_cast<double>(sizes.used));
  host_.set(ids_.files, static_cast<double>(sizes.files));
  host_.set(ids_.unmoved, static_cast<double>(sizes.unmoved));
}

}  // namespace chronik::storage_log
