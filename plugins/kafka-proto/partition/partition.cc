#include "kafka-proto/partition/partition.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chronik/plugin.hpp>

#include "kafka-proto/partition/command.h"
#include "kafka-proto/partition/status.h"

namespace chronik::kafka {
namespace {

std::string hex(const chr_uuid& id) {
  std::string out;
  for (const uint8_t byte : id.b) out += fmt::format("{:02x}", byte);
  return out;
}

constexpr size_t kHexId = 2 * sizeof(chr_uuid);

uint32_t majority(const chr_group_bounds& bounds) { return bounds.n_voters / 2 + 1; }

Bytes payload_of(const chr_entry& entry) { return Bytes(entry.payload.p, entry.payload.n); }

}  // namespace

Partition::Partition(const PartitionContext& broker, Id id, Members members,
                     std::shared_ptr<const TopicConfig> config)
    : broker_(broker),
      id_(std::move(id)),
      group_name_(fmt::format("{}.{}", hex(id_.topic), id_.index)),
      label_(fmt::format("{}/{}", id_.topic_name, id_.index)),
      shard_(broker.consensus.table->shard_of(broker.consensus.self, to_abi(group_name_))) {
  set_config(std::move(config));
  set_members(std::move(members));
}

Partition::~Partition() = default;

std::optional<chr_uuid> Partition::topic_of_group(std::string_view group) {
  if (group.size() < kHexId + 2 || group[kHexId] != '.') return std::nullopt;
  chr_uuid topic{};
  for (size_t i = 0; i < sizeof topic.b; ++i) {
    const char* const digits = group.data() + 2 * i;
    if (std::from_chars(digits, digits + 2, topic.b[i], 16).ptr != digits + 2) return std::nullopt;
  }
  return topic;
}

const chr_state_machine_v1& Partition::machine() {
  static constexpr chr_state_machine_v1 kTable = {sizeof(chr_state_machine_v1), 1,
                                                  thunk<&Partition::apply>,     thunk<&Partition::role>,
                                                  thunk<&Partition::committed>, thunk<&Partition::truncated>,
                                                  thunk<&Partition::trimmed>,   thunk<&Partition::save>,
                                                  thunk<&Partition::load>};
  return kTable;
}

void Partition::open(const std::function<void(const Status&)>& done) {
  life_ = Life::kOpening;
  chr_group_options options{};
  options.struct_size = sizeof options;
  options.id.topic = id_.topic;
  options.id.partition = id_.index;
  options.id.name = to_abi(group_name_);
  options.id.label = to_abi(label_);
  // Whoever is not among the replicas yet joins a group that they have.
  const std::shared_ptr<const Members> members = this->members();
  const bool joins = std::ranges::find(members->replicas, broker_.host.node().id) == members->replicas.end();
  options.voters = members->replicas.data();
  options.n_voters = joins ? 0 : static_cast<uint32_t>(members->replicas.size());
  chr_error error = make_abi_error();
  const auto finish = [self = shared_from_this(), done](chr_status code, std::string message) {
    done(code == CHR_OK ? Status() : fail(static_cast<Code>(code), std::move(message)));
    self->opened(code);
  };
  const chr_status status = broker_.host.async(
      [&](uint64_t token) {
        return broker_.consensus.table->open_group(broker_.consensus.self, &options, &machine(), this,
                                                   &group_, token, &error);
      },
      [finish](const chr_done& d) { finish(d.code, std::string(from_abi(d.message))); });
  if (status != CHR_PENDING) finish(status, error.message);
}

void Partition::opened(chr_status code) {
  life_ = Life::kOpen;
  if (code != CHR_OK) group_ = nullptr;
  if (close_later_ != nullptr) std::exchange(close_later_, nullptr)();
}

void Partition::close(Log log, std::function<void()> done) {
  if (life_ == Life::kOpening) {
    close_later_ = [self = shared_from_this(), log, done = std::move(done)] { self->close(log, done); };
    return;
  }
  never_opened_ = life_ == Life::kNew;
  life_ = log == Log::kStays ? Life::kClosing : Life::kClosed;
  if (std::exchange(leader_, false)) set_known_leader(-1);
  metrics_.reset();
  look_at_replicas();
  fail_waits();
  end_hand_overs();
  if (knows_leader() || log != Log::kStays) tell_refused();
  close_group(log, [self = shared_from_this(), log, done = std::move(done)] {
    self->life_ = Life::kClosed;
    self->tell_refused();
    log == Log::kDeleted ? self->remove_group(done) : done();
  });
}

void Partition::close_group(Log log, const std::function<void()>& done) {
  constexpr uint32_t kHow[] = {CHR_CLOSE_SNAPSHOT, CHR_CLOSE_LEAVE, CHR_CLOSE_PLAIN};
  chr_group* const group = std::exchange(group_, nullptr);
  if (group == nullptr) return done();
  const chr_status status = broker_.host.async(
      [&](uint64_t token) {
        return broker_.consensus.table->close_group(group, kHow[static_cast<size_t>(log)], token, nullptr);
      },
      [done](const chr_done&) { done(); });
  if (status != CHR_PENDING) done();
}

void Partition::remove_group(const std::function<void()>& done) {
  const chr_status status = broker_.host.async(
      [&](uint64_t token) {
        return broker_.consensus.table->delete_group(broker_.consensus.self, to_abi(group_name_), token,
                                                     nullptr);
      },
      [self = shared_from_this(), done](const chr_done& d) {
        if (d.code != CHR_OK)
          self->broker_.host.error(
              fmt::format("cannot delete the log of partition {}: {}", self->label_, from_abi(d.message)));
        done();
      });
  if (status != CHR_PENDING) done();
}

ErrorCode Partition::leads(int32_t current_epoch) const {
  if (group_ == nullptr) return ErrorCode::kNotLeaderOrFollower;
  const auto epoch = static_cast<int32_t>(term_);
  if (current_epoch != -1 && current_epoch < epoch) return ErrorCode::kFencedLeaderEpoch;
  if (current_epoch != -1 && current_epoch > epoch) return ErrorCode::kUnknownLeaderEpoch;
  return leader_ ? ErrorCode::kNone : ErrorCode::kNotLeaderOrFollower;
}

LeaderHint Partition::leader_hint() const {
  if (!knows_leader()) return {};
  return {broker_.is_up(known_leader_) ? known_leader_ : -1, static_cast<int32_t>(term_)};
}

chr_group_bounds Partition::bounds() const {
  chr_group_bounds out{};
  out.struct_size = sizeof out;
  out.leader = -1;
  if (group_ != nullptr) broker_.consensus.table->bounds(group_, &out);
  return out;
}

void Partition::append(const AdmittedBatch& batch, const Lease& frame, int16_t acks,
                       std::function<void(Appended)> done) {
  if (early_.empty()) return admit(batch, frame, acks, std::move(done));
  early_.push_back({std::move(done), {}, [this, &batch, &frame, acks](std::function<void(Appended)> later) {
                      admit(batch, frame, acks, std::move(later));
                    }});
}

void Partition::admit(const AdmittedBatch& batch, const Lease& frame, int16_t acks,
                      std::function<void(Appended)> done) {
  Appended out;
  out.error = leads(-1);
  if (out.error != ErrorCode::kNone) return refuse(batch, frame, acks, {std::move(done), std::move(out)});
  if (acks == -1 && !has_enough_in_sync()) {
    out.error = ErrorCode::kNotEnoughReplicas;
    return done(std::move(out));
  }
  out.log_start = bounds().log_start;
  const auto checked = producers_.check(batch.header);
  if (!checked) {
    out.error = checked.error().error;
    out.message = checked.error().message;
    if (out.error == ErrorCode::kOutOfOrderSequenceNumber)
      out.error = why_out_of_order(batch.header, checked.error().ahead);
    return done(std::move(out));
  }
  if (!checked->has_value()) return propose(batch, frame, acks, std::move(done));
  const ProducerStates::Duplicate& original = **checked;
  out.base_offset = original.base_offset;
  out.log_append_time_ms = original.max_timestamp;  // of a repeat Kafka says it whatever the timestamps are
  Duplicate duplicate{std::make_shared<Append>(std::move(done), std::move(out)),
                      original.base_offset + batch.header.last_offset_delta + 1, acks};
  // mutant duplicate-not-awaited: return finish_duplicate(std::move(duplicate));
  if (original.index == 0) return finish_duplicate(std::move(duplicate));
  duplicates_.emplace(original.index, std::move(duplicate));
}

// The original is committed. Where acks=all asks for more, a repeat is no safer than it was.
void Partition::finish_duplicate(Duplicate duplicate) {
  const bool wants_more = duplicate.acks == -1 && copies_wanted(bounds().n_voters) > majority(bounds());
  if (!wants_more) return duplicate.append->finish();
  short_of_copies_.push_back({0, duplicate.end, std::move(duplicate.append)});
  settle_short_of_copies(find_replicas());
}

void Partition::propose(const AdmittedBatch& batch, const Lease& frame, int16_t acks,
                        std::function<void(Appended)> done) {
  chr_proposal item{};
  item.kind = CHR_ENTRY_DATA;
  item.flags = CHR_PROPOSAL_WRITABLE;
  item.records = static_cast<uint32_t>(batch.header.last_offset_delta + 1);
  item.offset_at = kBaseOffsetAt;
  item.epoch_at = kLeaderEpochAt;
  item.max_timestamp = batch.header.max_timestamp;
  item.payload = {batch.bytes.data(), batch.bytes.size(), frame.get()};

  const chr_group_bounds now = bounds();
  const uint32_t copies = copies_wanted(now.n_voters);
  const bool wants_more = copies > majority(now);
  uint32_t until = wants_more ? CHR_UNTIL_COPIES + copies : static_cast<uint32_t>(CHR_UNTIL_COMMITTED);
  if (acks == 0) until = CHR_UNTIL_PLACED;
  if (acks == 1) until = CHR_UNTIL_DURABLE;
  chr_placed placed{};
  chr_error error = make_abi_error();
  const auto append = std::make_shared<Append>(std::move(done));
  append->answer.log_append_time_ms = batch.log_append_time_ms;
  append->answer.log_start = now.log_start;
  const chr_status status = broker_.host.async(
      [&](uint64_t token) {
        return broker_.consensus.table->propose(group_, term_, &item, 1, until, &placed, token, &error);
      },
      [append, self = shared_from_this()](const chr_done& d) {
        if (append->done == nullptr) return;
        if (d.code != CHR_OK) {
          append->answer.error = append_error(d.code);
          append->answer.base_offset = -1;
        }
        self->answer(std::exchange(append->done, nullptr), std::move(append->answer));
      });
  if (status != CHR_PENDING && status != CHR_OK) {
    append->answer.error = append_error(status);
    append->answer.message = error.message;
    remember_refusal(batch.header, append->answer.error);
    return answer(std::exchange(append->done, nullptr), std::move(append->answer));
  }
  if (!refusals_.empty()) refusals_.erase(batch.header.producer_id);
  append->answer.base_offset = placed.base_offset;
  if (acks == -1 && wants_more)
    short_of_copies_.push_back({placed.index, placed.base_offset + item.records, append});
  producers_.placed(placed.index, placed.base_offset, batch.header);
  appended_bytes_ += batch.bytes.size();
  appended_since_upkeep_ += batch.bytes.size();
  if (appended_since_upkeep_ >= kUpkeepBytes) {
    appended_since_upkeep_ = 0;
    broker_.host.post(shard_, [self = shared_from_this()] { self->upkeep(); });
  }
  if (status == CHR_OK) append->finish();
}

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
  if (group_ == nullptr) return reading->finish(CHR_E_NOT_LEADER);
  chr_group_read args{};
  args.struct_size = sizeof args;
  args.bound = CHR_BOUND_COMMITTED;
  args.offset = offset;
  args.max_bytes = max_bytes;
  const chr_status status = broker_.host.async(
      [&](uint64_t token) {
        return broker_.consensus.table->read(group_, &args, &reading->entries, token, nullptr);
      },
      [reading](const chr_done& d) { reading->finish(d.code); });
  if (status != CHR_PENDING) reading->finish(status);
}

