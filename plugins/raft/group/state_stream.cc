#include "raft/group/state_stream.h"

#include <algorithm>

namespace chronik::raft {

// ---- out

void StateSave::run(GroupContext* group, IsStateWanted is_wanted, Done done) {
  const std::shared_ptr<StateSave> self(new StateSave(group, std::move(is_wanted), std::move(done)));
  if (!self->begin()) return self->finish(StateEnd::kFailed);
  group->stream ? self->add_step() : self->finish(StateEnd::kDone);
}

// Without a stream that is all.
bool StateSave::begin() {
  if (group_.stream) return group_.stream->table.begin_save(group_.stream->context, &handle_) >= 0;
  const chr_sink sink = sink_.abi();
  return group_.machine.save(group_.machine_context, &sink) >= 0;
}

void StateSave::add_step() {
  group_.shard->states().steps.add_step(
      [self = shared_from_this(), alive = group_.alive()] { self->save_piece(); });
}

void StateSave::save_piece() {
  const StateStream& stream = *group_.stream;
  StateEnd end = StateEnd::kDropped;
  if (is_wanted_()) {
    uint32_t more = 0;
    const chr_sink sink = sink_.abi();
    const bool saved = stream.table.save_piece(stream.context, handle_, &sink, kStatePieceBytes, &more) >= 0;
    if (saved && more != 0) return add_step();
    end = saved ? StateEnd::kDone : StateEnd::kFailed;
  }
  stream.table.end_save(stream.context, handle_);
  finish(end);
}

void StateSave::finish(StateEnd end) { done_(end, std::move(sink_)); }

// ---- in

void StateLoad::run(GroupContext* group, std::vector<chr_slice> pieces, std::shared_ptr<const void> owner,
                    IsStateWanted is_wanted, Done done) {
  const std::shared_ptr<StateLoad> self(
      new StateLoad(group, std::move(pieces), std::move(owner), std::move(is_wanted), std::move(done)));
  group->stream ? self->begin() : self->load_at_once();
}

void StateLoad::load_at_once() {
  chr_error error = make_abi_error();
  const chr_status loaded = group_.machine.load(group_.machine_context, pieces_.data(),
                                                static_cast<uint32_t>(pieces_.size()), &error);
  loaded >= 0 ? finish(StateEnd::kDone) : finish(StateEnd::kFailed, from_abi(error, loaded));
}

void StateLoad::begin() {
  const StateStream& stream = *group_.stream;
  uint64_t bytes = 0;
  for (const chr_slice& piece : pieces_) bytes += piece.n;
  chr_error error = make_abi_error();
  const chr_status begun = stream.table.begin_load(stream.context, bytes, &handle_, &error);
  begun >= 0 ? add_step() : finish(StateEnd::kFailed, from_abi(error, begun));
}

void StateLoad::add_step() {
  group_.shard->states().steps.add_step(
      [self = shared_from_this(), alive = group_.alive()] { self->load_piece(); });
}

void StateLoad::load_piece() {
  const StateStream& stream = *group_.stream;
  chr_error error = make_abi_error();
  chr_status status = CHR_OK;
  const bool wanted = is_wanted_();
  if (wanted && piece_ < pieces_.size()) {
    const chr_slice& whole = pieces_[piece_];
    const chr_slice piece{whole.p + offset_, std::min(whole.n - offset_, kStatePieceBytes), whole.lease};
    status = stream.table.load_piece(stream.context, handle_, &piece, &error);
    offset_ += piece.n;
    if (offset_ == whole.n) {
      offset_ = 0;
      ++piece_;
    }
    if (status >= 0) return add_step();
  } else if (wanted) {
    status = stream.table.finish_load(stream.context, handle_, &error);
  }
  stream.table.end_load(stream.context, handle_);
  if (!wanted) return finish(StateEnd::kDropped);
  status >= 0 ? finish(StateEnd::kDone) : finish(StateEnd::kFailed, from_abi(error, status));
}

void StateLoad::finish(StateEnd end, const Error& error) { done_(end, error); }

}  // namespace chronik::raft
