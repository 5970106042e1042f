#include "sim/workload/log_workload.h"

#include <fmt/format.h>
#include <chronik/host.hpp>

#include <algorithm>
#include <cstring>

namespace chronik::sim {
namespace {

constexpr uint32_t kHeader = 16;  // of a payload: base offset (8), a number (4), epoch (4)

template <class T>
T load_big_endian(const uint8_t* p) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value << 8 | p[i]);
  return value;
}

// ---- the state machine
// ---------------------------------------------------------------------------------------------

chr_status CHR_CALL apply(void* context, const chr_entry* entries, uint32_t n, uint64_t) {
  Replay& replay = replay_of(context);
  World& world = replay.workload->world();
  for (uint32_t i = 0; i < n; ++i) {
    const chr_entry& entry = entries[i];
    replay.state =
        fold(replay.state ^ entry.header.index, digest(entry.payload.p, entry.payload.n, entry.header.term));
    replay.index = entry.header.index;
    if (entry.payload.n < kHeader || load_big_endian<int64_t>(entry.payload.p) != entry.header.base_offset ||
        load_big_endian<uint32_t>(entry.payload.p + 12) != entry.header.term) {
      world.fail(
          "patched-payload",
          fmt::format("group {} node {}: index {} does not carry its offset {} and term {}", replay.group,
                      replay.node->id(), entry.header.index, entry.header.base_offset, entry.header.term));
    }
  }
  replay.workload->check_state(replay);
  return CHR_OK;
}
void CHR_CALL role(void* context, const chr_role* role) {
  replay_of(context).leads_term = role->role == CHR_ROLE_LEADER ? role->term : 0;
}
void CHR_CALL committed(void*, uint64_t, int64_t) {}
void CHR_CALL truncated(void*, uint64_t, int64_t) {}
void CHR_CALL trimmed(void*, int64_t) {}
chr_status CHR_CALL save(void* context, const chr_sink* sink) {
  const Replay& replay = replay_of(context);
  const uint64_t state[2] = {replay.state, replay.index};
  return sink->write(sink->context, reinterpret_cast<const uint8_t*>(state), sizeof state) != 0
             ? CHR_OK
             : CHR_E_FAILED;
}
chr_status CHR_CALL load(void* context, const chr_slice* pieces, uint32_t n, chr_error*) {
  Replay& replay = replay_of(context);
  uint64_t state[2] = {0, 0};
  uint64_t at = 0;
  for (uint32_t i = 0; i < n && at + pieces[i].n <= sizeof state; ++i) {
    std::memcpy(reinterpret_cast<uint8_t*>(state) + at, pieces[i].p, pieces[i].n);
    at += pieces[i].n;
  }
  if (at != sizeof state) return CHR_E_CORRUPT;
  replay.state = state[0];
  replay.index = state[1];
  if (replay.ready) replay.workload->loaded();
  replay.workload->check_state(replay);
  return CHR_OK;
}
constexpr chr_state_machine_v1 kMachine = {sizeof kMachine, 1,       apply, role, committed,
                                           truncated,       trimmed, save,  load};

}  // namespace

// ---- the workload
// --------------------------------------------------------------------------------------------------

LogWorkload::LogWorkload(Cluster& cluster, Checker& checker, const WorkloadOptions& options)
    : cluster_(cluster),
      checker_(checker),
      options_(options),
      rng_(cluster.world().stream("workload")),
      places_(cluster.size() + 1, std::vector<Place>(options.groups)),
      replays_(cluster.size() + 1),
      given_up_(cluster.size() + 1),
      states_(options.groups) {
  for (uint32_t g = 0; g < options.groups; ++g) names_.push_back(fmt::format("log-{}", g));
  for (uint32_t id = 1; id <= std::min(cluster.size(), options.replicas); ++id) {
    first_voters_.push_back(static_cast<int32_t>(id));
    places_[id].assign(options.groups, {true, true});
  }
  goals_.assign(options.groups, {first_voters_, first_voters_, {}, false});
  world().loop.call(100 * kMillisecond, [this] { step(); });
}

