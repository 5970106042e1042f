#include "raft/log/recovery.h"

#include <algorithm>
#include <string>
#include <utility>

namespace chronik::raft {
namespace {

constexpr uint32_t kHeadersAtOnce = 1024;
constexpr uint64_t kReadAgain =
    100'000'000;  // ns; a system that is short of memory or open files may have some then
constexpr uint32_t kMaxRefusals = 300;  // of one recovery

}  // namespace

void Recovery::run(const Store& store, const Loads& loads, uint64_t group, NodeId self,
                   const Membership& initial, Lost lost, Done done) {
  std::shared_ptr<Recovery>(new Recovery(store, loads, group, self, initial, lost, std::move(done)))
      ->read_vote();
}

void Recovery::read(const chr_storage_read& args, Then<StoredEntries> then) {
  store_.read(args, [self = shared_from_this(), args, then = std::move(then)](Result<StoredEntries> out) {
    if (!out && self->is_refused_for_now(out.error()))
      return self->try_later([self, args, then] { self->read(args, then); });
    then(std::move(out));
  });
}

void Recovery::get(const std::string& key, Then<StoredValue> then) {
  store_.get(group_, key, [self = shared_from_this(), key, then = std::move(then)](Result<StoredValue> out) {
    if (!out && self->is_refused_for_now(out.error()))
      return self->try_later([self, key, then] { self->get(key, then); });
    then(std::move(out));
  });
}

bool Recovery::is_refused_for_now(const Error& error) {
  return error.code == Code::kOverloaded && loads_.is_wanted() && ++refusals_ < kMaxRefusals;
}

void Recovery::try_later(std::function<void()> again) {
  next_try_ = std::move(again);
  const auto try_again = [](void* recovery) {
    std::exchange(static_cast<Recovery*>(recovery)->next_try_, nullptr)();
  };
  store_.host().timer(kReadAgain, try_again, this);
}

void Recovery::read_vote() {
  get(std::string(kVoteKey), [self = shared_from_this()](Result<StoredValue> value) {
    if (!value) return self->finish_recovery(std::unexpected(value.error()));
    if (value->found) {
      auto vote = decode_vote(value->text());
      if (!vote) return self->finish_recovery(std::unexpected(vote.error()));
      self->found_.hard_state = vote->hard_state;
      self->commit_ = vote->commit;
      self->found_.log.left = vote->left;
    }
    self->read_meta();
  });
}

void Recovery::read_meta() {
  get(std::string(kLogKey), [self = shared_from_this()](Result<StoredValue> value) {
    if (!value) return self->finish_recovery(std::unexpected(value.error()));
    if (value->found) {
      auto meta = decode_log_meta(value->text());
      if (!meta) return self->finish_recovery(std::unexpected(meta.error()));
      self->meta_ = std::move(*meta);
    }
    self->read_snapshot();
  });
}

void Recovery::read_snapshot() {
  get(std::string(kSnapshotKey), [self = shared_from_this()](Result<StoredValue> value) {
    if (!value) return self->finish_recovery(std::unexpected(value.error()));
    if (value->found) {
      auto snapshot = decode_snapshot(value->text());
      if (!snapshot) return self->finish_recovery(std::unexpected(snapshot.error()));
      self->found_.snapshot = *snapshot;
    }
    self->wait_to_load();
  });
}

void Recovery::wait_to_load() {
  if (found_.snapshot.pieces == 0) return read_first();
  loads_.turns.wait_for_turn(loads_.is_wanted, [self = shared_from_this()](LoadTurns::Turn turn) {
    self->found_.turn = std::move(turn);
    self->read_piece(0);
  });
}

void Recovery::read_piece(uint32_t piece) {
  if (!loads_.is_wanted()) return finish_recovery(fail(Code::kCancelled, "nobody wants it any more"));
  if (piece == found_.snapshot.pieces) return read_first();
  get(piece_key(found_.snapshot.generation, piece),
      [self = shared_from_this(), piece](Result<StoredValue> value) {
        if (!value) return self->finish_recovery(std::unexpected(value.error()));
        if (!value->found)
          return self->finish_recovery(
              fail(Code::kCorrupt, "piece " + std::to_string(piece) + " of the snapshot is missing"));
        self->found_.pieces.push_back(std::move(*value));
        self->read_piece(piece + 1);
      });
}

// A trim under a full storage may have deleted entries without a word about the start of the log.
void Recovery::read_first() {
  bounds_ = store_.bounds(group_);
  if (lost_.from != 0) leave_out_lost();
  if (const Status status = check(); !status) return finish_recovery(status);
  if (bounds_.last_index == 0) return build_empty_log();
  chr_storage_read args{};
  args.headers_only = 1;
  args.group = group_;
  args.from = bounds_.first_index;
  args.max_entries = 1;
  read(args, [self = shared_from_this()](Result<StoredEntries> first) {
    if (!first) return self->met_damage(self->bounds_.first_index, first.error());
    if (first->n > 0) {
      const chr_entry_header& header = first->entries[0].header;
      self->found_.first_offset = header.base_offset;
      self->found_.first_end = header.base_offset + header.records;
      self->meta_.log_start = std::max(self->meta_.log_start, self->found_.first_offset);
    }
    self->read_headers();
  });
}

// The log ends before what is lost. What the state machine made of it stays.
void Recovery::leave_out_lost() {
  found_.log.lost_from = lost_.from;
  found_.log.left = std::max(found_.log.left, lost_.end);
  found_.snapshot.received = true;
  if (lost_.from > bounds_.first_index) {
    bounds_.last_index = std::min(bounds_.last_index, lost_.from - 1);
  } else {  // nothing is left
    bounds_ = {};
    meta_.base = {};
  }
}

// An entry cannot even be described, and so neither can what lies behind it. Of which term the last one is
// shows in raft/log, which is never older than the log.
void Recovery::met_damage(Index from, const Error& error) {
  const bool some_left = from > bounds_.first_index || from == 1;
  if (error.code != Code::kCorrupt || lost_.from != 0 || !some_left || sole_voter())
    return finish_recovery(std::unexpected(error));
  const Term last = meta_.terms.empty() ? found_.hard_state.term : meta_.terms.back().term;
  run(store_, loads_, group_, self_, initial_, {from, {last, bounds_.last_index}},
      std::exchange(done_, nullptr));
}

// All that is on disk is committed then, because there is nobody else to ask.
bool Recovery::sole_voter() const {
  if (lost_.from != 0) return false;
  const ConfigEntry& saved = found_.snapshot.config;
  const bool in_log = !meta_.configs.empty() && meta_.configs.back().index >= saved.index;
  if (!in_log && !saved.members.voters.empty()) return saved.members.sole_voter(self_);
  const Membership& last = meta_.configs.empty() ? initial_ : meta_.configs.back().members;
  return last.sole_voter(self_);
}

void Recovery::read_headers() {
  std::erase_if(meta_.configs, [&](const ConfigEntry& config) { return config.index > bounds_.last_index; });
  commit_ = sole_voter() ? bounds_.last_index : std::max(commit_, found_.snapshot.index);
  commit_ = std::clamp(commit_, bounds_.first_index - 1, bounds_.last_index);
  StoredLog& log = found_.log;
  log.first_index = std::max<Index>(bounds_.first_index, 1);
  log.before_index = log.first_index - 1;
  log.commit = commit_;
  log.applied = std::max(found_.snapshot.index, log.first_index - 1);
  found_.log_start = std::max(meta_.log_start, found_.snapshot.log_start);
  // What may still be truncated must be known entry by entry, and the last one that cannot.
  const Index from = std::max(commit_, bounds_.first_index);
  for (const TermStart& start : meta_.terms)
    if (start.first_index < from) log.terms.push_back(start);
  keep_configs(from);
  read_page(from);
}

void Recovery::read_page(Index from) {
  chr_storage_read args{};
  args.headers_only = 1;
  args.group = group_;
  args.from = from;
  args.to = bounds_.last_index + 1;
  args.max_entries = kHeadersAtOnce;
  read(args, [self = shared_from_this(), from](Result<StoredEntries> headers) {
    if (!headers) return self->met_damage(from, headers.error());
    for (uint32_t i = 0; i < headers->n; ++i)
      if (const Status status = self->add_header(EntryHeader(headers->entries[i].header)); !status)
        return self->finish_recovery(status);
    if (headers->n == 0 || self->last_header_ >= self->bounds_.last_index) return self->read_configs();
    headers->lease = Lease();
    self->read_page(self->last_header_ + 1);
  });
}

Status Recovery::check() const {
  if (found_.snapshot.index > bounds_.last_index && !found_.snapshot.received)
    return fail(Code::kCorrupt, "the snapshot reaches up to index " + std::to_string(found_.snapshot.index) +
                                    ", but the log ends at " + std::to_string(bounds_.last_index));
  if (bounds_.first_index > found_.snapshot.index + 1)
    return fail(Code::kCorrupt, "the log starts at index " + std::to_string(bounds_.first_index) +
                                    ", but the snapshot ends at " + std::to_string(found_.snapshot.index));
  return {};
}

// Nothing was ever written, or nothing came yet after a snapshot of another node.
void Recovery::build_empty_log() {
  StoredLog& log = found_.log;
  log.first_index = meta_.base.index + 1;
  log.commit = log.before_index = meta_.base.index;
  log.before_end_offset = meta_.base.offset;
  log.applied = std::max(found_.snapshot.index, meta_.base.index);
  log.terms = meta_.terms;
  std::erase_if(log.terms, [&](const TermStart& start) { return start.first_index > meta_.base.index; });
  found_.log_start = std::max(meta_.log_start, found_.snapshot.log_start);
  std::erase_if(meta_.configs, [&](const ConfigEntry& config) { return config.index > meta_.base.index; });
  keep_configs(log.first_index);
  read_configs();
}

Status Recovery::add_header(const EntryHeader& header) {
  StoredLog& log = found_.log;
  if (log.terms.empty() || log.terms.back().term < header.term)
    log.terms.push_back({header.term, header.index, header.base_offset});
  if (last_header_ == 0) {
    log.before_end_offset = header.base_offset;
  } else if (header.index != last_header_ + 1) {
    return fail(Code::kCorrupt, "entry " + std::to_string(header.index - 1) + " of the log is missing");
  }
  last_header_ = header.index;
  if (header.kind == CHR_ENTRY_CONFIG) find_config(header);
  if (header.index == commit_) {
    log.before_index = commit_;
    log.before_end_offset = header.end_offset();
    log.before_max_timestamp = header.log_max_timestamp;
    return {};
  }
  Entry entry;
  entry.header = header;
  log.entries.push_back(std::move(entry));
  return {};
}

void Recovery::keep_configs(Index before) {
  for (const ConfigEntry& config : meta_.configs)
    if (config.index < before || config.index == 0) found_.log.configs.push_back(config);
}

// What raft/log says of configurations can be newer than the log where a write behind it was lost.
void Recovery::find_config(const EntryHeader& header) {
  const auto known = std::find_if(meta_.configs.begin(), meta_.configs.end(), [&](const ConfigEntry& config) {
    return config.index == header.index && config.term == header.term;
  });
  if (known == meta_.configs.end()) {
    unread_configs_.push_back(header.index);
  } else {
    found_.log.configs.push_back(*known);
  }
}

void Recovery::read_configs() {
  if (unread_configs_.empty()) {
    std::vector<ConfigEntry>& configs = found_.log.configs;
    std::sort(configs.begin(), configs.end(),
              [](const ConfigEntry& a, const ConfigEntry& b) { return a.index < b.index; });
    // What the snapshot says is committed: nothing before it counts, and the log may not reach that far yet.
    const ConfigEntry& saved = found_.snapshot.config;
    if (saved.members.voters.empty()) return finish_recovery({});
    std::erase_if(configs, [&](const ConfigEntry& config) { return config.index <= saved.index; });
    configs.insert(configs.begin(), saved);
    return finish_recovery({});
  }
  chr_storage_read args{};
  args.group = group_;
  args.from = unread_configs_.back();
  args.max_entries = 1;
  unread_configs_.pop_back();
  read(args, [self = shared_from_this(), from = args.from](Result<StoredEntries> read) {
    if (!read) return self->met_damage(from, read.error());
    if (read->n == 0)
      return self->finish_recovery(fail(Code::kCorrupt, "an entry with the members is missing"));
    const chr_entry& entry = read->entries[0];
    ConfigEntry config{entry.header.index, entry.header.term, {}};
    if (!decode_members({reinterpret_cast<const char*>(entry.payload.p), entry.payload.n}, &config.members))
      return self->finish_recovery(
          fail(Code::kCorrupt, "entry " + std::to_string(config.index) + " names no members"));
    self->found_.log.configs.push_back(std::move(config));
    self->read_configs();
  });
}

void Recovery::finish_recovery(const Status& status) {
  const Done done = std::exchange(done_, nullptr);
  found_.base = meta_.base;
  if (!status && status.error().code == Code::kOverloaded && !loads_.is_wanted())
    return done(fail(Code::kCancelled, "nobody wants it any more"));
  if (!status) return done(std::unexpected(status.error()));
  done(std::move(found_));
}

}  // namespace chronik::raft