void Partition::wait(int64_t seen_high_watermark, std::shared_ptr<FetchWait> wait) {
  if (group_ == nullptr || !leader_ || high_watermark_ > seen_high_watermark) return wait->fire();
  if (waiters_.size() >= 64 && waiters_.size() == waiters_.capacity())
    std::erase_if(waiters_, [](const auto& w) { return w->over(); });
  waiters_.push_back(std::move(wait));
}

void Partition::wake_waiters() {
  for (const std::shared_ptr<FetchWait>& wait : std::exchange(waiters_, {})) wait->fire();
}

void Partition::settle_duplicates(uint64_t up_to_index) {
  while (!duplicates_.empty() && duplicates_.begin()->first <= up_to_index) {
    auto node = duplicates_.extract(duplicates_.begin());
    finish_duplicate(std::move(node.mapped()));
  }
}

chr_status Partition::apply(const chr_entry* entries, uint32_t n, uint64_t) {
  for (uint32_t i = 0; i < n; ++i) {
    const chr_entry_header& header = entries[i].header;
    if (header.kind == CHR_ENTRY_COMMAND) {
      const Result<ExpireProducers> command = ExpireProducers::decode(payload_of(entries[i]));
      if (!command) {
        broker_.host.error(command.error().message,
                           fmt::format("partition={} index={}", label_, header.index));
        return CHR_E_CORRUPT;
      }
      producers_.expire(command->now_ms, command->expiration_ms);
      continue;
    }
    const Result<BatchHeader> batch = decode_batch_header(payload_of(entries[i]));
    if (!batch) {
      broker_.host.error(batch.error().message, fmt::format("partition={} index={}", label_, header.index));
      return CHR_E_CORRUPT;
    }
    producers_.applied(header.index, header.base_offset, *batch);
  }
  if (!duplicates_.empty() && n != 0) settle_duplicates(entries[n - 1].header.index);
  return CHR_OK;
}

