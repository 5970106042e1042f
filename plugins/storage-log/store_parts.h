// The parts of an open store that those share who accept, write, publish and tidy up.
#pragma once

#include "storage-log/checkpoint.h"
#include "storage-log/commits.h"
#include "storage-log/room.h"
#include "storage-log/segment/log_reader.h"
#include "storage-log/segment/mover.h"
#include "storage-log/segment/segment_indexes.h"
#include "storage-log/settings.h"
#include "storage-log/store_metrics.h"
#include "storage-log/values.h"

#include <chronik/storage_failure.hpp>

#include <functional>
#include <mutex>

namespace chronik::storage_log {

struct StoreParts {
  StoreParts(Host the_host, const Files& files, const StoreOptions& the_options)
      : host(the_host),
        options(the_options),
        segments(files, options.segments),
        indexes(segments),
        reader(segments, indexes),
        mover(segments, indexes),
        values(host, files),
        checkpoints(files),
        failure(host),
        metrics(host),
        groups(options.segments, sums),
        journal(host, files, options.journal),
        commits(host, journal),
        room(host, options.max_size) {}

  Host host;
  const StoreOptions options;
  LogSums sums;
  SegmentFiles segments;
  SegmentIndexes indexes;
  LogReader reader;
  Mover mover;
  Values values;
  Checkpoints checkpoints;
  StorageFailure failure;
  StoreMetrics metrics;

  std::mutex mutex;  // all below
  GroupTable groups;
  Journal journal;
  Commits commits;
  Room room;
  uint64_t undurable_bytes = 0;  // of writes that were taken and are not durable
  uint64_t used_bytes = 0;       // what is live, with its overhead
  uint64_t value_bytes = 0;      // in files

  // A write came; it was refused.
  void count_arrival(const OwnedWrite& write);
  void count_refusal(const OwnedWrite& write);
  // Of what came, and of a start: what may not be in its segment yet.
  uint64_t unwritten_bytes() const;
  // What all files take, and will take when what is on its way is there.
  uint64_t taken_bytes() const;
  // What files take, and what the journal has left.
  void update_room();
  // What operators see of it.
  void note_sizes();
  // Applies what a frame, or the journal at a start, says of a group; what is out of the log is removed in the
  // background. Payloads are read under the lease until they are moved.
  void apply(const std::shared_ptr<Group>& group, const ReadChange& change, chr_buf* lease,
             uint64_t sequence);
  // Of a group, anew.
  void count_used(Group& group);
};

// What was found to do under the mutex, and is done when it is let go.
struct Turn {
  // The end of a write, for the shard that brought it.
  struct End {
    uint32_t shard = 0;
    chr_done done{};
    std::string message;
  };
  std::vector<End> ends;
  std::vector<std::function<void()>> then;

  void finish(uint32_t shard, uint64_t token, chr_status code, std::string_view message = {});
  void finish(uint32_t shard, uint64_t token, const Error& error) {
    finish(shard, token, static_cast<chr_status>(error.code), error.message);
  }
};

}  // namespace chronik::storage_log
