// PartitionStream: chronik.state_machine_stream/1 for the state of a partition, which is that of its observers. One save
// or one load at a time, as consensus begins and ends them.
#pragma once

#include <chronik/draft/state_machine_stream.h>

#include <memory>

#include "kafka-proto/partition/context.h"
#include "kafka-proto/partition/observers.h"

namespace chronik::kafka {

class PartitionStream {
 public:
  PartitionStream(const PartitionContext& context, const Observers& observers)
      : context_(context), observers_(observers) {}
  PartitionStream(const PartitionStream&) = delete;
  PartitionStream& operator=(const PartitionStream&) = delete;

  // Before the group of this name is opened; nothing where consensus has no streams. This outlives the group.
  void attach(chr_str group_name);

 private:
  // ---- chr_state_stream_v1; the handles stand for save_ and load_, and say nothing ----
  chr_status begin_save(void** save);
  chr_status save_piece(void* save, const chr_sink* sink, uint64_t max_bytes, uint32_t* more);
  void end_save(void*) { save_.reset(); }
  chr_status begin_load(uint64_t bytes, void** load, chr_error* error);
  chr_status load_piece(void* load, const chr_slice* piece, chr_error* error);
  chr_status finish_load(void* load, chr_error* error);
  void end_load(void*) { load_.reset(); }
  static const chr_state_stream_v1& table();

  const PartitionContext& context_;
  const Observers& observers_;
  std::unique_ptr<SnapshotSave> save_;
  std::unique_ptr<SnapshotLoad> load_;
};

}  // namespace chronik::kafka