void Partition::role(const chr_role* role) {
  const bool leads_now = role->role == CHR_ROLE_LEADER;
  if (life_ == Life::kClosed) return;
  const bool lost = leader_ && (!leads_now || role->term != term_);
  leader_ = leads_now && life_ != Life::kClosing;
  term_ = role->term;
  set_known_leader(leads_now && !leader_ ? -1 : role->leader);
  if (leads_now) leading_since_ns_ = broker_.host.now_ns();
  strays_since_ns_ = 0;
  look_at_replicas();
  pursue();
  if (lost) fail_waits();
  if (knows_leader()) {
    tell_refused();
  } else if (!waiters_.empty()) {
    end_moment_later();
  }
  end_hand_overs();
}

void Partition::committed(uint64_t index, int64_t offset) {
  commit_index_ = index;
  if (!short_of_copies_.empty()) settle_short_of_copies(find_replicas());
  if (offset <= high_watermark_) return;
  high_watermark_ = offset;
  wake_waiters();
}

void Partition::truncated(uint64_t index, int64_t) {
  producers_.truncated(index);
  fail_waits();
}

void Partition::trimmed(int64_t) { wake_waiters(); }

chr_status Partition::save(const chr_sink* sink) {
  std::vector<uint8_t> bytes;
  // mutant dedup-not-in-snapshot: ProducerStates().save(bytes);
  producers_.save(bytes);
  return sink->write(sink->context, bytes.data(), bytes.size()) != 0 ? CHR_OK : CHR_E_FAILED;
}

chr_status Partition::load(const chr_slice* pieces, uint32_t n, chr_error* error) {
  std::vector<uint8_t> bytes;
  for (uint32_t i = 0; i < n; ++i) bytes.insert(bytes.end(), pieces[i].p, pieces[i].p + pieces[i].n);
  Result<ProducerStates> loaded = ProducerStates::load(bytes);
  if (!loaded) return report(error, loaded.error());
  producers_ = std::move(*loaded);
  return CHR_OK;
}

std::pair<int32_t, int64_t> Partition::epoch_end(int32_t epoch) const {
  constexpr std::pair<int32_t, int64_t> kUnknown = {-1, -1};
  if (group_ == nullptr || epoch < 0 || static_cast<uint64_t>(epoch) > term_) return kUnknown;
  uint64_t found = 0;
  int64_t end = -1;
  if (broker_.consensus.table->epoch_end(group_, static_cast<uint64_t>(epoch), &found, &end) == CHR_OK)
    return {static_cast<int32_t>(found), end};
  // Older than all that is left: the log starts after it.
  return {epoch, bounds().log_start};
}

}  // namespace chronik::kafka
