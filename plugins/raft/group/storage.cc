// What a group writes and reads below the state machine: log batches, trims, entries for lagging followers.
#include "group/group.h"

#include <algorithm>
#include <utility>

namespace chronik::raft {
namespace {

constexpr Nanos kSayFullAgain = 60'000'000'000;

}  // namespace

void Group::write_batch(StorageBatch batch) {
  writing_.push_back(std::move(batch));
  const StorageBatch& kept = writing_.back();
  ++writes_in_flight_;
  shard_->write(write_of(storage_group_, kept, *raft_, log_start_, base_, &meta_on_disk_),
                [self = shared_from_this(), ticket = kept.ticket](const Status& status) {
                  self->batch_written(ticket, status);
                });
}

void Group::batch_written(Ticket ticket, const Status& status) {
  --writes_in_flight_;
  if (state_ == State::kOpen) {
    if (status && !write_refused_) {
      while (!writing_.empty() && writing_.front().ticket <= ticket) writing_.pop_front();
      raft_->storage_done(shard_->now(), ticket);
    } else if (!status && status.error().code != Code::kNoSpace) {
      stop_with(status.error());
    } else {
      // Those behind it are refused too; all are dealt with together once the last one has come back.
      if (shard_->now() >= say_full_at_) {
        services_.host.warn("Storage is full: " + label_ + " takes no more data for now");
        say_full_at_ = shard_->now() + kSayFullAgain;
      }
      write_refused_ = true;
      if (writes_in_flight_ == 0) batches_refused();
    }
  }
  mark();
}

void Group::batches_refused() {
  full_until_ = shard_->now() + kRetryWhenFull;
  meta_on_disk_ = MetaOnDisk();
  if (raft_->storage_refused(writing_.front())) {
    fail_waiters(writing_.front().entries.front().header.index, CHR_E_NO_SPACE, "storage is full");
    writing_.clear();
    write_refused_ = false;
    return;
  }
  retry_timer_ = services_.host.timer(
      kRetryWhenFull, [](void* self) { static_cast<Group*>(self)->retry_batches(); }, this);
}

void Group::retry_batches() {
  retry_timer_ = 0;
  if (state_ != State::kOpen) return;
  write_refused_ = false;
  std::deque<StorageBatch> again = std::exchange(writing_, {});
  for (size_t i = 0; i < again.size(); ++i) {
    StorageBatch& batch = again[i];
    // Storage may have taken a later one, which cuts the log there too: that is not to be undone in between.
    const bool cut_again = std::any_of(
        again.begin() + static_cast<std::ptrdiff_t>(i) + 1, again.end(), [&](const StorageBatch& later) {
          return later.truncate_from != 0 && later.truncate_from <= batch.truncate_from;
        });
    if (cut_again) batch.truncate_from = 0;
    // What the log has dropped meanwhile need not find room any more, and must not come behind what took its
    // place: storage may have taken the truncation where it refused this.
    std::erase_if(batch.entries, [this](const Entry& entry) {
      return !raft_->log().matches(entry.header.index, entry.header.term);
    });
    if (batch.entries.empty() && batch.truncate_from == 0) {
      batch.has_hard_state = true;
      batch.hard_state = {raft_->term(), raft_->vote()};
    }
    write_batch(std::move(batch));
  }
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
    if (!read) self->read_failed(read.error());
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
  if (trimming_ || snapshotting_ || install_ || state_ != State::kOpen) return;
  trim_wanted_ = false;
  trimming_ = true;
  services_.store.find(storage_group_, CHR_FIND_OFFSET, log_start_,
                       [self = shared_from_this()](Result<chr_entry_header> header) {
                         self->trimming_ = false;
                         Index first = self->trim_limit_;
                         if (header) first = std::min(first, header->index);
                         const bool known = header || header.error().code == Code::kNotFound;
                         if (self->state_ == State::kOpen && known) self->trim_to(first);
                         self->mark();
                       });
}

void Group::trim_to(Index first) {
  if (first > snapshot_.index + 1) {
    trim_wanted_ = true;  // goes on when the snapshot is there
    if (applying_) return;
    take_snapshot();
    if (snapshotting_) return;
    trim_wanted_ = false;
    first = snapshot_.index + 1;
  }
  first = std::min(first, applied_);
  if (first <= raft_->log().first_index()) return;
  raft_->trim(first);
  Write write(storage_group_);
  write.trim(first);
  meta_on_disk_ = MetaOnDisk(*raft_);
  write.put(kLogKey, encode(meta_of(*raft_, log_start_, base_)));
  trimming_ = true;
  shard_->write(std::move(write), [self = shared_from_this()](const Status& status) {
    self->trimming_ = false;
    if (!status) self->meta_on_disk_ = MetaOnDisk();
    if (!status && self->state_ == State::kOpen)
      self->services_.host.warn("The log of " + self->label_ +
                                " could not be trimmed: " + status.error().message);
    if (self->trim_wanted_) self->pump_trim();
    self->mark();
  });
}

bool Group::storage_full() const { return shard_->now() < full_until_ || services_.store.full(); }

// A full storage takes nothing but deletions, not even the entry that asks for one. A sole voter, with nobody
// to agree with, first deletes what its snapshot covers; then there is room for the entry.
void Group::make_room(int64_t offset, uint64_t token) {
  trimming_ = true;
  services_.store.find(storage_group_, CHR_FIND_OFFSET, offset,
                       [self = shared_from_this(), offset, token](const Result<chr_entry_header>& header) {
                         self->trimming_ = false;
                         self->room_located(offset, token, header);
                         self->mark();
                       });
}

void Group::room_located(int64_t offset, uint64_t token, const Result<chr_entry_header>& header) {
  const auto go_on = [self = shared_from_this(), offset, token] {
    const Status proposed = self->propose_trim(offset, token);
    if (!proposed) self->services_.host.complete(token, proposed.error());
  };
  if (state_ != State::kOpen) return go_on();
  const Index wanted = header ? header->index : applied_;
  const Index first = std::min({wanted, snapshot_.index + 1, applied_});
  if (first <= raft_->log().first_index()) return go_on();
  start_log_at(offset);
  raft_->trim(first);
  Write write(storage_group_);
  write.trim(first);
  trimming_ = true;
  shard_->write(std::move(write), [self = shared_from_this(), go_on](const Status&) {
    self->trimming_ = false;
    go_on();
    self->mark();
  });
}

}  // namespace chronik::raft