void LogWorkload::check_state(const Replay& replay) {
  const auto [at, added] = states_[replay.group].try_emplace(replay.index, replay.state);
  if (!added && at->second != replay.state) {
    world().fail("state-divergence",
                 fmt::format("group {}: node {} has another state at index {} than was seen before",
                             replay.group, replay.node->id(), replay.index));
  }
}

void LogWorkload::node_running(Node& node) {
  replays_[node.id()].resize(options_.groups);
  for (uint32_t g = 0; g < options_.groups; ++g) {
    if (places_[node.id()][g].hosted) open(node, g);
  }
}

void LogWorkload::open(Node& node, uint32_t group) {
  auto& slot = replays_[node.id()][group];
  slot = std::make_unique<Replay>();
  Replay& replay = *slot;
  replay.workload = this;
  replay.node = &node;
  replay.boot = node.boots();
  replay.group = group;
  replay.consensus =
      static_cast<const chr_consensus_v1*>(node.service(CHR_CONSENSUS_ID, &replay.instance, true));
  replay.shard = replay.consensus->shard_of(replay.instance, to_abi(names_[group]));
  const Enter enter(world(), node.at_shard(replay.shard));
  const bool joins = !places_[node.id()][group].first;
  chr_group_options options{};
  options.struct_size = sizeof options;
  options.n_voters = joins ? 0 : static_cast<uint32_t>(first_voters_.size());
  options.id = {0, -1, {}, to_abi(names_[group]), to_abi(names_[group])};
  options.voters = first_voters_.data();
  chr_error error = make_abi_error();
  const auto opened = [](void* context, const chr_done* done) {
    Replay& r = replay_of(context);
    const bool is_open = done->code == CHR_OK;
    const bool stops = r.node->state() == Node::State::kStopping;
    r.ready = is_open && !stops;  // what was on its way when the stop began is being closed
    if (!is_open) r.handle = nullptr;
    const Disk& disk = r.node->disk();
    if (!is_open && !stops && !disk.failed() && !disk.damaged())
      r.workload->world().fail("open-group", std::string(from_abi(done->message)));
  };
  const uint64_t token =
      node.ops().begin(&node.harness(), static_cast<int32_t>(replay.shard), opened, &replay);
  const chr_status status = replay.consensus->open_group(replay.instance, &options, &kMachine, &replay,
                                                         &replay.handle, token, &error);
  if (status == CHR_PENDING) return;
  node.ops().abandon(token);
  if (status != CHR_OK) world().fail("open-group", fmt::format("node {}: {}", node.id(), error.message));
  replay.ready = status == CHR_OK;
}

// Closes the groups, as a plugin that uses consensus does when it stops.
void LogWorkload::node_stopping(Node& node, std::function<void()> go_on) {
  struct Closing {
    size_t left = 0;
    std::function<void()> go_on;
  };
  std::vector<Replay*> open;
  for (const auto& replay : replays_[node.id()]) {
    if (replay && replay->handle != nullptr) open.push_back(replay.get());
  }
  if (open.empty()) return go_on();
  auto* const closing = new Closing{open.size(), std::move(go_on)};
  const auto closed = [](void* context, const chr_done*) {
    auto* const all = static_cast<Closing*>(context);
    if (--all->left != 0) return;
    all->go_on();
    delete all;
  };
  for (Replay* replay : open) {
    replay->ready = false;
    const Enter enter(world(), node.at_shard(replay->shard));
    const uint64_t token =
        node.ops().begin(&node.harness(), static_cast<int32_t>(replay->shard), closed, closing);
    chr_error error = make_abi_error();
    const chr_status status = replay->consensus->close_group(
        replay->handle, rng_.chance(0.5) ? CHR_CLOSE_SNAPSHOT : CHR_CLOSE_PLAIN, token, &error);
    if (status == CHR_PENDING) continue;
    world().fail("close-group", fmt::format("node {}: {} {}", node.id(), status, error.message));
  }
}

void LogWorkload::node_down(Node& node) {
  replays_[node.id()].clear();
  given_up_[node.id()].clear();
}

