#include "raft/group/storage_writes.h"

#include "raft/group/log_repair.h"
#include "raft/group/log_trim.h"
#include "raft/group/proposals.h"
#include "raft/group/snapshot_installer.h"
#include "raft/group/snapshots.h"

#include <algorithm>
#include <utility>

namespace chronik::raft {
namespace {

constexpr Nanos kSayFullAgain = 60'000'000'000;

}  // namespace

void StorageWrites::restore(const Base& base, bool cuts) {
  base_ = base;
  cuts_ = cuts;
  note_meta();
  if (cuts_ || group_.raft->configs().back().index == 0) forget_meta();
}

void StorageWrites::set_base(const Base& base) {
  base_ = base;
  cuts_ = false;
  note_meta();
}

void StorageWrites::write_batch(const StorageBatch& batch) {
  CHRONIK_INVARIANT(group_.host(), !siblings_.installer.is_pending(),
                    "a batch is written while a snapshot is to replace the log");
  ++in_flight_;
  const bool data = std::ranges::any_of(batch.entries, [](const Entry& e) { return e.header.records != 0; });
  const bool cut = batch.truncate_from != 0;
  Write write = write_of(group_.storage_group, batch, *group_.raft, siblings_.trim.start(), base_, &meta_);
  if (cut) siblings_.snapshots.mark_cut(batch.truncate_from, &write);
  group_.shard->write(std::move(write),
                      [this, alive = group_.alive(), ticket = batch.ticket, data, cut](const Status& status) {
                        if (cut && status) cuts_ = false;
                        batch_written(ticket, data, status);
                      });
}

void StorageWrites::batch_written(Ticket ticket, bool data, const Status& status) {
  CHRONIK_INVARIANT(group_.host(), in_flight_ > 0, "a batch was written that is not in flight");
  --in_flight_;
  group_.mark();
  if (!group_.is_open()) return;
  if (status && !refused_) return group_.raft->storage_done(group_.now(), ticket);
  if (!status && status.error().code == Code::kCorrupt && cuts_)
    return siblings_.repair.keep_damaged(status.error());
  if (!status && status.error().code != Code::kNoSpace) return group_.stop_with(status.error());
  if (!refused_) data_refused_ = false;
  refused_ = true;
  data_refused_ = data_refused_ || (data && !status);
  // Those behind it are refused too; all are dealt with together once the last one has come back.
  if (in_flight_ == 0) refuse_batches();
}

void StorageWrites::refuse_batches() {
  if (group_.now() >= say_full_at_) {
    group_.host().warn("Storage is full: " + group_.label + " takes no more data for now");
    say_full_at_ = group_.now() + kSayFullAgain;
  }
  refused_ = false;
  forget_meta();
  wait_for_room();
  if (const Index from = group_.raft->storage_refused(group_.now()); from != 0)
    siblings_.proposals.fail_from(from, CHR_E_NO_SPACE, "storage is full");
}

// While storage has no room for records there may be some for what takes no offsets.
Room StorageWrites::room() const {
  if (refused_ || siblings_.installer.is_pending() || siblings_.repair.is_due() || (cuts_ && in_flight_ > 0))
    return Room::kNone;
  if (!is_waiting_for_room()) return Room::kAll;
  return data_refused_ ? Room::kControl : Room::kNone;
}

bool StorageWrites::is_full() const {
  return group_.raft->full() || is_waiting_for_room() || group_.services.store.full();
}

void StorageWrites::wait_for_room() {
  full_until_ = group_.now() + kRetryWhenFull;
  retry_soon();
}

void StorageWrites::retry_soon() {
  if (retry_timer_ == 0) retry_timer_ = group_.host().timer(kRetryWhenFull, on_retry, this);
}

void StorageWrites::on_retry(void* writes) {
  auto* const self = static_cast<StorageWrites*>(writes);
  self->retry_timer_ = 0;
  if (self->is_waiting_for_room()) self->retry_soon();  // refused once more meanwhile
  self->siblings_.trim.advance_trim();
  self->group_.mark();
}

void StorageWrites::cancel_retry() { group_.host().cancel_timer(std::exchange(retry_timer_, 0)); }

void StorageWrites::read_entries(const ReadRequest& request) {
  chr_storage_read args{};
  args.group = group_.storage_group;
  args.from = request.from;
  args.to = request.to;
  args.max_bytes = request.max_bytes;
  args.max_entries = request.max_entries;
  group_.shard->reads().begin_read([this, alive = group_.alive(), args, request] {
    group_.services.store.read(args, [this, alive, request](const Result<StoredEntries>& read) {
      entries_read(request, read);
      group_.shard->reads().finish_read();
    });
  });
}

void StorageWrites::entries_read(const ReadRequest& request, const Result<StoredEntries>& read) {
  if (!group_.is_open()) return;
  if (!read) siblings_.repair.read_failed(read.error(), request.from);
  std::vector<Entry> entries;
  for (uint32_t i = 0; read && i < read->n; ++i) {
    const chr_entry& from = read->entries[i];
    Entry entry;
    entry.header = EntryHeader(from.header);
    entry.payload = Payload::share({from.payload.p, from.payload.n, read->lease.get()});
    entries.push_back(std::move(entry));
  }
  group_.raft->entries_read(request, std::move(entries));
  group_.mark();
}

}  // namespace chronik::raft
