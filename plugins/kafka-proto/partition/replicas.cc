// The replicas of a partition as this one deals with them: leadership that is handed over, what waits while
// it moves, their move to other nodes, which of them are in sync, and what that means for appends that want
// more copies than a majority.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "kafka-proto/cluster/in_sync.h"
#include "kafka-proto/partition/directory.h"
#include "kafka-proto/partition/replication_throttle.h"

namespace chronik::kafka {
namespace {

constexpr uint64_t kMomentNs = 250'000'000;  // in which an election or a transfer ends
constexpr uint32_t kMostMembers = 128;  // of a group that is being moved: those it leaves and those it gets

bool contains(const std::vector<int32_t>& nodes, int32_t node) {
  return std::ranges::find(nodes, node) != nodes.end();
}

}  // namespace

// ---- who they are ----

Partition::Members Partition::Members::of(const chr_partition& partition) {
  return {{partition.replicas, partition.replicas + partition.n_replicas},
          {partition.target, partition.target + partition.n_target},
          {partition.others, partition.others + partition.n_others}};
}

bool Partition::Members::names(int32_t node) const {
  return contains(replicas, node) || contains(target, node) || contains(others, node);
}

int32_t Partition::Members::preferred() const {
  const std::vector<int32_t>& wanted = target.empty() ? replicas : target;
  return wanted.empty() ? -1 : wanted[0];
}

std::vector<int32_t> Partition::Members::all() const {
  std::vector<int32_t> out = target;
  for (const std::vector<int32_t>* nodes : {&replicas, &others})
    for (const int32_t node : *nodes)
      if (!contains(out, node)) out.push_back(node);
  return out;
}

// ---- leadership and membership ----

// Level-triggered: asked again after every change of leader or of the catalog, and with each upkeep. The
// members are to be the catalog's target, and the replicas where it has none. By a catalog that is behind
// this would begin again what is long over, and nobody would undo it.
void Partition::pursue() {
  const std::shared_ptr<const Members> members = this->members();
  if (group_ == nullptr || !leader_ || !broker_.partitions->is_current()) return;
  const bool moves = !members->target.empty();
  if (!moves && !strays_from(members->replicas)) return;
  const std::vector<int32_t>& wanted = moves ? members->target : members->replicas;
  if (wanted == pursued_) return;
  pursued_ = wanted;
  look_at_replicas();  // those that come are throttled from their first byte
  chr_members_change change{};
  change.struct_size = sizeof change;
  change.voters = pursued_.data();
  change.n_voters = static_cast<uint32_t>(pursued_.size());
  chr_error error = make_abi_error();
  const auto finish = [self = shared_from_this(), target = pursued_, moves](chr_status code,
                                                                            std::string_view why) {
    if (self->pursued_ == target) self->pursued_.clear();
    if (code == CHR_OK && !moves) return;  // the catalog shows them already
    if (code == CHR_OK) return self->broker_.partitions->members_changed(self, target);
    // Another target, another leader, or not now: whoever leads asks again.
    self->broker_.host.debug(fmt::format("the replicas of {} were not changed yet: {}", self->label_, why),
                             fmt::format("status={}", code));
  };
  const auto made = [self = shared_from_this(), finish](chr_status code, std::string_view why) {
    code == CHR_OK ? self->confirm_leadership(finish) : finish(code, why);
  };
  const chr_status status = broker_.host.async(
      [&](uint64_t token) { return broker_.consensus.table->change_members(group_, &change, token, &error); },
      [made](const chr_done& d) { made(d.code, from_abi(d.message)); });
  if (status != CHR_PENDING) made(status, error.message);
}

// A leader of before may have gone on with a target that was given up, as its catalog was behind. This one's
// may be a moment behind, too: then who votes is newer, and another target is about to come.
bool Partition::strays_from(const std::vector<int32_t>& replicas) {
  constexpr uint64_t kMomentBehindNs = 5'000'000'000;
  std::array<chr_member, kMostMembers> members;
  chr_group_status status{};
  status.struct_size = sizeof status;
  status.members = members.data();
  status.n_members = kMostMembers;
  const bool known = broker_.consensus.table->status(group_, &status) == CHR_OK;
  std::vector<int32_t> voters;
  for (uint32_t i = 0; known && i < std::min(status.n_members, kMostMembers); ++i)
    if ((members[i].flags & CHR_MEMBER_VOTER) != 0) voters.push_back(members[i].id);
  if (voters.empty() || replicas.empty() || voters == replicas) {
    strays_since_ns_ = 0;
    return false;
  }
  const uint64_t now = broker_.host.now_ns();
  if (strays_since_ns_ == 0) strays_since_ns_ = now;
  if (now - strays_since_ns_ < kMomentBehindNs) return false;
  if (pursued_.empty())
    broker_.host.warn(fmt::format("The members of {} are ({}), and are made what the catalog says: ({})",
                                  label_, fmt::join(voters, " "), fmt::join(replicas, " ")));
  return true;
}

// The replicas are where they are to be, as far as this leader knows. It may have a successor that moves them
// on; and what the catalog is told now makes those that are no replicas close their groups.
void Partition::confirm_leadership(const std::function<void(chr_status, std::string_view)>& done) {
  if (group_ == nullptr) return done(CHR_E_CANCELLED, "the partition closes");
  chr_error error = make_abi_error();
  const chr_status status = broker_.host.async(
      [&](uint64_t token) { return broker_.consensus.table->barrier(group_, token, &error); },
      [done](const chr_done& d) { done(d.code, from_abi(d.message)); });
  if (status != CHR_PENDING) done(status, error.message);
}

void Partition::hand_over(int32_t to, const std::function<void(chr_status)>& done) {
  if (group_ == nullptr || !leader_) return done(CHR_E_NOT_LEADER);
  const auto finish = [self = shared_from_this(), to, done](chr_status code) {
    if (code != CHR_OK) return done(code);
    self->handed_over_.push_back({to, done});
    self->end_hand_overs();
  };
  const chr_status status = broker_.host.async(
      [&](uint64_t token) { return broker_.consensus.table->transfer(group_, to, token, nullptr); },
      [finish](const chr_done& d) { finish(d.code); });
  if (status != CHR_PENDING) finish(status);
}

// Consensus says that leadership went; it may have gone to another one than was asked for.
void Partition::end_hand_overs() {
  if (handed_over_.empty() || (!knows_leader() && life_ == Life::kOpen)) return;
  for (const HandOver& each : std::exchange(handed_over_, {}))
    each.done(!knows_leader() ? CHR_E_NOT_LEADER : known_leader_ == each.to ? CHR_OK : CHR_E_UNAVAILABLE);
}

// ---- while leadership moves ----

void Partition::set_known_leader(int32_t leader) {
  if (leader < 0 && knows_leader()) leaderless_since_ns_ = broker_.host.now_ns();
  known_leader_ = leader;
}

bool Partition::leadership_moves() const {
  if (life_ == Life::kClosed) return false;
  return knows_leader() ? known_leader_ == broker_.host.node().id
                        : broker_.host.now_ns() < leaderless_since_ns_ + kMomentNs;
}

// Leadership that moves leaves a moment in which nobody can say where it goes. A client that is told "not
// here" asks everybody, after a pause; so what cannot be appended is answered once the new leader is known,
// or that moment is over.
void Partition::answer(std::function<void(Appended)> done, Appended answer) {
  if (answer.error != ErrorCode::kNotLeaderOrFollower) return done(std::move(answer));
  hold({std::move(done), std::move(answer)});
}

// Clients may hear of a leader before it leads: what comes early is appended once it does.
void Partition::refuse(const AdmittedBatch& batch, const Lease& frame, int16_t acks, Refused refused) {
  remember_refusal(batch.header, refused.answer.error);
  refused.append = [this, &batch, &frame, acks](std::function<void(Appended)> done) {
    admit(batch, frame, acks, std::move(done));
  };
  hold(std::move(refused));
}

void Partition::hold(Refused refused) {
  constexpr size_t kMost = 10'000;
  if (!leadership_moves() || refused_.size() >= kMost) return refused.done(std::move(refused.answer));
  refused_.push_back(std::move(refused));
  end_moment_later();
}

void Partition::end_moment_later() {
  if (refused_timer_ != 0) return;
  refused_timer_ = broker_.host.timer(
      kMomentNs,
      [](void* context) {
        auto* const self = static_cast<Partition*>(context);
        self->refused_timer_ = 0;
        self->tell_refused();
      },
      this);
}

// Whoever waits, be it with an append or for one, learns how things stand.
void Partition::tell_refused() {
  broker_.host.cancel_timer(std::exchange(refused_timer_, 0));
  const bool posted = !early_.empty();
  std::vector<Refused> told;
  for (Refused& each : std::exchange(refused_, {})) {
    const bool early = leader_ && each.append != nullptr;
    early ? early_.push_back(std::move(each)) : told.push_back(std::move(each));
  }
  for (Refused& each : told) each.done(std::move(each.answer));
  wake_waiters();
  // Later, since consensus is in the middle of telling who leads.
  if (!posted && !early_.empty())
    broker_.host.post(shard_, [self = shared_from_this()] { self->append_early(); });
}

// Each stays in front while it is appended: what comes meanwhile, perhaps on its connection, goes behind the
// others.
void Partition::append_early() {
  // mutant early-reordered: for (; !early_.empty(); early_.pop_back())
  //     early_.back().append(std::move(early_.back().done));
  for (; !early_.empty(); early_.pop_front()) early_.front().append(std::move(early_.front().done));
}

void Partition::remember_refusal(const BatchHeader& batch, ErrorCode error) {
  constexpr size_t kMost = 1000;
  if (!batch.has_producer()) return;
  if (refusals_.size() >= kMost) refusals_.clear();
  refusals_[batch.producer_id] = {error, broker_.host.now_ns()};
}

// A new leader does not know what the one before it refused.
ErrorCode Partition::why_out_of_order(const BatchHeader& batch, bool ahead) const {
  constexpr uint64_t kBehindNs = 5'000'000'000;  // by then a client has sent again what was refused
  const uint64_t now = broker_.host.now_ns();
  const auto found = refusals_.find(batch.producer_id);
  if (found != refusals_.end() && now < found->second.at_ns + kBehindNs) return found->second.error;
  const bool refused_elsewhere = ahead && now < leading_since_ns_ + kBehindNs && bounds().n_voters > 1;
  return refused_elsewhere ? ErrorCode::kNotLeaderOrFollower : ErrorCode::kOutOfOrderSequenceNumber;
}

// ---- who is in sync ----

// As many as min.insync.replicas says, and no more than there are.
uint32_t Partition::copies_wanted(uint32_t voters) const {
  return std::min(static_cast<uint32_t>(config()->min_insync_replicas), std::max<uint32_t>(voters, 1));
}

// In sync is who has everything that is committed, or had the whole log a short while ago. A new leader knows
// nothing of the others yet and counts those whose link is up as Kafka's does, until that while is over.
Partition::Replicas Partition::find_replicas() const {
  std::array<chr_member, kMostMembers> members;
  std::array<int64_t, kMostMembers> copies;  // where the log of each voter ends
  uint32_t voters = 0;
  chr_group_status status{};
  status.struct_size = sizeof status;
  status.members = members.data();
  status.n_members = kMostMembers;
  Replicas out;
  const int32_t self = broker_.host.node().id;
  if (group_ == nullptr || broker_.consensus.table->status(group_, &status) != CHR_OK) {
    out.in_sync = {self};
    return out;
  }
  const uint64_t now = broker_.host.now_ns();
  const uint64_t lag = broker_.config.replica_lag_time_max_ns;
  for (uint32_t i = 0; i < std::min(status.n_members, kMostMembers); ++i) {
    const chr_member& member = members[i];
    if ((member.flags & CHR_MEMBER_VOTER) != 0) copies[voters++] = member.match_offset;
    const bool votes = (member.flags & (CHR_MEMBER_VOTER | CHR_MEMBER_OUTGOING)) != 0;
    if (!votes || (member.id != self && !broker_.is_linked(member.id))) continue;
    const uint64_t caught_up = std::max(member.caught_up_ns, leading_since_ns_);
    if (member.id == self || member.match_offset >= high_watermark_ || now - std::min(now, caught_up) <= lag)
      out.in_sync.push_back(member.id);
  }
  out.wanted = copies_wanted(voters);
  if (voters == 0) return out;
  std::nth_element(copies.begin(), copies.begin() + out.wanted - 1, copies.begin() + voters,
                   std::greater<>());
  out.copied = copies[out.wanted - 1];
  return out;
}

bool Partition::has_enough_in_sync() const {
  return config()->min_insync_replicas <= 1 || find_replicas().enough();
}

// Called on the leader, and where it leads no more.
void Partition::look_at_replicas() {
  if (!leader_) {
    in_sync_.store(nullptr);
    tell_in_sync({});
    return;
  }
  Replicas now = find_replicas();
  tell_in_sync(now.in_sync);
  throttle(now.in_sync);
  if (!short_of_copies_.empty()) settle_short_of_copies(now);
  const std::shared_ptr<const std::vector<int32_t>> before = in_sync_.load();
  if (before == nullptr || *before != now.in_sync)
    in_sync_.store(std::make_shared<const std::vector<int32_t>>(std::move(now.in_sync)));
}

// Other nodes take it that all replicas of a partition are in sync, but of those that they are told of.
void Partition::tell_in_sync(const std::vector<int32_t>& in_sync) {
  const std::shared_ptr<const Members> members = this->members();
  const auto is_in_sync = [&](int32_t node) { return std::ranges::find(in_sync, node) != in_sync.end(); };
  const bool all =
      std::ranges::all_of(members->target.empty() ? members->replicas : members->all(), is_in_sync);
  const std::vector<int32_t> few = all ? std::vector<int32_t>() : in_sync;
  if (few == told_in_sync_ && (few.empty() || term_ == told_in_sync_term_)) return;
  told_in_sync_ = few;
  told_in_sync_term_ = term_;
  broker_.in_sync->set({id_.topic, id_.index}, {static_cast<int32_t>(term_), few});
}

// As Kafka: those that are not in sync, where this leader or they themselves are named.
void Partition::throttle(const std::vector<int32_t>& in_sync) {
  if (broker_.throttle.table == nullptr || group_ == nullptr) return;
  const std::shared_ptr<const TopicConfig> config = this->config();
  std::vector<std::pair<int32_t, int32_t>> now;
  if (config->leader_throttled != nullptr || config->follower_throttled != nullptr) {
    const auto named = [this](const std::shared_ptr<const ThrottledReplicas>& replicas, int32_t node) {
      return replicas != nullptr && replicas->has(id_.index, node);
    };
    const bool leader_is = named(config->leader_throttled, broker_.host.node().id);
    for (const int32_t node : members()->all()) {
      if (contains(in_sync, node)) continue;
      if (leader_is) now.emplace_back(node, ReplicationThrottle::kLeaderBucket);
      if (named(config->follower_throttled, node)) now.emplace_back(node, node);
    }
  }
  if (now == throttled_) return;
  throttled_ = std::move(now);
  std::vector<chr_throttled> items;
  for (const auto& [node, bucket] : throttled_) items.push_back({node, bucket});
  broker_.throttle.table->assign(group_, items.data(), static_cast<uint32_t>(items.size()));
}

// What is committed, and on as many disks as it wants, is done: repeats of batches, of which consensus does
// not tell, and appends that wanted copies of replicas that have left. What will not get them while replicas
// are missing ends as Kafka's do: it stands in the log, and the producer learns that it is not as safe as it
// asked for.
void Partition::settle_short_of_copies(const Replicas& replicas) {
  std::vector<std::shared_ptr<Append>> over;
  std::erase_if(short_of_copies_, [&](const CopiesWait& wait) {
    Append& append = *wait.append;
    if (append.done == nullptr) return true;
    const bool copied = wait.end <= replicas.copied;
    if (wait.index > commit_index_ || (!copied && replicas.enough())) return false;
    if (!copied) {
      append.answer.error = ErrorCode::kNotEnoughReplicasAfterAppend;
      append.answer.base_offset = -1;
    }
    over.push_back(wait.append);
    return true;
  });
  for (const std::shared_ptr<Append>& append : over) append->finish();
}

// Leadership went, and with it what is known of the others.
void Partition::fail_waits() {
  std::vector<std::shared_ptr<Append>> waits;
  for (auto& [index, duplicate] : std::exchange(duplicates_, {}))
    waits.push_back(std::move(duplicate.append));
  for (CopiesWait& wait : std::exchange(short_of_copies_, {})) waits.push_back(std::move(wait.append));
  for (const std::shared_ptr<Append>& append : waits) {
    if (append->done == nullptr) continue;
    append->answer.error = ErrorCode::kNotLeaderOrFollower;
    append->answer.base_offset = -1;
    answer(std::exchange(append->done, nullptr), std::move(append->answer));
  }
}

}  // namespace chronik::kafka