bool LogWorkload::bounds(const Replay& replay, chr_group_bounds* out) const {
  *out = {};
  out->struct_size = sizeof *out;
  const Enter enter(replay.node->world(), replay.node->at_shard(replay.shard));
  return replay.consensus->bounds(replay.handle, out) == CHR_OK;
}

std::vector<Replay*> LogWorkload::open_replicas(uint32_t group, bool leaders) {
  std::vector<Replay*> found;
  for (const auto& list : replays_) {
    if (group >= list.size() || !list[group] || !list[group]->ready) continue;
    chr_group_bounds b{};
    if (leaders && (!bounds(*list[group], &b) || b.usable == 0)) continue;
    found.push_back(list[group].get());
  }
  return found;
}

void LogWorkload::step() {
  const uint64_t mean = kSecond / std::max<uint64_t>(options_.requests_per_s, 1);
  world().loop.call(world().now() + std::max<uint64_t>(rng_.around(mean), 1), [this] { step(); });
  const auto group = static_cast<uint32_t>(rng_.below(options_.groups));
  const std::vector<Replay*> leaders = open_replicas(group, true);
  const std::vector<Replay*> all = open_replicas(group, false);
  world().trace.note(world().now(), kHarness, Kind::kWork, leaders.size() << 8 | all.size());
  if (winding_down_) return leaders.empty() ? void() : retain(*leaders[0]);
  if (!leaders.empty()) {
    Replay& leader = *leaders[rng_.below(leaders.size())];
    propose(leader);
    if (rng_.chance(0.01)) trim(leader);
    if (rng_.chance(0.005)) transfer(leader);
    if (rng_.chance(0.1)) barrier(leader);
    if (rng_.chance(0.05)) ask_epoch(leader);
  }
  if (!all.empty() && rng_.chance(0.3)) read(*all[rng_.below(all.size())]);
}

uint64_t LogWorkload::begin(Replay& replay, chr_done_fn fn, Request** request) {
  *request = new Request{this, replay.node->id(), replay.node->boots(), {}};
  return replay.node->ops().begin(&replay.node->harness(), static_cast<int32_t>(replay.shard), fn, *request);
}

void LogWorkload::propose(Replay& leader) {
  Node& node = *leader.node;
  const Enter enter(world(), node.at_shard(leader.shard));
  const auto n = static_cast<uint32_t>(rng_.chance(0.1) ? rng_.between(2, 5) : 1);
  std::vector<chr_proposal> items;
  for (uint32_t i = 0; i < n; ++i) {
    const auto records = static_cast<uint32_t>(rng_.between(1, options_.records_per_request));
    const chr_slice payload = node.memory().alloc(kHeader + records * options_.record_bytes);
    auto* p = const_cast<uint8_t*>(payload.p);
    std::memset(p, static_cast<int>(number_ & 0xff), payload.n);
    const uint64_t number = ++number_;
    std::memcpy(p + payload.n - sizeof number, &number, sizeof number);
    const bool data = !rng_.chance(0.1);
    items.push_back({static_cast<uint32_t>(data ? CHR_ENTRY_DATA : CHR_ENTRY_COMMAND), CHR_PROPOSAL_WRITABLE,
                     data ? records : 0, 0, 12, 0, node.unix_ms(), payload});
  }
  std::vector<chr_placed> placed(n);
  Request* request = nullptr;
  const auto done = [](void* context, const chr_done* result) {
    const std::unique_ptr<Request> held(static_cast<Request*>(context));
    ++(result->code == CHR_OK ? held->workload->acked_ : held->workload->unknown_);
  };
  const uint64_t token = begin(leader, done, &request);
  constexpr uint32_t kUntil[] = {CHR_UNTIL_DURABLE, CHR_UNTIL_COMMITTED, CHR_UNTIL_COMMITTED,
                                 CHR_UNTIL_COPIES + 2};
  chr_error error = make_abi_error();
  const uint64_t term = rng_.chance(0.5) ? leader.leads_term : 0;
  const chr_status status = leader.consensus->propose(leader.handle, term, items.data(), n,
                                                      kUntil[rng_.below(4)], placed.data(), token, &error);
  ++proposed_;
  if (status != CHR_PENDING) {
    node.ops().abandon(token);
    delete request;
    ++(status == CHR_OK ? acked_ : refused_);
  }
  for (const chr_proposal& item : items) item.payload.lease->ops->release(item.payload.lease);
}

