// The state of a Journal, in pieces.
#include "unit/raft/group/fixture.h"

#include <chronik/plugin.hpp>

#include <algorithm>
#include <utility>

namespace chronik::raft::test {
namespace {

using Stream = Journal::Stream;

Journal* of(void* context) { return static_cast<Journal*>(context); }
bool fails(void* context, Stream::Fails where) { return of(context)->stream.fails == where; }

struct Save {
  std::string bytes;  // as of the begin
  size_t written = 0;
};

chr_status CHR_CALL begin_save(void* context, void** save) {
  Stream& stream = of(context)->stream;
  if (fails(context, Stream::Fails::kBeginSave)) return CHR_E_FAILED;
  EXPECT_EQ(stream.open_saves + stream.open_loads, 0) << "one at a time";
  auto* out = new Save;
  for (const std::string& text : of(context)->applied) out->bytes += text + "\n";
  *save = out;
  ++stream.open_saves;
  ++stream.saves;
  return CHR_OK;
}
chr_status CHR_CALL save_piece(void* context, void* handle, const chr_sink* sink, uint64_t max_bytes,
                               uint32_t* more) {
  Stream& stream = of(context)->stream;
  Save& save = *static_cast<Save*>(handle);
  ++stream.save_pieces;
  stream.applied_at.push_back(of(context)->applied.size());
  if (stream.on_save_piece) stream.on_save_piece();
  if (fails(context, Stream::Fails::kSavePiece)) return CHR_E_FAILED;
  const uint64_t n = std::min<uint64_t>(save.bytes.size() - save.written, max_bytes);
  const auto* const next = reinterpret_cast<const uint8_t*>(save.bytes.data() + save.written);
  if (n > 0 && sink->write(sink->context, next, n) == 0) return CHR_E_FAILED;
  save.written += n;
  *more = save.written < save.bytes.size() ? 1 : 0;
  return CHR_OK;
}
void CHR_CALL end_save(void* context, void* save) {
  delete static_cast<Save*>(save);
  --of(context)->stream.open_saves;
}

struct Load {
  std::string bytes;
  uint64_t announced = 0;
};

chr_status fail_with(chr_error* error, const char* what) { return report(error, CHR_E_CORRUPT, what); }

chr_status CHR_CALL begin_load(void* context, uint64_t bytes, void** load, chr_error* error) {
  Stream& stream = of(context)->stream;
  if (fails(context, Stream::Fails::kBeginLoad)) return fail_with(error, "it does not begin");
  EXPECT_EQ(stream.open_saves + stream.open_loads, 0) << "one at a time";
  *load = new Load{{}, bytes};
  ++stream.open_loads;
  return CHR_OK;
}
chr_status CHR_CALL load_piece(void* context, void* load, const chr_slice* piece, chr_error* error) {
  Stream& stream = of(context)->stream;
  ++stream.load_pieces;
  stream.largest_piece = std::max(stream.largest_piece, piece->n);
  if (stream.on_load_piece) stream.on_load_piece();
  if (fails(context, Stream::Fails::kLoadPiece)) return fail_with(error, "a piece is wrong");
  static_cast<Load*>(load)->bytes.append(reinterpret_cast<const char*>(piece->p), piece->n);
  return CHR_OK;
}
chr_status CHR_CALL finish_load(void* context, void* handle, chr_error* error) {
  if (fails(context, Stream::Fails::kFinishLoad)) return fail_with(error, "it does not end");
  const Load& load = *static_cast<Load*>(handle);
  EXPECT_EQ(load.bytes.size(), load.announced);
  load_journal(of(context), load.bytes);
  return CHR_OK;
}
void CHR_CALL end_load(void* context, void* load) {
  delete static_cast<Load*>(load);
  --of(context)->stream.open_loads;
}

}  // namespace

const chr_state_stream_v1& journal_stream() {
  static constexpr chr_state_stream_v1 kStream = {
      sizeof kStream, 1, begin_save, save_piece, end_save, begin_load, load_piece, finish_load, end_load};
  return kStream;
}

void load_journal(Journal* journal, const std::string& saved) {
  journal->applied.clear();
  for (size_t at = 0; at < saved.size();) {
    const size_t end = saved.find('\n', at);
    journal->applied.push_back(saved.substr(at, end - at));
    at = end + 1;
  }
  ++journal->loads;
}

}  // namespace chronik::raft::test
