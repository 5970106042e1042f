// Committed entries on their way to the state machine, in order.
#include "raft/group/group.h"

#include <algorithm>
#include <utility>

namespace chronik::raft {
namespace {

constexpr uint64_t kChunkBytes = 4u << 20;
constexpr uint32_t kChunkEntries = 4096;
constexpr uint32_t kFirstMachineKind = 16;

}  // namespace

void Group::pump_apply() {
  // What a snapshot covers needs no apply.
  const RaftLog& log = raft_->log();
  const Index covered = std::min({applied_, log.committed(), log.stable()});
  if (covered > log.applied()) raft_->apply_done(covered, shard_->tail_bytes());
  while (state_ == State::kOpen && !install_ && !applying_ && applied_ < apply_target_) {
    if (mends() || apply_blocked()) return;
    if (!load_chunk()) return;
    applying_ = true;
    if (!run_chunk()) return;
  }
}

// False: the entries are being read from storage.
bool Group::load_chunk() {
  chunk_ = Chunk{};
  const RaftLog& log = raft_->log();
  log.slice(applied_ + 1, apply_target_, kChunkBytes, kChunkEntries, &chunk_.from_memory);
  if (!chunk_.from_memory.empty()) {
    for (const Entry& entry : chunk_.from_memory) {
      chunk_.entries.push_back({entry.header, entry.payload.slice()});
      chunk_.bytes += entry.header.bytes;
    }
    // mutant apply-reordered: chunk_.end = chunk_.from_memory.back().header.index; if
    //     (chunk_.entries.size() > 1) std::swap(chunk_.entries[0], chunk_.entries[1]);
    chunk_.end = chunk_.from_memory.back().header.index;
    return true;
  }
  applying_ = true;
  chr_storage_read args{};
  args.group = storage_group_;
  args.from = applied_ + 1;
  args.to = apply_target_ + 1;
  args.max_bytes = kChunkBytes;
  args.max_entries = kChunkEntries;
  services_.store.read(args, [self = shared_from_this()](Result<StoredEntries> read) {
    self->applying_ = false;
    self->chunk_read(std::move(read));
  });
  return false;
}

void Group::chunk_read(Result<StoredEntries> read) {
  if (state_ != State::kOpen) return mark();
  if (!read) {
    if (read.error().code != Code::kCorrupt) return stop_with(read.error());
    return read_failed(read.error(), applied_ + 1);
  }
  // What was committed and durable cannot be missing; only below what was compacted there may be nothing to
  // apply.
  chunk_.end = read->n == 0 ? apply_target_ : read->entries[read->n - 1].header.index;
  for (uint32_t i = 0; i < read->n; ++i) {
    chunk_.entries.push_back(read->entries[i]);
    chunk_.bytes += read->entries[i].header.bytes;
  }
  chunk_.from_storage = std::move(*read);
  applying_ = true;
  if (run_chunk()) mark();
}

// Hands the chunk over in runs of entries of the state machine. False: it is to be continued.
bool Group::run_chunk() {
  while (chunk_.next < chunk_.entries.size()) {
    const size_t first = chunk_.next;
    const uint32_t kind = chunk_.entries[first].header.kind;
    if (kind < kFirstMachineKind) {
      ++chunk_.next;
      if (kind == CHR_ENTRY_TRIM) apply_trim(chunk_.entries[first]);
      continue;
    }
    size_t last = first;
    while (last < chunk_.entries.size() && chunk_.entries[last].header.kind >= kFirstMachineKind) ++last;
    chunk_.next = last;
    const chr_status status = apply_run(first, last - first);
    if (status == CHR_PENDING) return false;
    if (status < 0) {
      chunk_applied(status);
      return false;
    }
  }
  chunk_applied(CHR_OK);
  return state_ == State::kOpen;
}

chr_status Group::apply_run(size_t first, size_t n) {
  return services_.host.async(
      [&](uint64_t token) {
        return machine_.apply(context_, chunk_.entries.data() + first, static_cast<uint32_t>(n), token);
      },
      [self = shared_from_this()](const chr_done& done) {
        if (done.code < 0) return self->chunk_applied(done.code);
        if (self->run_chunk()) self->mark();
      });
}

void Group::chunk_applied(chr_status status) {
  applying_ = false;
  if (status < 0) {
    services_.host.fatal("The state machine of " + label_ + " cannot apply what was committed (status " +
                         std::to_string(status) + "); the node stops, for it would diverge");
    return stop_with({static_cast<Code>(status), "its state machine failed"});
  }
  applied_ = std::max(applied_, chunk_.end);
  bytes_since_snapshot_ += chunk_.bytes;
  chunk_ = Chunk{};
  if (state_ != State::kOpen) return;
  raft_->apply_done(applied_, shard_->tail_bytes());
  tell_if_usable();
  maybe_snapshot();
}

void Group::start_log_at(int64_t offset) {
  if (offset <= log_start_) return;
  log_start_ = offset;
  hidden_bytes_ = services_.store.bounds(storage_group_).bytes;
  machine_.trimmed(context_, log_start_);
}

// The log starts at the offset from now on. What lies below stays on disk while a member that is not too far
// behind needs it.
void Group::apply_trim(const chr_entry& entry) {
  const Result<TrimCommand> trim =
      decode_trim({reinterpret_cast<const char*>(entry.payload.p), entry.payload.n});
  if (!trim) {
    services_.host.fatal("A trim of " + label_ + " cannot be applied: " + trim.error().message);
    return;
  }
  const int64_t wanted = std::min(trim->offset, entry.header.base_offset);
  agreed_start_ = std::max(agreed_start_, wanted);
  if (wanted < log_start_) return;
  trim_goal_ = entry.header.index;
  trim_limit_ = std::min(trim_goal_, trim->limit + 1);
  start_log_at(wanted);
  trim_wanted_ = true;
}

}  // namespace chronik::raft
