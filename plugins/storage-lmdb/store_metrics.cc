#include "storage-lmdb/store_metrics.h"

namespace chronik::storage_lmdb {
namespace {

constexpr uint64_t kWarnAgainNs = 10'000'000'000;

}  // namespace

StoreMetrics::StoreMetrics(Host host)
    : host_(host),
      ids_{
          host.counter("chronik_storage_commits_total", "Transactions committed, each with one sync."),
          host.histogram("chronik_storage_commit_seconds", "Time of a commit, sync included."),
          host.counter("chronik_storage_written_bytes_total", "Bytes of entries and keys written."),
          host.counter(
              "chronik_storage_moved_bytes_total",
              "Written again elsewhere, as it lay between free pages that large entries need in a row."),
          host.gauge("chronik_storage_overdue_leases", "Leases on pages that are held past their age."),
          host.gauge("chronik_storage_waiting_bytes",
                     "Freed bytes that cannot be used again before a lease ends."),
          host.gauge("chronik_storage_groups", "Logs that the store holds: of partitions and of __meta."),
          host.gauge("chronik_storage_used_bytes",
                     "What the store holds, with its overhead; without what is gone."),
          host.gauge("chronik_storage_gone_bytes",
                     "What was trimmed or deleted and lies in the file until its pages are needed, roughly."),
          host.gauge("chronik_storage_file_bytes", "Size of the data file.")} {}

void StoreMetrics::note_commit(uint64_t bytes, uint64_t ns) {
  host_.add(ids_.commits);
  host_.observe(ids_.commit_seconds, static_cast<double>(ns) * 1e-9);
  host_.add(ids_.written, static_cast<double>(bytes));
}

void StoreMetrics::note_moved(uint64_t bytes) { host_.add(ids_.moved, static_cast<double>(bytes)); }

void StoreMetrics::note_groups(size_t n) { host_.set(ids_.groups, static_cast<double>(n)); }

void StoreMetrics::note_sizes(uint64_t used, uint64_t gone, uint64_t file) {
  host_.set(ids_.used, static_cast<double>(used));
  host_.set(ids_.gone, static_cast<double>(gone));
  host_.set(ids_.file, static_cast<double>(file));
}

void StoreMetrics::note_leases(const Generations::Pressure& pressure, uint64_t now_ns) {
  host_.set(ids_.overdue, static_cast<double>(pressure.overdue));
  host_.set(ids_.waiting, static_cast<double>(pressure.waiting_bytes));
  if (pressure.overdue == 0 || now_ns - overdue_noted_ns_ < kWarnAgainNs) return;
  overdue_noted_ns_ = now_ns;
  host_.warn(
      "leases on stored pages are held past storage.max_lease; the file grows meanwhile",
      "leases=" + std::to_string(pressure.overdue) + " waiting=" + std::to_string(pressure.waiting_bytes));
}

}  // namespace chronik::storage_lmdb
