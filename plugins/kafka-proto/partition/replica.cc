#include "kafka-proto/partition/replica.h"

#include <fmt/format.h>

#include <algorithm>

namespace chronik::kafka {

Replica::Replica(const PartitionContext& context, const PartitionInfo& info)
    : context_(context),
      info_(info),
      shard_(context.consensus->shard_of(context.consensus_self, to_abi(info.group_name()))) {}

// ---- life ----

void Replica::open(const chr_state_machine_v1& machine, void* machine_context,
                   const std::shared_ptr<void>& owner, const std::function<void(const Status&)>& done) {
  life_ = Life::kOpening;
  owner_ = owner;
  chr_group_options options{};
  options.struct_size = sizeof options;
  options.id.topic = info_.id().topic;
  options.id.partition = info_.id().index;
  options.id.name = to_abi(info_.group_name());
  options.id.label = to_abi(info_.label());
  // Whoever is not among the replicas yet joins a group that they have.
  const std::shared_ptr<const PartitionMembers> members = info_.members();
  const bool joins = std::ranges::find(members->replicas, context_.host.node().id) == members->replicas.end();
  options.voters = members->replicas.data();
  options.n_voters = joins ? 0 : static_cast<uint32_t>(members->replicas.size());
  ask(
      [&](uint64_t token, chr_error* error) {
        return context_.consensus->open_group(context_.consensus_self, &options, &machine, machine_context,
                                              &group_, token, error);
      },
      [this, done](chr_status code, std::string_view message) {
        done(code == CHR_OK ? Status() : fail(static_cast<Code>(code), std::string(message)));
        opened(code);
      });
}

void Replica::opened(chr_status code) {
  life_ = Life::kOpen;
  if (code != CHR_OK) group_ = nullptr;
  if (close_later_ != nullptr) std::exchange(close_later_, nullptr)();
}

bool Replica::begin_close(Log log, std::function<void()> again) {
  if (life_ == Life::kOpening) {
    close_later_ = std::move(again);
    return false;
  }
  never_opened_ = life_ == Life::kNew;
  life_ = log == Log::kStays ? Life::kClosing : Life::kClosed;
  if (std::exchange(leader_, false)) set_known_leader(-1);
  return true;
}

void Replica::close_group(Log log, const std::function<void()>& closed) {
  constexpr uint32_t kHow[] = {CHR_CLOSE_SNAPSHOT, CHR_CLOSE_LEAVE, CHR_CLOSE_PLAIN};
  const auto finish = [this, closed](chr_status, std::string_view) {
    life_ = Life::kClosed;
    closed();
  };
  chr_group* const group = std::exchange(group_, nullptr);
  if (group == nullptr) return finish(CHR_OK, {});
  ask(
      [&](uint64_t token, chr_error*) {
        return context_.consensus->close_group(group, kHow[static_cast<size_t>(log)], token, nullptr);
      },
      finish);
}

void Replica::delete_log(const std::function<void()>& done) {
  ask(
      [&](uint64_t token, chr_error*) {
        return context_.consensus->delete_group(context_.consensus_self, to_abi(info_.group_name()), token,
                                                nullptr);
      },
      [this, done](chr_status code, std::string_view message) {
        if (code != CHR_OK)
          context_.host.error(
              fmt::format("cannot delete the log of partition {}: {}", info_.label(), message));
        done();
      });
}

// ---- who leads ----

Replica::RoleChange Replica::change_role(const chr_role& role) {
  const bool leads_now = role.role == CHR_ROLE_LEADER;
  if (life_ == Life::kClosed) return {};
  RoleChange change{.heard = true, .lost = leader_ && (!leads_now || role.term != term_)};
  const bool led = leader_ && !change.lost;
  leader_ = leads_now && life_ != Life::kClosing;
  term_ = role.term;
  set_known_leader(leads_now && !leader_ ? -1 : role.leader);
  if (leads_now) leading_since_ns_ = context_.host.now_ns();
  change.led = leader_ && !led;
  return change;
}

void Replica::set_known_leader(int32_t leader) {
  if (leader < 0 && knows_leader()) leaderless_since_ns_ = context_.host.now_ns();
  known_leader_ = leader;
}

bool Replica::leadership_moves() const {
  if (life_ == Life::kClosed) return false;
  return knows_leader() ? known_leader_ == context_.host.node().id
                        : context_.host.now_ns() < leaderless_since_ns_ + kMomentNs;
}

ErrorCode Replica::check_leader(int32_t current_epoch) const {
  if (group_ == nullptr) return ErrorCode::kNotLeaderOrFollower;
  const auto epoch = static_cast<int32_t>(term_);
  if (current_epoch != -1 && current_epoch < epoch) return ErrorCode::kFencedLeaderEpoch;
  if (current_epoch != -1 && current_epoch > epoch) return ErrorCode::kUnknownLeaderEpoch;
  return leader_ ? ErrorCode::kNone : ErrorCode::kNotLeaderOrFollower;
}

LeaderHint Replica::leader_hint() const {
  if (!knows_leader()) return {.moves = leadership_moves()};
  return {context_.is_up(known_leader_) ? known_leader_ : -1, static_cast<int32_t>(term_)};
}

// ---- the log ----

bool Replica::raise_high_watermark(int64_t offset) {
  if (offset <= high_watermark_) return false;
  high_watermark_ = offset;
  return true;
}

chr_group_bounds Replica::bounds() const {
  chr_group_bounds out{};
  out.struct_size = sizeof out;
  out.leader = -1;
  if (group_ != nullptr) context_.consensus->bounds(group_, &out);
  return out;
}

bool Replica::status(chr_group_status* out) const {
  return group_ != nullptr && context_.consensus->status(group_, out) == CHR_OK;
}

std::pair<int32_t, int64_t> Replica::epoch_end(int32_t epoch) const {
  constexpr std::pair<int32_t, int64_t> kUnknown = {-1, -1};
  if (group_ == nullptr || epoch < 0 || static_cast<uint64_t>(epoch) > term_) return kUnknown;
  uint64_t found = 0;
  int64_t end = -1;
  if (context_.consensus->epoch_end(group_, static_cast<uint64_t>(epoch), &found, &end) == CHR_OK)
    return {static_cast<int32_t>(found), end};
  // Older than all that is left: the log starts after it.
  return {epoch, bounds().log_start};
}

// ---- calls ----

void Replica::propose_command(chr_slice payload) {
  chr_proposal item{};
  item.kind = CHR_ENTRY_COMMAND;
  item.offset_at = -1;
  item.epoch_at = -1;
  item.max_timestamp = -1;
  item.payload = payload;
  chr_placed placed{};
  context_.consensus->propose(group_, 0, &item, 1, CHR_UNTIL_PLACED, &placed, 0, nullptr);
}

void Replica::find(int32_t by, int64_t value, chr_entry_header* out, const Done& done) {
  ask([&](uint64_t token,
          chr_error*) { return context_.consensus->find(group_, by, value, out, token, nullptr); },
      done);
}

chr_status Replica::trim(int64_t offset, const std::function<void(chr_status)>& done) {
  return context_.host.async(
      [&](uint64_t token) { return context_.consensus->trim(group_, offset, token, nullptr); },
      [owner = owner(), done](const chr_done& d) { done(d.code); });
}

void Replica::transfer(int32_t to, const Done& done) {
  ask([&](uint64_t token, chr_error*) { return context_.consensus->transfer(group_, to, token, nullptr); },
      done);
}

void Replica::change_members(const std::vector<int32_t>& voters, const Done& done) {
  chr_members_change change{};
  change.struct_size = sizeof change;
  change.voters = voters.data();
  change.n_voters = static_cast<uint32_t>(voters.size());
  ask([&](uint64_t token,
          chr_error* error) { return context_.consensus->change_members(group_, &change, token, error); },
      done);
}

void Replica::confirm_leadership(const Done& done) {
  if (group_ == nullptr) return done(CHR_E_CANCELLED, "the partition closes");
  ask([&](uint64_t token, chr_error* error) { return context_.consensus->barrier(group_, token, error); },
      done);
}

void Replica::throttle(const std::vector<chr_throttled>& items) {
  context_.throttle->assign(group_, items.data(), static_cast<uint32_t>(items.size()));
}

}  // namespace chronik::kafka
