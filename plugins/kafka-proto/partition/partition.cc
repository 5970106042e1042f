#include "kafka-proto/partition/partition.h"

#include <fmt/format.h>

#include <chronik/plugin.hpp>

#include "kafka-proto/partition/command.h"
#include "kafka-proto/partition/status.h"

namespace chronik::kafka {
namespace {

Bytes payload_of(const chr_entry& entry) { return Bytes(entry.payload.p, entry.payload.n); }

// Of a closed one, some in each turn; then done().
void release_states(const Host& host, const std::shared_ptr<Partition>& partition,
                    const std::function<void()>& done) {
  if (!partition->observers().release_part()) return done();
  host.post(partition->shard(), [&host, partition, done] { release_states(host, partition, done); });
}

}  // namespace

Partition::Partition(const PartitionContext& context, Id id, Members members,
                     std::shared_ptr<const TopicConfig> config)
    : context_(context),
      info_(std::move(id), std::move(members), std::move(config)),
      replica_(context, info_),
      polls_(replica_),
      held_(replica_, polls_),
      in_sync_(replica_),
      dedup_(replica_),
      stream_(context, observers_),
      appends_(replica_, held_, in_sync_, dedup_, [this](size_t bytes) { batch_placed(bytes); }),
      retention_(replica_),
      deletion_(replica_),
      offsets_(replica_),
      reassignment_(replica_),
      transfers_(replica_) {
  observers_.add_observer({std::shared_ptr<void>(), &dedup_});  // a part of this: it is not owned twice
}

Partition::~Partition() = default;

// ---- life ----

const chr_state_machine_v1& Partition::machine() {
  static constexpr chr_state_machine_v1 kTable = {sizeof(chr_state_machine_v1), 1,
                                                  thunk<&Partition::apply>,     thunk<&Partition::role>,
                                                  thunk<&Partition::committed>, thunk<&Partition::truncated>,
                                                  thunk<&Partition::trimmed>,   thunk<&Partition::save>,
                                                  thunk<&Partition::load>};
  return kTable;
}

void Partition::open(const std::function<void(const Status&)>& done) {
  stream_.attach(to_abi(group_name()));
  replica_.open(machine(), this, shared_from_this(), done);
}

void Partition::close(Log log, std::function<void()> done) {
  const auto self = shared_from_this();
  const bool led = replica_.leads();
  if (!replica_.begin_close(log, [self, log, done] { self->close(log, done); })) return;
  if (led) observers_.lost();
  traffic_.hide();
  look_at_replicas();
  appends_.fail_waits();
  transfers_.finish_known();
  if (replica_.knows_leader() || log != Log::kStays) held_.end_moment();
  replica_.close_group(log, [self, log, done = std::move(done)] {
    self->held_.end_moment();
    const auto end = [self, done] { release_states(self->context_.host, self, done); };
    log == Log::kDeleted ? self->replica_.delete_log(end) : end();
  });
}

void Partition::upkeep() {
  appended_since_upkeep_ = 0;
  traffic_.report(replica_);
  if (!replica_.is_open()) return;
  observers_.stand_for_log() ? retention_.trim_to_snapshot() : retention_.retain();
  if (!replica_.leads()) return;
  look_at_replicas();
  reassign();
  dedup_.propose_expiry();
}

void Partition::batch_placed(size_t bytes) {
  traffic_.count_appended(bytes);
  appended_since_upkeep_ += bytes;
  if (appended_since_upkeep_ < kUpkeepBytes) return;
  appended_since_upkeep_ = 0;
  context_.host.post(shard(), [self = shared_from_this()] { self->upkeep(); });
}

void Partition::look_at_replicas() {
  const std::optional<InSyncReplicas::State> now = in_sync_.report_changes();
  if (now.has_value() && appends_.waits_for_copies()) appends_.finish_copied(*now);
}

void Partition::reassign() {
  if (!reassignment_.begin()) return;
  look_at_replicas();  // those that come are throttled from their first byte
  reassignment_.change_members([self = shared_from_this()](const std::vector<int32_t>& now) {
    self->context_.members_changed(self, now);
  });
}

// ---- what consensus tells ----

chr_status Partition::apply(const chr_entry* entries, uint32_t n, uint64_t) {
  for (uint32_t i = 0; i < n; ++i) {
    const chr_entry_header& header = entries[i].header;
    const auto corrupt = [&](const Error& error) {
      context_.host.error(error.message, fmt::format("partition={} index={}", label(), header.index));
      return CHR_E_CORRUPT;
    };
    if (header.kind == CHR_ENTRY_COMMAND) {
      const Result<ExpireProducers> command = ExpireProducers::decode(payload_of(entries[i]));
      if (!command) return corrupt(command.error());
      dedup_.expire(*command);
      continue;
    }
    const Result<BatchHeader> batch = decode_batch_header(payload_of(entries[i]));
    if (!batch) return corrupt(batch.error());
    if (const Status told = observers_.applied(entries[i], *batch); !told) return corrupt(told.error());
  }
  if (n != 0) appends_.finish_repeats(entries[n - 1].header.index);
  return CHR_OK;
}

void Partition::role(const chr_role* role) {
  const Replica::RoleChange change = replica_.change_role(*role);
  if (!change.heard) return;
  if (change.lost) observers_.lost();
  if (change.led) observers_.led(role->term);
  reassignment_.role_changed();
  look_at_replicas();
  reassign();
  if (change.lost) appends_.fail_waits();
  if (replica_.knows_leader()) {
    held_.end_moment();
  } else if (!polls_.empty()) {
    held_.end_moment_later();
  }
  transfers_.finish_known();
}

void Partition::committed(uint64_t index, int64_t offset) {
  replica_.set_commit_index(index);
  // By the high watermark of before: who has all below it is in sync, as long as nobody could read further.
  if (appends_.waits_for_copies()) appends_.finish_copied(in_sync_.find());
  if (replica_.raise_high_watermark(offset)) polls_.wake();
}

void Partition::truncated(uint64_t index, int64_t) {
  observers_.truncated(index);
  appends_.fail_waits();
}

void Partition::trimmed(int64_t offset) {
  observers_.trimmed(offset);
  polls_.wake();
}

chr_status Partition::save(const chr_sink* sink) {
  const std::vector<uint8_t> bytes = observers_.save(context_.level());
  return sink->write(sink->context, bytes.data(), bytes.size()) != 0 ? CHR_OK : CHR_E_FAILED;
}

chr_status Partition::load(const chr_slice* pieces, uint32_t n, chr_error* error) {
  std::vector<uint8_t> bytes;
  for (uint32_t i = 0; i < n; ++i) bytes.insert(bytes.end(), pieces[i].p, pieces[i].p + pieces[i].n);
  const Status loaded = observers_.load(bytes);
  return loaded ? CHR_OK : report(error, loaded.error());
}

// ---- what a coordinator appends ----

// acks=all of it is a majority, and that as many replicas as min.insync.replicas says are in sync now:
// whether more of them will have it cannot be waited for, as it is applied, and so has happened, once
// it is committed.
std::expected<uint64_t, ErrorCode> Partition::append_own(MutableBytes batch, const Lease& lease) {
  if (const ErrorCode error = leads(-1); error != ErrorCode::kNone) return std::unexpected(error);
  if (!in_sync_.enough()) return std::unexpected(ErrorCode::kNotEnoughReplicas);
  const uint8_t* const header = batch.data();
  chr_proposal item{};
  item.kind = CHR_ENTRY_DATA;
  item.flags = CHR_PROPOSAL_WRITABLE;
  item.records = static_cast<uint32_t>(load_be<int32_t>(header + kLastOffsetDeltaAt) + 1);
  item.offset_at = kBaseOffsetAt;
  item.epoch_at = kLeaderEpochAt;
  item.max_timestamp = load_be<int64_t>(header + kMaxTimestampAt);
  item.payload = {header, batch.size(), lease.get()};
  chr_placed placed{};
  const chr_status status = replica_.propose(item, CHR_UNTIL_PLACED, &placed, nullptr, [](chr_status) {});
  if (status != CHR_OK) return std::unexpected(append_error(status));
  batch_placed(batch.size());
  return placed.index;
}

// ---- reads ----

void Partition::read(int64_t offset, uint64_t max_bytes, std::function<void(ReadResult)> done) {
  struct Reading {
    chr_entries entries{};
    std::function<void(ReadResult)> done;
    void finish(chr_status code) {
      ReadResult out;
      out.error = read_error(code);
      out.lease = Lease::adopt(code == CHR_OK ? entries.lease : nullptr);
      for (uint32_t i = 0; code == CHR_OK && i < entries.n; ++i) {
        const chr_slice& payload = entries.entries[i].payload;
        out.runs.push_back({payload.p, payload.n, entries.lease});
        out.bytes += payload.n;
      }
      done(std::move(out));
    }
  };
  const auto reading = std::make_shared<Reading>();
  reading->entries.struct_size = sizeof(chr_entries);
  reading->done = std::move(done);
  if (!replica_.is_open()) return reading->finish(CHR_E_NOT_LEADER);
  chr_group_read args{};
  args.struct_size = sizeof args;
  args.bound = CHR_BOUND_COMMITTED;
  args.offset = offset;
  args.max_bytes = max_bytes;
  replica_.read(args, &reading->entries,
                [reading](chr_status code, std::string_view) { reading->finish(code); });
}

}  // namespace chronik::kafka
