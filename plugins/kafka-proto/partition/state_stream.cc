#include "kafka-proto/partition/state_stream.h"

#include <chronik/plugin.hpp>

namespace chronik::kafka {

const chr_state_stream_v1& PartitionStream::table() {
  static constexpr chr_state_stream_v1 kTable = {
      sizeof(chr_state_stream_v1),         1,
      thunk<&PartitionStream::begin_save>, thunk<&PartitionStream::save_piece>,
      thunk<&PartitionStream::end_save>,   thunk<&PartitionStream::begin_load>,
      thunk<&PartitionStream::load_piece>, thunk<&PartitionStream::finish_load>,
      thunk<&PartitionStream::end_load>};
  return kTable;
}

void PartitionStream::attach(chr_str group_name) {
  if (context_.streams == nullptr) return;
  context_.streams->attach(context_.streams_self, group_name, &table(), this);
}

chr_status PartitionStream::begin_save(void** save) {
  save_ = observers_.begin_save(context_.level());
  *save = save_.get();
  return CHR_OK;
}

chr_status PartitionStream::save_piece(void*, const chr_sink* sink, uint64_t max_bytes, uint32_t* more) {
  const auto write = [sink](Bytes bytes) {
    return sink->write(sink->context, bytes.data(), bytes.size()) != 0;
  };
  *more = save_->write_piece(max_bytes, write) ? 1 : 0;
  return save_->is_refused() ? CHR_E_FAILED : CHR_OK;
}

chr_status PartitionStream::begin_load(uint64_t bytes, void** load, chr_error*) {
  load_ = observers_.begin_load(bytes);
  *load = load_.get();
  return CHR_OK;
}

chr_status PartitionStream::load_piece(void*, const chr_slice* piece, chr_error* error) {
  const Status loaded = load_->load_piece(Bytes(piece->p, piece->n));
  return loaded ? CHR_OK : report(error, loaded.error());
}

chr_status PartitionStream::finish_load(void*, chr_error* error) {
  const Status loaded = load_->finish();
  return loaded ? CHR_OK : report(error, loaded.error());
}

}  // namespace chronik::kafka