void LogWorkload::read(Replay& replay) {
  chr_group_bounds b{};
  if (!bounds(replay, &b) || b.high_watermark <= b.log_start) return;
  const Enter enter(world(), replay.node->at_shard(replay.shard));
  Request* request = nullptr;
  const auto done = [](void* context, const chr_done* result) {
    const std::unique_ptr<Request> held(static_cast<Request*>(context));
    if (result->code == CHR_OK && held->read.lease != nullptr)
      held->read.lease->ops->release(held->read.lease);
  };
  const uint64_t token = begin(replay, done, &request);
  request->read.struct_size = sizeof request->read;
  const int64_t offset =
      b.log_start + static_cast<int64_t>(rng_.below(static_cast<uint64_t>(b.high_watermark - b.log_start)));
  const chr_group_read args{sizeof(chr_group_read),    CHR_BOUND_COMMITTED,        offset,
                            rng_.between(1, 64 << 10), rng_.chance(0.2) ? 1u : 0u, 0};
  chr_error error = make_abi_error();
  const chr_status status = replay.consensus->read(replay.handle, &args, &request->read, token, &error);
  ++reads_;
  if (status == CHR_PENDING) return;
  replay.node->ops().abandon(token);
  if (status == CHR_OK && request->read.n == 0) {
    world().fail("read", fmt::format("group {} node {}: nothing at offset {} in [{}, {})", replay.group,
                                     replay.node->id(), offset, b.log_start, b.high_watermark));
  }
  if (status == CHR_OK && request->read.lease != nullptr)
    request->read.lease->ops->release(request->read.lease);
  delete request;
}

// The log up to which the disk of every voter holds all.
int64_t LogWorkload::everywhere(uint32_t group) const {
  const GroupTruth& truth = checker_.group(names_[group]);
  uint64_t end = truth.commit_index() + 1;
  for (const uint32_t id : truth.voters().incoming) end = std::min(end, truth.replicas[id].durable.end());
  const EntryMeta* const last = truth.committed_at(end - 1);
  return last == nullptr ? 0 : last->end_offset();
}

void LogWorkload::trim(Replay& leader) {
  chr_group_bounds b{};
  if (!bounds(leader, &b)) return;
  // What goes beyond that makes a member that is away need a snapshot, once the log waits for it no more.
  const int64_t limit = rng_.chance(0.5) ? everywhere(leader.group) : b.high_watermark;
  if (limit <= b.log_start) return;
  trim_to(leader, b.log_start + static_cast<int64_t>(rng_.below(static_cast<uint64_t>(limit - b.log_start))));
}

// Once the faults are over: what made no room by then must do so now. A replica that was full may have gone
// ahead with a trim whose entry was lost with its leader: it is asked for again, as an operator would.
void LogWorkload::retain(Replay& leader) {
  chr_group_bounds b{};
  if (!bounds(leader, &b)) return;
  int64_t start = b.log_start;
  bool all_start_there = true;
  for (const Replay* replay : open_replicas(leader.group, false)) {
    chr_group_bounds other{};
    if (!bounds(*replay, &other) || other.log_start == b.log_start) continue;
    all_start_there = false;
    start = std::max(start, std::min(other.log_start, b.high_watermark));
  }
  if (options_.retained_records != 0)
    start = std::max(start, b.high_watermark - static_cast<int64_t>(options_.retained_records));
  if (start > b.log_start || !all_start_there) trim_to(leader, start);
}

void LogWorkload::trim_to(Replay& leader, int64_t offset) {
  const Enter enter(world(), leader.node->at_shard(leader.shard));
  Request* request = nullptr;
  const auto done = [](void* context, const chr_done*) { delete static_cast<Request*>(context); };
  const uint64_t token = begin(leader, done, &request);
  chr_error error = make_abi_error();
  ++trims_;
  if (leader.consensus->trim(leader.handle, offset, token, &error) == CHR_PENDING) return;
  leader.node->ops().abandon(token);
  delete request;
}

