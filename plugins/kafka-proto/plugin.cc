// kafka-proto behind the ABI: its keys, its start and stop, and chronik.protocol/1.
#include <fmt/format.h>
#include <chronik/plugin.hpp>

#include "kafka-proto/admin/group_metrics.h"
#include "kafka-proto/admin/groups.h"
#include "kafka-proto/cluster/catalog_waits.h"
#include "kafka-proto/cluster/in_sync.h"
#include "kafka-proto/cluster/producer_ids.h"
#include "kafka-proto/configs/dynamic_configs.h"
#include "kafka-proto/configs/group_config.h"
#include "kafka-proto/coordinator/internal_topic.h"
#include "kafka-proto/group/coordinator.h"
#include "kafka-proto/handlers/broker.h"
#include "kafka-proto/handlers/fetch_sessions.h"
#include "kafka-proto/handlers/table.h"
#include "kafka-proto/partition/directory.h"
#include "kafka-proto/partition/elections.h"
#include "kafka-proto/server/connection.h"
#include "kafka-proto/server/server.h"

namespace chronik::kafka {
namespace {

constexpr int64_t kMiB = 1 << 20;
constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1000 * kMs;
constexpr int64_t kTenDays = 864'000 * kSecond;  // in ms it is an int32, as clients show it
constexpr int64_t kTenYears = 3'650 * 86'400 * kSecond;
constexpr int64_t kMaxInt32 = INT32_MAX;
constexpr chr_config_key kSchema[] = {
    config_key("listen", CHR_CONFIG_ADDRESS | CHR_CONFIG_LIST, "[\"127.0.0.1:9092\"]",
               "Where clients connect. A wildcard address needs advertise."),
    config_key("advertise", CHR_CONFIG_ADDRESS, "",
               "The address that clients are told for this node. Default: the first of listen."),
    config_key("max_request_size", CHR_CONFIG_SIZE, "\"100MiB\"", "The largest request that is accepted.",
               kMiB, 1024 * kMiB),
    config_key("queued_max_request_bytes", CHR_CONFIG_SIZE, "\"64MiB\"",
               "What requests of more than 4 MiB take over all connections until they are answered. Above "
               "it they wait, all but one.",
               kMiB, 1024 * 1024 * kMiB),
    config_key("auto_create_topics", CHR_CONFIG_BOOL, "true",
               "Whether asking for the metadata of an unknown topic creates it."),
    config_key("default_partitions", CHR_CONFIG_INT, "1",
               "Partitions of a topic that is created without a number.", 1, 10'000),
    config_key("default_replication_factor", CHR_CONFIG_INT, "0",
               "Replicas of a topic that is created without a number. 0: 3, or as many as there are nodes "
               "where those are fewer.",
               0, 32),
    config_key("fetch_max_bytes", CHR_CONFIG_SIZE, "\"8MiB\"", "The most that one Fetch answers.", 1024,
               1024 * kMiB),
    config_key("max_fetch_sessions", CHR_CONFIG_INT, "1000", "How many fetch sessions are remembered.", 0,
               1'000'000),
    config_key("producer_id_expiration", CHR_CONFIG_DURATION, "\"1d\"",
               "How long an idle idempotent producer is remembered.", kSecond, 365 * 86'400 * kSecond),
    config_key("replica_lag_time_max", CHR_CONFIG_DURATION, "\"30s\"",
               "A replica that had not all of its leader's log for longer is not in sync.", kSecond / 100,
               3'600 * kSecond),
    config_key("offsets_topic_partitions", CHR_CONFIG_INT, "50",
               "Partitions of __consumer_offsets, over which groups are spread. Fixed once it exists.", 1,
               10'000),
    config_key("offsets_topic_replication_factor", CHR_CONFIG_INT, "3",
               "Replicas of __consumer_offsets, or as many as there are nodes where those are fewer; more "
               "come when nodes join.",
               1, 32),
    config_key("offsets_topic_segment_bytes", CHR_CONFIG_SIZE, "\"100MiB\"",
               "Size at which the log of a partition of __consumer_offsets is trimmed to its snapshot.", kMiB,
               1024 * kMiB),
    config_key("offsets_retention", CHR_CONFIG_DURATION, "\"7d\"",
               "How long offsets are kept of a group without members, or of a topic that it left.",
               60 * kSecond, kTenYears),
    config_key("offsets_retention_check_interval", CHR_CONFIG_DURATION, "\"10m\"",
               "How often offsets are looked for that are to go.", kMs, kTenDays),
    config_key("offset_metadata_max_bytes", CHR_CONFIG_INT, "4096",
               "The most that a client may keep with an offset, in bytes.", 0, kMaxInt32),
    config_key("group_min_session_timeout", CHR_CONFIG_DURATION, "\"6s\"",
               "The shortest session timeout that a member of a classic group may ask for.", 0, kTenDays),
    config_key("group_max_session_timeout", CHR_CONFIG_DURATION, "\"30m\"",
               "The longest session timeout that a member of a classic group may ask for.", 0, kTenDays),
    config_key("group_initial_rebalance_delay", CHR_CONFIG_DURATION, "\"3s\"",
               "How long an empty classic group waits for more members before its first generation.", 0,
               kTenDays),
    config_key("group_max_size", CHR_CONFIG_INT, "2147483647", "Members of a classic group.", 1, kMaxInt32),
    config_key("group_max_member_bytes", CHR_CONFIG_SIZE, "\"1MiB\"",
               "The most that a member of a classic group may say of itself when it joins: the metadata of "
               "its protocols, and their names.",
               1024, 16 * kMiB),
    config_key("group_consumer_session_timeout", CHR_CONFIG_DURATION, "\"45s\"",
               "How long a member of a consumer group may be silent before it is removed.", kMs, kTenDays),
    config_key("group_consumer_min_session_timeout", CHR_CONFIG_DURATION, "\"45s\"",
               "The shortest session timeout that a consumer group may be set to.", kMs, kTenDays),
    config_key("group_consumer_max_session_timeout", CHR_CONFIG_DURATION, "\"60s\"",
               "The longest session timeout that a consumer group may be set to.", kMs, kTenDays),
    config_key("group_consumer_heartbeat_interval", CHR_CONFIG_DURATION, "\"5s\"",
               "How often members of a consumer group are told to send a heartbeat.", kMs, kTenDays),
    config_key("group_consumer_min_heartbeat_interval", CHR_CONFIG_DURATION, "\"5s\"",
               "The shortest heartbeat interval that a consumer group may be set to.", kMs, kTenDays),
    config_key("group_consumer_max_heartbeat_interval", CHR_CONFIG_DURATION, "\"15s\"",
               "The longest heartbeat interval that a consumer group may be set to.", kMs, kTenDays),
    config_key(
        "group_consumer_assignment_interval", CHR_CONFIG_DURATION, "\"1s\"",
        "How long a consumer group keeps a target assignment at least, however often members and topics "
        "change.",
        0, kTenDays),
    config_key("group_consumer_min_assignment_interval", CHR_CONFIG_DURATION, "\"0s\"",
               "The shortest assignment interval that a consumer group may be set to.", 0, kTenDays),
    config_key("group_consumer_max_assignment_interval", CHR_CONFIG_DURATION, "\"15s\"",
               "The longest assignment interval that a consumer group may be set to.", 0, kTenDays),
    config_key("group_consumer_regex_refresh_interval", CHR_CONFIG_DURATION, "\"10m\"",
               "How often the regular expressions that consumer groups subscribe by are resolved again also "
               "where no topic came or went.",
               10 * kSecond, kTenDays),
    config_key("group_consumer_max_size", CHR_CONFIG_INT, "2147483647", "Members of a consumer group.", 1,
               kMaxInt32),
    config_key("group_consumer_assignors", CHR_CONFIG_STRING | CHR_CONFIG_LIST, "[\"uniform\", \"range\"]",
               "The assignors that consumer groups may use, by name. The first is the default."),
    config_key("group_consumer_migration_policy", CHR_CONFIG_CHOICE, "\"bidirectional\"",
               "Which groups may change their kind while they have members: classic ones (upgrade), consumer "
               "groups (downgrade), both, or none.",
               0, 0, "bidirectional|upgrade|downgrade|disabled"),
};

// A session is a shared pointer to its connection, held by the host between accept() and closed().
using Session = std::shared_ptr<Connection>;
Connection& connection_of(void* session) { return **static_cast<Session*>(session); }

class KafkaPlugin final : public Plugin {
 public:
  static constexpr std::string_view kId = "kafka-proto", kVersion = "0.1.0";
  static std::span<const chr_config_key> schema() { return kSchema; }
  static Status validate(std::string_view json) {
    CHRONIK_CHECK(validate_listeners(json));
    return validate_groups(json);
  }

  explicit KafkaPlugin(Host host) : broker_(host) {}
  const void* service(std::string_view id, void** instance) override;
  Result<Progress> start(uint64_t token) override;
  Result<Progress> stop(uint64_t token) override;

  chr_status accept(chr_conn* conn, const chr_conn_info* info, void** session);

 private:
  void make_broker(Assignors assignors);
  void make_coordinators(Assignors assignors);
  Status listen();
  void end_connections();
  void drain();
  void drained(size_t open_connections);

  Broker broker_;
  std::unique_ptr<GroupAdmin> group_admin_;
  std::unique_ptr<GroupMetrics> group_metrics_;
  std::unique_ptr<Server> server_;
  uint64_t stop_token_ = 0;
};

uint64_t CHR_CALL on_data(void* session, chr_slice bytes, uint64_t* need) noexcept {
  try {
    return connection_of(session).data(bytes, need);
  } catch (const std::exception& e) {
    connection_of(session).refuse(e.what());
    return bytes.n;
  }
}
void CHR_CALL on_drained(void* session) noexcept { connection_of(session).drained(); }
void CHR_CALL on_closed(void* session, chr_status) noexcept {
  connection_of(session).closed();
  delete static_cast<Session*>(session);
}
constexpr chr_protocol_v1 kProtocol = {
    sizeof(chr_protocol_v1), 1, thunk<&KafkaPlugin::accept>, on_data, on_drained, on_closed};

const void* KafkaPlugin::service(std::string_view id, void** instance) {
  if (id != CHR_PROTOCOL_ID) return nullptr;
  *instance = this;
  return &kProtocol;
}

Result<Progress> KafkaPlugin::start(uint64_t) {
  const Host& host = broker_.host;
  CHRONIK_CHECK(broker_.find());
  CHRONIK_TRY(Assignors assignors, Assignors::acquire(host, broker_.config.groups.consumer.assignors));
  make_broker(std::move(assignors));
  server_ = std::make_unique<Server>(broker_, broker_.config, api_entries(), broker_);
  CHRONIK_CHECK(broker_.peer_channel->open());
  CHRONIK_CHECK(listen());
  host.post(0, [this] {
    broker_.in_sync->start();
    broker_.partitions->start();
    broker_.groups->start();
    if (const Status open = group_admin_->open(); !open)
      broker_.host.warn("groups are not shown over HTTP: " + open.error().message);
    group_metrics_->start();
  });
  return Progress::kDone;
}

// Who is told of links first: who is in sync, the partitions, then those that wait.
void KafkaPlugin::make_broker(Assignors assignors) {
  const Host& host = broker_.host;
  for (uint32_t shard = 0; shard < host.shard_count(); ++shard)
    broker_.codecs.push_back(std::make_unique<Codecs>());
  broker_.dynamic_configs = std::make_unique<DynamicConfigs>(host.node().id, broker_.config.topic_defaults);
  broker_.controller = std::make_unique<ControllerView>(host);
  broker_.catalog_waits = std::make_unique<CatalogWaits>(broker_);
  broker_.peer_channel = std::make_unique<PeerChannel>(broker_);
  broker_.in_sync = std::make_unique<InSync>(broker_, *broker_.peer_channel);
  broker_.partitions =
      std::make_unique<PartitionDirectory>(broker_, broker_.config, *broker_.dynamic_configs,
                                           *broker_.in_sync, *broker_.controller, *broker_.catalog_waits);
  broker_.peer_channel->observe_links([this](int32_t, bool up) {
    broker_.partitions->links_changed();
    broker_.catalog_waits->changed();
    if (!up) broker_.controller->link_lost();
  });
  broker_.peers = std::make_unique<PeerCalls>(broker_, *broker_.peer_channel);
  broker_.elections =
      std::make_unique<Elections>(broker_, *broker_.partitions, *broker_.peer_channel, *broker_.peers);
  broker_.producer_ids = std::make_unique<ProducerIds>(broker_);
  broker_.fetch_sessions = std::make_unique<FetchSessions>(broker_.config.max_fetch_sessions);
  make_coordinators(std::move(assignors));
}

void KafkaPlugin::make_coordinators(Assignors assignors) {
  broker_.offsets_topic =
      std::make_unique<InternalTopic>(broker_, offsets_topic_settings(broker_.host, broker_.config));
  broker_.groups = std::make_unique<GroupCoordinator>(broker_, *broker_.partitions, broker_.config.groups,
                                                      std::move(assignors));
  DirectoryHooks hooks;
  hooks.hosted = [this](Partition& partition) { broker_.groups->observe(partition); };
  hooks.changed = [this](const Catalog& catalog) {
    broker_.offsets_topic->follow_catalog(catalog);
    broker_.groups->follow_catalog(catalog);
  };
  broker_.partitions->set_hooks(std::move(hooks));
  group_admin_ = std::make_unique<GroupAdmin>(broker_, *broker_.groups, *broker_.partitions,
                                              *broker_.peer_channel, *broker_.peers);
  group_metrics_ = std::make_unique<GroupMetrics>(broker_, *broker_.partitions, group_admin_->logs());
}

// The port answers before the catalog is there: clients get errors that make them ask again.
Status KafkaPlugin::listen() {
  const Host& host = broker_.host;
  const std::string_view told = host.config_string("advertise");
  if (!told.empty()) CHRONIK_CHECK(validate_advertised(told));
  Address advertised = parse_address(told);
  std::string_view text;
  for (uint32_t i = 0; host.config_string_at("listen", i, &text); ++i) {
    uint16_t port = 0;
    chr_error error = make_abi_error();
    const chr_status status = broker_.net->listen(host.self(), to_abi(text), &kProtocol, this, &port, &error);
    if (status != CHR_OK) return std::unexpected(from_abi(error, status));
    const Address bound = {parse_address(text).host, port};
    host.info("listening for Kafka clients", fmt::format("address={}:{}", bound.host, bound.port));
    if (advertised.host.empty()) advertised = bound;
  }
  if (advertised.port == 0) return fail(Code::kInvalidArgument, "kafka.listen names no address");
  broker_.advertised.store(std::make_shared<const Address>(advertised));
  broker_.metadata.announce(advertised.host, advertised.port);
  return {};
}

// First the partitions close, and other nodes take over what is led here, while clients are still told where
// to go; every call that waits for one ends with that. Then no connection starts anything new.
Result<Progress> KafkaPlugin::stop(uint64_t token) {
  if (server_ == nullptr) return Progress::kDone;  // start failed early
  stop_token_ = token;
  broker_.host.post(0, [this] { broker_.partitions->stop([this] { end_connections(); }); });
  return Progress::kPending;
}

void KafkaPlugin::end_connections() {
  broker_.stopping.store(true, std::memory_order_relaxed);
  broker_.catalog_waits->changed();
  for (uint32_t shard = 0; shard < broker_.host.shard_count(); ++shard)
    broker_.host.post(shard, [this, shard] {
      broker_.groups->stop_timers(shard);
      server_->connections[shard]->wind_down();
    });
  broker_.host.post(0, [this] {
    group_metrics_->stop();
    broker_.offsets_topic->stop();
    broker_.groups->stop();
    broker_.elections->stop();
    broker_.peers->stop();
    broker_.in_sync->stop();
    broker_.peer_channel->stop();
    drain();
  });
}

// Shard 0. Waits until no connection and no call is left.
void KafkaPlugin::drain() {
  const auto open = std::make_shared<std::atomic<size_t>>(0);
  const auto shards_left = std::make_shared<std::atomic<uint32_t>>(broker_.host.shard_count());
  for (uint32_t shard = 0; shard < broker_.host.shard_count(); ++shard) {
    broker_.host.post(shard, [this, shard, open, shards_left] {
      open->fetch_add(server_->connections[shard]->wind_down());
      if (shards_left->fetch_sub(1) == 1) broker_.host.post(0, [this, open] { drained(open->load()); });
    });
  }
}

void KafkaPlugin::drained(size_t open_connections) {
  constexpr uint64_t kLookAgainNs = 1'000'000;
  if (open_connections == 0 && broker_.open_calls.load(std::memory_order_acquire) == 0)
    return broker_.host.complete(std::exchange(stop_token_, 0), CHR_OK);
  broker_.host.timer(kLookAgainNs, [](void* self) { static_cast<KafkaPlugin*>(self)->drain(); }, this);
}

chr_status KafkaPlugin::accept(chr_conn* conn, const chr_conn_info* info, void** session) {
  if (broker_.stopping.load(std::memory_order_relaxed)) return CHR_E_SHUTTING_DOWN;
  ConnectionSet& set = *server_->connections[static_cast<size_t>(broker_.host.current_shard())];
  *session =
      new Session(std::make_shared<Connection>(*server_, set, conn, std::string(from_abi(info->peer))));
  return CHR_OK;
}

}  // namespace
}  // namespace chronik::kafka

using chronik::kafka::KafkaPlugin;
CHRONIK_PLUGIN(KafkaPlugin)
