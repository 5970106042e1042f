#include "raft/log/snapshot_writer.h"

#include <algorithm>
#include <string>
#include <utility>

namespace chronik::raft {

void SnapshotWriter::run(const Store& store, Submit submit, Job job, AddSteps add_steps, Done done) {
  std::shared_ptr<SnapshotWriter> self(
      new SnapshotWriter(store, std::move(submit), std::move(job), std::move(add_steps), std::move(done)));
  const SnapshotMeta& before = self->job_.before;
  self->find_stale(self->job_.meta.generation, 0, [self, &before] {
    self->find_stale(before.generation, before.pieces, [self] { self->put_pieces(); });
  });
}

// Pieces are written in their order, so that those which a crash left behind end at
// the first that is missing.
void SnapshotWriter::find_stale(uint64_t generation, uint32_t piece, const std::function<void()>& then) {
  std::string key = piece_key(generation, piece);
  store_.get(job_.group, key,
             [self = shared_from_this(), key, generation, piece, then](Result<StoredValue> value) {
               if (!value || !value->found) return then();
               self->stale_.push_back(key);
               self->find_stale(generation, piece + 1, then);
             });
}

// The last few go with the key.
void SnapshotWriter::put_pieces() {
  if (job_.pieces.size() - put_ <= at_once_) return put_key();
  Write write(job_.group);
  put_some(&write, put_ + at_once_);
  submit_(std::move(write), [self = shared_from_this()](const Status& status) {
    if (!status) return self->give_up(status);
    self->there_ = self->put_;
    self->put_pieces();
  });
}

void SnapshotWriter::put_some(Write* write, size_t end) {
  for (const std::string& key : std::exchange(stale_, {})) write->remove(key);
  for (; put_ < end; ++put_) write->put(piece_key(job_.meta.generation, put_), job_.pieces[put_]);
}

void SnapshotWriter::put_key() {
  Write write(job_.group);
  add_steps_(&write, &job_.meta);
  put_some(&write, job_.pieces.size());
  write.put(kSnapshotKey, encode(job_.meta));
  for (uint32_t piece = 0; piece < job_.before.pieces; ++piece)
    write.remove(piece_key(job_.before.generation, piece));
  submit_(std::move(write), [self = shared_from_this()](const Status& status) {
    status ? self->done_(status) : self->give_up(status);
  });
}

// What is there of it takes space that storage may not have. Where it cannot be
// removed, the next one does it.
void SnapshotWriter::give_up(const Status& why) {
  if (there_ == 0) return done_(why);
  Write write(job_.group);
  for (uint32_t piece = 0; piece < there_; ++piece) write.remove(piece_key(job_.meta.generation, piece));
  submit_(std::move(write), [self = shared_from_this(), why](const Status&) { self->done_(why); });
}

}  // namespace chronik::raft