void LogWorkload::transfer(Replay& leader) {
  const Enter enter(world(), leader.node->at_shard(leader.shard));
  Request* request = nullptr;
  const auto done = [](void* context, const chr_done*) { delete static_cast<Request*>(context); };
  const uint64_t token = begin(leader, done, &request);
  chr_error error = make_abi_error();
  const int32_t to = rng_.chance(0.5) ? -1 : static_cast<int32_t>(rng_.between(1, cluster_.size()));
  ++transfers_;
  if (leader.consensus->transfer(leader.handle, to, token, &error) == CHR_PENDING) return;
  leader.node->ops().abandon(token);
  delete request;
}

// ConsensusWatch checks what comes of these two.
void LogWorkload::barrier(Replay& leader) {
  const Enter enter(world(), leader.node->at_shard(leader.shard));
  Request* request = nullptr;
  const auto done = [](void* context, const chr_done*) { delete static_cast<Request*>(context); };
  const uint64_t token = begin(leader, done, &request);
  chr_error error = make_abi_error();
  if (leader.consensus->barrier(leader.handle, token, &error) == CHR_PENDING) return;
  leader.node->ops().abandon(token);
  delete request;
}

void LogWorkload::ask_epoch(Replay& leader) {
  const Enter enter(world(), leader.node->at_shard(leader.shard));
  uint64_t found = 0;
  int64_t end = 0;
  (void)leader.consensus->epoch_end(leader.handle, rng_.between(1, leader.leads_term + 1), &found, &end);
}

// One leader per group, everybody has everything, and a fresh proposal goes through.
bool LogWorkload::settled() {
  if (!cluster_.all_running()) return false;
  for (uint32_t g = 0; g < options_.groups; ++g) {
    const auto leaders = open_replicas(g, true);
    const auto all = open_replicas(g, false);
    if (leaders.size() != 1 || !members_settled(g)) return false;
    chr_group_bounds lead{};
    bounds(*leaders[0], &lead);
    if (lead.commit_index != lead.last_index) return false;
    for (const Replay* replay : all) {
      chr_group_bounds b{};
      if (!bounds(*replay, &b) || b.commit_index != lead.commit_index || b.leader != lead.leader)
        return false;
      if (b.high_watermark != lead.high_watermark || b.log_start != lead.log_start) return false;
    }
  }
  if (!last_proposed_) {
    last_proposed_ = true;
    for (uint32_t g = 0; g < options_.groups; ++g) propose(*open_replicas(g, true)[0]);
    return false;
  }
  return true;
}

std::string LogWorkload::state() {
  std::string text;
  for (uint32_t g = 0; g < options_.groups; ++g) {
    const Voters& voters = checker_.group(names_[g]).voters();
    text += fmt::format("; {} wants ({}), has ({}){}:", names_[g], fmt::join(goals_[g].target, " "),
                        fmt::join(voters.incoming, " "), voters.joint() ? " and others" : "");
    for (const Replay* replay : open_replicas(g, false)) {
      chr_group_bounds b{};
      bounds(*replay, &b);
      text += fmt::format(" {}{} (leader {}) commit {} of {}, offsets {} to {}",
                          b.usable != 0 ? "leader " : "", replay->node->id(), b.leader, b.commit_index,
                          b.last_index, b.log_start, b.high_watermark);
    }
  }
  return text;
}

void LogWorkload::finish() {
  for (uint32_t g = 0; g < options_.groups && !world().failed(); ++g) {
    const GroupTruth& truth = checker_.group(names_[g]);
    for (const Replay* replay : open_replicas(g, false)) {
      chr_group_bounds b{};
      bounds(*replay, &b);
      if (b.commit_index != truth.commit_index()) {
        world().fail("convergence", fmt::format("group {} node {} ends at index {}, committed is {}", g,
                                                replay->node->id(), b.commit_index, truth.commit_index()));
      }
    }
  }
}

std::unique_ptr<Workload> make_log_workload(Cluster& cluster, Checker& checker,
                                            const WorkloadOptions& options) {
  return std::make_unique<LogWorkload>(cluster, checker, options);
}

}  // namespace chronik::sim
