// What a group writes and reads below the state machine: log batches, trims, entries for lagging followers.
#include "raft/group/group.h"

#include <algorithm>
#include <utility>

namespace chronik::raft {
namespace {

constexpr Nanos kSayFullAgain = 60'000'000'000;

}  // namespace

void Group::write_batch(const StorageBatch& batch) {
  ++writes_in_flight_;
  const bool data = std::ranges::any_of(batch.entries, [](const Entry& e) { return e.header.records != 0; });
  const bool cut = batch.truncate_from != 0;
  Write write = write_of(storage_group_, batch, *raft_, log_start_, base_, &meta_on_disk_);
  // From now on the log on disk may end before what the snapshot covers.
  if (cut && snapshot_.index >= batch.truncate_from) {
    snapshot_.received = true;
    write.put(kSnapshotKey, encode(snapshot_));
  }
  shard_->write(std::move(write),
                [self = shared_from_this(), ticket = batch.ticket, data, cut](const Status& status) {
                  if (cut && status) self->cuts_ = false;
                  self->batch_written(ticket, data, status);
                });
}

void Group::batch_written(Ticket ticket, bool data, const Status& status) {
  --writes_in_flight_;
  mark();
  if (state_ != State::kOpen) return;
  if (status && !write_refused_) return raft_->storage_done(shard_->now(), ticket);
  if (!status && status.error().code == Code::kCorrupt && cuts_) return keep_damaged(status.error());
  if (!status && status.error().code != Code::kNoSpace) return stop_with(status.error());
  if (!write_refused_) data_refused_ = false;
  write_refused_ = true;
  data_refused_ = data_refused_ || (data && !status);
  // Those behind it are refused too; all are dealt with together once the last one has come back.
  if (writes_in_flight_ == 0) batches_refused();
}

void Group::batches_refused() {
  if (shard_->now() >= say_full_at_) {
    services_.host.warn("Storage is full: " + label_ + " takes no more data for now");
    say_full_at_ = shard_->now() + kSayFullAgain;
  }
  write_refused_ = false;
  meta_on_disk_ = MetaOnDisk();
  full_until_ = shard_->now() + kRetryWhenFull;
  try_again_soon();
  if (const Index from = raft_->storage_refused(shard_->now()); from != 0)
    fail_waiters(from, CHR_E_NO_SPACE, "storage is full");
}

// What storage may take now. While it has no room for records there may be some for what takes no offsets.
Room Group::room() const {
  if (write_refused_ || install_ || mends() || (cuts_ && writes_in_flight_ > 0)) return Room::kNone;
  if (shard_->now() >= full_until_) return Room::kAll;
  return data_refused_ ? Room::kControl : Room::kNone;
}

// What storage had no room for, or what would make some.
void Group::try_again_soon() {
  if (retry_timer_ != 0) return;
  retry_timer_ = services_.host.timer(
      kRetryWhenFull,
      [](void* context) {
        auto* const self = static_cast<Group*>(context);
        self->retry_timer_ = 0;
        if (self->shard_->now() < self->full_until_) self->try_again_soon();  // refused once more meanwhile
        if (self->trim_wanted_) self->pump_trim();
        self->mark();
      },
      this);
}

void Group::serve_read(const ReadRequest& request) {
  chr_storage_read args{};
  args.group = storage_group_;
  args.from = request.from;
  args.to = request.to;
  args.max_bytes = request.max_bytes;
  args.max_entries = request.max_entries;
  services_.store.read(args, [self = shared_from_this(), request](Result<StoredEntries> read) {
    if (self->state_ != State::kOpen) return;
    if (!read) self->read_failed(read.error(), request.from);
    std::vector<Entry> entries;
    for (uint32_t i = 0; read && i < read->n; ++i) {
      const chr_entry& from = read->entries[i];
      Entry entry;
      entry.header = EntryHeader(from.header);
      entry.payload = Payload::share({from.payload.p, from.payload.n, read->lease.get()});
      entries.push_back(std::move(entry));
    }
    self->raft_->entries_read(request, std::move(entries));
    self->mark();
  });
}

// Deletes what lies below the start of the log, as far as the snapshot allows; makes a newer one where it
// does not.
void Group::pump_trim() {
  if (trimming_ || snapshotting_ || install_ || state_ != State::kOpen || raft_->lost_from() != 0) return;
  trim_wanted_ = false;
  trimming_ = true;
  services_.store.find(storage_group_, CHR_FIND_OFFSET, log_start_,
                       [self = shared_from_this()](Result<chr_entry_header> header) {
                         self->trimming_ = false;
                         Index first = self->trim_limit_;
                         self->start_index_ = header ? header->index : self->trim_goal_;
                         first = std::min(first, self->start_index_);
                         const bool known = header || header.error().code == Code::kNotFound;
                         if (self->state_ == State::kOpen && known) self->trim_to(first);
                         self->mark();
                       });
}

void Group::trim_to(Index first) {
  // mutant trim-above-snapshot: if (false) {
  if (first > snapshot_.index + 1) {
    trim_wanted_ = true;  // goes on when the snapshot is there
    if (applying_) return;
    // Where there was no room for one, what the last one covers goes first.
    const bool no_room = snapshot_failed_ && storage_full();
    snapshot_failed_ = false;
    if (!no_room) take_snapshot();
    if (snapshotting_) return;
    trim_wanted_ = no_room;
    if (no_room) try_again_soon();
    first = snapshot_.index + 1;
  }
  // What is applied may be ahead of the log.
  first = std::min({first, applied_, raft_->log().applied()});
  if (first <= raft_->log().first_index()) return note_trimmed(raft_->log().first_index());
  raft_->trim(first);
  Write write(storage_group_);
  write.trim(first);
  // What only deletes finds room where nothing else does, and where the log starts shows at its first entry.
  meta_on_disk_ = storage_full() ? MetaOnDisk() : MetaOnDisk(*raft_);
  if (!storage_full()) write.put(kLogKey, encode(meta_of(*raft_, log_start_, base_)));
  trimming_ = true;
  shard_->write(std::move(write), [self = shared_from_this(), first](const Status& status) {
    self->trimming_ = false;
    status ? self->note_trimmed(first) : self->trim_failed(status.error());
    if (self->trim_wanted_) self->pump_trim();
    self->mark();
  });
}

// Deleted up to where the log starts, unless that has moved meanwhile.
void Group::note_trimmed(Index first) {
  if (first >= start_index_ && !trim_wanted_) hidden_bytes_ = 0;
}

// From the start of the log on. While some of what lies below it is still to be deleted, what came since,
// which is no more than it has: whoever trims by size must not take twice what lies there once.
uint64_t Group::bytes() const {
  const uint64_t all = services_.store.bounds(storage_group_).bytes;
  return all - std::min(all, hidden_bytes_);
}

void Group::trim_failed(const Error& error) {
  meta_on_disk_ = MetaOnDisk();
  if (state_ != State::kOpen) return;
  services_.host.warn("The log of " + label_ + " could not be trimmed: " + error.message);
}

bool Group::storage_full() const {
  return raft_->full() || shard_->now() < full_until_ || services_.store.full();
}

// Without the entry that says so to all: what lies below is committed, and it is this node that has no room.
void Group::trim_ahead(int64_t offset, Index limit) {
  start_log_at(offset);
  trim_goal_ = applied_;
  trim_limit_ = std::max(trim_limit_, std::min(limit, applied_));
  trim_wanted_ = true;
  pump_trim();
}

}  // namespace chronik::raft
