#include "raft/group/applier.h"

#include "raft/group/log_repair.h"
#include "raft/group/log_trim.h"
#include "raft/group/role_report.h"
#include "raft/group/snapshot_installer.h"
#include "raft/group/snapshots.h"

#include <algorithm>
#include <utility>

namespace chronik::raft {
namespace {

constexpr uint64_t kChunkBytes = 4u << 20;
constexpr uint32_t kChunkEntries = 4096;
constexpr uint32_t kFirstMachineKind = 16;
constexpr Nanos kReadAgain = 100'000'000;

}  // namespace

void Applier::start_at(Index applied) { applied_ = target_ = applied; }

void Applier::apply_committed() {
  // What a snapshot covers needs no apply.
  const RaftLog& log = group_.raft->log();
  const Index covered = std::min({applied_, log.committed(), log.stable()});
  if (covered > log.applied()) group_.raft->apply_done(group_.now(), covered, group_.shard->tail_bytes());
  while (group_.is_open() && !siblings_.installer.is_pending() && !busy_ && has_more()) {
    if (siblings_.repair.is_due() || siblings_.repair.blocks_apply()) return;
    if (!load_chunk()) return;
    busy_ = true;
    if (!run_chunk()) return;
  }
}

// False: the entries are being read from storage.
bool Applier::load_chunk() {
  chunk_ = Chunk{};
  const RaftLog& log = group_.raft->log();
  log.slice(applied_ + 1, target_, kChunkBytes, kChunkEntries, &chunk_.from_memory);
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
  read_chunk();
  return false;
}

void Applier::read_chunk() {
  busy_ = true;
  chr_storage_read args{};
  args.group = group_.storage_group;
  args.from = applied_ + 1;
  args.to = target_ + 1;
  args.max_bytes = kChunkBytes;
  args.max_entries = kChunkEntries;
  group_.shard->reads().begin_read([this, alive = group_.alive(), args] {
    group_.services.store.read(args, [this, alive](Result<StoredEntries> read) {
      busy_ = false;
      chunk_read(std::move(read));
      group_.shard->reads().finish_read();
    });
  });
}

void Applier::chunk_read(Result<StoredEntries> read) {
  if (!group_.is_open()) return group_.mark();
  if (!read) {
    if (read.error().code == Code::kOverloaded) return read_again_later();
    if (read.error().code != Code::kCorrupt) return group_.stop_with(read.error());
    return siblings_.repair.read_failed(read.error(), applied_ + 1);
  }
  // What was committed and durable cannot be missing; only below what was compacted
  // there may be nothing to apply.
  chunk_.end = read->n == 0 ? target_ : read->entries[read->n - 1].header.index;
  for (uint32_t i = 0; i < read->n; ++i) {
    chunk_.entries.push_back(read->entries[i]);
    chunk_.bytes += read->entries[i].header.bytes;
  }
  chunk_.from_storage = std::move(*read);
  busy_ = true;
  if (run_chunk()) group_.mark();
}

// Storage cannot read them for now. The applier counts as busy until then, so that the group does not end before.
void Applier::read_again_later() {
  busy_ = true;
  group_.host().timer(
      kReadAgain,
      [](void* applier) {
        auto* const self = static_cast<Applier*>(applier);
        self->busy_ = false;
        self->group_.mark();
      },
      this);
}

// Hands the chunk over in runs of entries of the state machine. False: it is to be continued.
bool Applier::run_chunk() {
  while (chunk_.next < chunk_.entries.size()) {
    const size_t first = chunk_.next;
    const uint32_t kind = chunk_.entries[first].header.kind;
    if (kind < kFirstMachineKind) {
      ++chunk_.next;
      if (kind == CHR_ENTRY_TRIM) siblings_.trim.apply_entry(chunk_.entries[first]);
      continue;
    }
    size_t last = first;
    while (last < chunk_.entries.size() && chunk_.entries[last].header.kind >= kFirstMachineKind) ++last;
    chunk_.next = last;
    const chr_status status = apply_run(first, last - first);
    if (status == CHR_PENDING) return false;
    if (status < 0) {
      finish_chunk(status);
      return false;
    }
  }
  finish_chunk(CHR_OK);
  return group_.is_open();
}

chr_status Applier::apply_run(size_t first, size_t n) {
  return group_.host().async(
      [&](uint64_t token) {
        return group_.machine.apply(group_.machine_context, chunk_.entries.data() + first,
                                    static_cast<uint32_t>(n), token);
      },
      [this, alive = group_.alive()](const chr_done& done) {
        if (done.code < 0) return finish_chunk(done.code);
        if (run_chunk()) group_.mark();
      });
}

void Applier::finish_chunk(chr_status status) {
  busy_ = false;
  if (status < 0) {
    group_.host().fatal("The state machine of " + group_.label + " cannot apply what was committed (status " +
                        std::to_string(status) + "); the node stops, for it would diverge");
    return group_.stop_with({static_cast<Code>(status), "its state machine failed"});
  }
  CHRONIK_INVARIANT(group_.host(), chunk_.end > applied_, "what was applied is applied again");
  applied_ = std::max(applied_, chunk_.end);
  const uint64_t bytes = chunk_.bytes;
  chunk_ = Chunk{};
  if (!group_.is_open()) return;
  group_.raft->apply_done(group_.now(), applied_, group_.shard->tail_bytes());
  siblings_.role.tell_if_usable();
  siblings_.snapshots.count_applied(bytes);
}

}  // namespace chronik::raft
