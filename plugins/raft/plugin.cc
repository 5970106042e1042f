// The plugin: chronik.consensus/1 on top of the groups of all shards.
#include "raft/group/group.h"
#include "raft/group/services.h"
#include "raft/group/shard.h"
#include "raft/wire/frame.h"

#include <chronik/draft/groups.h>
#include <chronik/draft/learners.h>
#include <chronik/draft/state_machine_stream.h>
#include <chronik/draft/throttle.h>
#include <chronik/config_json.hpp>
#include <chronik/plugin.hpp>

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace chronik::raft {
namespace {

constexpr std::array kSchema = {
    config_key("election_timeout", CHR_CONFIG_DURATION, "\"3s\"",
               "A follower that hears nothing of its leader for this long, and up to twice as long, starts "
               "an election.",
               100'000'000, 600'000'000'000),
    config_key("heartbeat_interval", CHR_CONFIG_DURATION, "\"150ms\"",
               "How often a node tells each other one that it is alive. At most a third of election_timeout.",
               5'000'000, 60'000'000'000),
    config_key("max_append", CHR_CONFIG_SIZE, "\"1MiB\"",
               "Payload in one message to a follower; a larger batch travels alone.", 1024, 1 << 30),
    config_key("max_inflight", CHR_CONFIG_SIZE, "\"16MiB\"",
               "Payload on its way to one follower before its acknowledgement is awaited.", 1024, 1 << 30),
    config_key(
        "max_uncommitted", CHR_CONFIG_SIZE, "\"16MiB\"",
        "Payload of one group that is proposed and not committed; above it producers are told to wait.", 1024,
        1 << 30),
    config_key("max_unwritten", CHR_CONFIG_SIZE, "\"64MiB\"",
               "Records of all groups of this node that are not on its disk yet; above it producers are told "
               "to wait, and above three quarters of it what leaders on other nodes send is not taken.",
               1 << 20, 1ll << 40),
    config_key("tail_cache", CHR_CONFIG_SIZE, "\"64MiB\"",
               "Memory in which all groups together keep the ends of their logs for reads at the tail.",
               1 << 20, 1ll << 40),
    config_key(
        "snapshot_interval", CHR_CONFIG_SIZE, "\"64MiB\"",
        "Log that is applied between two snapshots of a group's state; bounds what a restart applies again.",
        1 << 16, 1ll << 40),
    config_key(
        "leader_balance", CHR_CONFIG_DURATION, "\"30s\"",
        "Leadership of a group goes back to its preferred replica, the first one, when that has been up and "
        "had the whole log for so long; a few groups a second. 0s: it stays where it is.",
        0, 86'400'000'000'000),
    config_key(
        "trim_hold", CHR_CONFIG_DURATION, "\"1m\"",
        "How long the log stays, beyond what retention keeps, for a member that is behind or away. After "
        "that the member gets a snapshot when it comes, and the log from its start on.",
        0, 86'400'000'000'000),
};

// A follower is to miss a heartbeat or two without an election.
Status check_intervals(int64_t heartbeat_interval, int64_t election_timeout) {
  if (heartbeat_interval <= 0)
    return fail(Code::kInvalidArgument, "heartbeat_interval is not set: the host hands over no defaults");
  if (heartbeat_interval <= election_timeout / 3) return {};
  const auto ms = [](int64_t ns) { return std::to_string(ns / 1'000'000) + "ms"; };
  return fail(Code::kInvalidArgument,
              "heartbeat_interval (" + ms(heartbeat_interval) +
                  ") is more than a third of election_timeout (" + ms(election_timeout) +
                  "); lower it, or raise election_timeout to " + ms(3 * heartbeat_interval) + " or more");
}

// The host hands over what the schema has for keys that nobody set.
Settings settings_of(const Host& host) {
  const auto number = [&host](std::string_view key) { return static_cast<uint64_t>(host.config_int(key)); };
  Settings settings;
  settings.election_timeout = number("election_timeout");
  settings.heartbeat_interval = number("heartbeat_interval");
  settings.max_append_bytes = number("max_append");
  settings.max_inflight_bytes = number("max_inflight");
  settings.max_uncommitted_bytes = number("max_uncommitted");
  settings.max_unwritten_bytes = number("max_unwritten");
  settings.tail_cache_bytes = number("tail_cache") / host.shard_count();
  settings.snapshot_bytes = number("snapshot_interval");
  settings.leader_balance = number("leader_balance");
  settings.trim_hold = number("trim_hold");
  return settings;
}

class RaftPlugin final : public Plugin {
 public:
  static constexpr std::string_view kId = "raft", kVersion = "0.1.0";
  static std::span<const chr_config_key> schema() { return kSchema; }
  static Status validate(std::string_view json) {
    const auto heartbeat_interval = json_integer(json, "heartbeat_interval");
    const auto election_timeout = json_integer(json, "election_timeout");
    if (!heartbeat_interval || !election_timeout) return {};
    return check_intervals(*heartbeat_interval, *election_timeout);
  }

  explicit RaftPlugin(Host host) { services_.host = host; }

  const void* service(std::string_view id, void** instance) override;
  Result<Progress> start(uint64_t token) override;
  Result<Progress> stop(uint64_t token) override;

  // ---- chr_consensus_v1 ----
  uint32_t shard_of(chr_str name);
  chr_status open_group(const chr_group_options* options, const chr_state_machine_v1* machine, void* context,
                        chr_group** out, uint64_t token, chr_error* error);
  chr_status delete_group(chr_str name, uint64_t token, chr_error* error);
  void watch(chr_role_fn fn, void* context);
  void unwatch(chr_role_fn fn, void* context) { services_.watchers.remove(fn, context); }

  // ---- chr_groups_v1 ----
  void list_groups(chr_group_name_fn fn, void* context) { services_.store.list_groups(fn, context); }

  // ---- chr_learners_v1 ----
  chr_status set_learners(chr_str name, const int32_t* nodes, uint32_t n, chr_error* error);
  // ---- chr_state_machine_stream_v1 ----
  void attach(chr_str name, const chr_state_stream_v1* stream, void* context) {
    attached_.at(shard_of(name)).attach(from_abi(name), *stream, context);
  }
  // ---- chr_throttle_v1 ----
  void limit(int32_t bucket, int64_t bytes_per_second) {
    services_.throttle.limit(bucket, bytes_per_second, services_.host.now_ns());
  }

  // ---- chr_channel_v1 ----
  void frame(int32_t from, chr_slice bytes);
  void link(int32_t peer, uint32_t up);

 private:
  Status open_link();
  void spread_claims(const ReceivedClaims& claims);
  void define_metrics();

  Services services_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<AttachedStreams> attached_;  // by shard
  std::atomic<size_t> shards_to_stop_{0};
};

Group* of(chr_group* group) { return reinterpret_cast<Group*>(group); }

// Like thunk, for functions whose first argument is the group: they are methods of one of its parts.
template <auto Part, auto Method>
struct PartThunk;
template <auto Part, class T, class R, class... Args, R (T::*Method)(Args...)>
struct PartThunk<Part, Method> {
  static R CHR_CALL call(chr_group* group, Args... args) noexcept {
    try {
      return ((of(group)->*Part)().*Method)(args...);
    } catch (...) {
      return R{CHR_E_FAILED};
    }
  }
};

chr_status CHR_CALL close_group(chr_group* group, uint32_t how, uint64_t token, chr_error* error) noexcept {
  return guarded(error, [&] {
    of(group)->close(how, token);
    return CHR_PENDING;
  });
}

constexpr chr_consensus_v1 kConsensus = {
    sizeof(chr_consensus_v1),
    1,
    thunk<&RaftPlugin::shard_of>,
    thunk<&RaftPlugin::open_group>,
    close_group,
    thunk<&RaftPlugin::delete_group>,
    PartThunk<&Group::proposals, &Proposals::propose>::call,
    PartThunk<&Group::reader, &LogReader::read>::call,
    PartThunk<&Group::reader, &LogReader::find>::call,
    PartThunk<&Group::reader, &LogReader::epoch_end>::call,
    PartThunk<&Group::reader, &LogReader::bounds>::call,
    PartThunk<&Group::proposals, &Proposals::trim>::call,
    PartThunk<&Group::proposals, &Proposals::barrier>::call,
    PartThunk<&Group::hand_over, &HandOver::transfer>::call,
    thunk<&RaftPlugin::watch>,
    thunk<&RaftPlugin::unwatch>,
    PartThunk<&Group::members, &MemberChanges::status>::call,
    PartThunk<&Group::members, &MemberChanges::change_members>::call,
};

constexpr chr_groups_v1 kGroups = {sizeof(chr_groups_v1), 1, thunk<&RaftPlugin::list_groups>};

constexpr chr_learners_v1 kLearners = {sizeof(chr_learners_v1), 1, thunk<&RaftPlugin::set_learners>};
constexpr chr_state_machine_stream_v1 kStream = {sizeof(chr_state_machine_stream_v1), 1,
                                                 thunk<&RaftPlugin::attach>};
constexpr chr_throttle_v1 kThrottle = {sizeof(chr_throttle_v1), 1, thunk<&RaftPlugin::limit>,
                                       PartThunk<&Group::budget, &AppendBudget::throttle>::call};

constexpr chr_channel_v1 kChannel = {sizeof(chr_channel_v1), 1, thunk<&RaftPlugin::frame>,
                                     thunk<&RaftPlugin::link>};

const void* RaftPlugin::service(std::string_view id, void** instance) {
  *instance = this;
  if (id == CHR_CONSENSUS_ID) return &kConsensus;
  if (id == CHR_GROUPS_ID) return &kGroups;
  if (id == CHR_LEARNERS_ID) return &kLearners;
  if (id == CHR_STATE_MACHINE_STREAM_ID) return &kStream;
  if (id == CHR_THROTTLE_ID) return &kThrottle;
  return nullptr;
}

Result<Progress> RaftPlugin::start(uint64_t) {
  const Host& host = services_.host;
  void* storage = nullptr;
  const auto* table = host.acquire<chr_storage_v1>(CHR_STORAGE_ID, &storage);
  if (table == nullptr) return fail(Code::kUnavailable, "no plugin provides " CHR_STORAGE_ID);
  services_.exec = host.find<chr_exec_v1>(CHR_EXEC_ID);
  services_.store = Store(host, table, storage);
  services_.self = static_cast<NodeId>(host.node().id);
  services_.seed = host.random_u64();
  const uint32_t shards = host.shard_count();
  services_.settings = settings_of(host);
  const Settings& settings = services_.settings;
  CHRONIK_CHECK(check_intervals(static_cast<int64_t>(settings.heartbeat_interval),
                                static_cast<int64_t>(settings.election_timeout)));
  define_metrics();
  attached_.resize(shards);
  for (uint32_t i = 0; i < shards; ++i) shards_.push_back(std::make_unique<Shard>(&services_, i));
  services_.heartbeats.start({host.random_u64() | 1, shards, 4 * settings.heartbeat_interval});
  CHRONIK_CHECK(open_link());
  for (const auto& shard : shards_) host.post(shard->index(), [s = shard.get()] { s->start(); });
  return Progress::kDone;
}

Status RaftPlugin::open_link() {
  const Host& host = services_.host;
  const auto* link = host.find<chr_link_v1>(CHR_LINK_ID);
  if (link == nullptr) return {};
  services_.link = link;
  chr_error error = make_abi_error();
  const chr_status status =
      link->open(host.self(), abi_text("raft"), &kChannel, this, &services_.channel, &error);
  if (status < 0) return std::unexpected(from_abi(error, status));
  return {};
}

void RaftPlugin::define_metrics() {
  const Host& host = services_.host;
  Metrics& m = services_.metrics;
  m.elections = host.counter("chronik_raft_elections_total",
                             "Elections that this node won, but for those that a leader asked it to hold.");
  m.leader_transfers =
      host.counter("chronik_raft_leader_transfers_total",
                   "Elections that this node won because the leader before handed leadership to it.");
  m.lower_term =
      host.counter("chronik_raft_lower_term_total", "Messages that came in of a term that was over.");
  m.decode_errors = host.counter("chronik_wire_decode_errors_total",
                                 "Frames of other nodes that could not be read.", "source=\"raft\"");
  m.snapshots_sent = host.counter("chronik_raft_snapshots_sent_total",
                                  "Snapshots that members which were too far behind got from this node.");
  m.snapshots_installed = host.counter("chronik_raft_snapshots_installed_total",
                                       "Snapshots that this node got because it was too far behind.");
  m.proposals_refused =
      host.counter("chronik_raft_proposals_refused_total", "Proposals that got no place in a log.");
  m.groups = host.gauge("chronik_raft_groups", "Groups that are open on this node.");
  m.leaders = host.gauge("chronik_raft_leaders", "Groups that this node leads.");
  m.write_seconds = host.histogram("chronik_raft_storage_write_seconds",
                                   "Time from a write's request until it is durable.");
}

Result<Progress> RaftPlugin::stop(uint64_t token) {
  if (shards_.empty()) return Progress::kDone;
  shards_to_stop_ = shards_.size();
  for (const auto& shard : shards_) {
    services_.host.post(shard->index(), [this, token, s = shard.get()] {
      s->stop([this, token] {
        if (--shards_to_stop_ == 0) services_.host.complete(token, CHR_OK);
      });
    });
  }
  return Progress::kPending;
}

uint32_t RaftPlugin::shard_of(chr_str name) {
  return static_cast<uint32_t>(hash_of(from_abi(name)) % services_.host.shard_count());
}

chr_status RaftPlugin::open_group(const chr_group_options* options, const chr_state_machine_v1* machine,
                                  void* context, chr_group** out, uint64_t token, chr_error* error) {
  const std::string_view name = from_abi(options->id.name);
  if (name.empty() || name.size() > kMaxGroupName)
    return report(error, CHR_E_INVALID_ARGUMENT, "a group's name has 1 to 255 bytes");
  Shard& shard = *shards_.at(shard_of(options->id.name));
  const std::optional<StateStream> stream = attached_.at(shard.index()).take_stream(name);
  bool member = options->n_voters == 0;
  for (uint32_t i = 0; i < options->n_voters; ++i)
    member = member || options->voters[i] == services_.host.node().id;
  if (!member) return report(error, CHR_E_INVALID_ARGUMENT, "this node is not a voter of the group");
  if (shard.find(name) != nullptr) return report(error, CHR_E_EXISTS, "the group is open already");
  Group* const group = shard.add_group(std::make_shared<Group>(&shard, *options, *machine, context, stream));
  *out = reinterpret_cast<chr_group*>(group);
  group->open(token);
  return CHR_PENDING;
}

chr_status RaftPlugin::delete_group(chr_str name, uint64_t token, chr_error* error) {
  Shard& shard = *shards_.at(shard_of(name));
  if (shard.find(from_abi(name)) != nullptr)
    return report(error, CHR_E_INVALID_ARGUMENT, "the group is still open");
  const Result<uint64_t> group = services_.store.open_group(from_abi(name));
  if (!group) return report(error, group.error());
  Write write(*group);
  write.drop();
  shard.write(std::move(write),
              [this, token](const Status& status) { services_.host.complete(token, status); });
  return CHR_PENDING;
}

chr_status RaftPlugin::set_learners(chr_str name, const int32_t* nodes, uint32_t n, chr_error* error) {
  Group* const group = shards_.at(shard_of(name))->find(from_abi(name));
  if (group == nullptr) return report(error, CHR_E_NOT_FOUND, "the group is not open");
  return group->members().set_learners(nodes, n, error);
}

void RaftPlugin::watch(chr_role_fn fn, void* context) {
  services_.watchers.add(fn, context);
  for (const auto& shard : shards_) {
    services_.host.post(shard->index(), [s = shard.get(), fn, context] {
      s->for_each([&](const Group* group) { group->role().tell_watcher(fn, context); });
    });
  }
}

void RaftPlugin::frame(int32_t from, chr_slice bytes) {
  const auto peer = static_cast<NodeId>(from);
  Result<Frame> frame = decode_frame(bytes, peer, services_.self);
  if (!frame) {
    services_.host.add(services_.metrics.decode_errors);
    return services_.host.warn("A message of node " + std::to_string(from) +
                               " was ignored: " + frame.error().message);
  }
  if (frame->heartbeat)
    spread_claims(services_.heartbeats.received(peer, *frame->heartbeat, services_.host.now_ns()));
  std::vector<std::vector<Envelope>> by_shard(shards_.size());
  for (Envelope& each : frame->messages) by_shard[each.group % shards_.size()].push_back(std::move(each));
  for (const auto& shard : shards_) {
    if (by_shard[shard->index()].empty()) continue;
    services_.host.post(shard->index(),
                        [s = shard.get(), messages = std::move(by_shard[shard->index()])]() mutable {
                          s->receive(std::move(messages));
                        });
  }
}

// To each shard what concerns its groups.
void RaftPlugin::spread_claims(const ReceivedClaims& claims) {
  if (claims.empty()) return;
  for (const auto& shard : shards_) {
    const auto others = [&](const LeaderClaim& claim) {
      return claim.group % shards_.size() != shard->index();
    };
    ReceivedClaims part = claims;
    for (ReceivedClaims::Stream& stream : part.streams) std::erase_if(stream.claims, others);
    std::erase_if(part.rejections, others);
    services_.host.post(shard->index(),
                        [s = shard.get(), part = std::move(part)] { s->receive_claims(part); });
  }
}

void RaftPlugin::link(int32_t peer, uint32_t up) {
  services_.heartbeats.link(static_cast<NodeId>(peer), up != 0);
  for (const auto& shard : shards_)
    services_.host.post(shard->index(),
                        [s = shard.get(), peer, up] { s->link(static_cast<NodeId>(peer), up != 0); });
}

}  // namespace
}  // namespace chronik::raft

using chronik::raft::RaftPlugin;
CHRONIK_PLUGIN(RaftPlugin)
