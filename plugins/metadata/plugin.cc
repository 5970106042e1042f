// The plugin metadata: chronik.metadata/1 over the service.
#include <chronik/draft/internal_topics.h>
#include <chronik/metadata.h>

#include <algorithm>
#include <chronik/plugin.hpp>

#include "metadata/service/feature_service.h"
#include "metadata/service/liveness_service.h"
#include "metadata/service/node_service.h"
#include "metadata/service/record_service.h"
#include "metadata/service/topic_change_service.h"

namespace chronik::metadata {
namespace {

const Image& image_of(const chr_catalog* catalog) { return *reinterpret_cast<const Image*>(catalog); }

// Whoever makes a topic that brokers keep for themselves says so by a config, which clients cannot set.
bool is_internal(const Topic& topic) {
  constexpr std::string_view kKey = CHR_INTERNAL_CONFIG;
  const auto found = std::ranges::lower_bound(topic.configs, kKey, {}, &Configs::value_type::first);
  return found != topic.configs.end() && found->first == kKey && found->second == "true";
}

chr_status describe(const Image& image, size_t at, chr_topic* out) {
  if (at >= image.topics.size()) return CHR_E_NOT_FOUND;
  const Topic& topic = *image.topics[at];
  out->n_partitions = static_cast<uint32_t>(topic.partitions.size());
  out->id = topic.id.to_abi();
  out->name = to_abi(topic.name);
  out->handle = static_cast<uint32_t>(at);
  out->internal = is_internal(topic) ? 1 : 0;
  return CHR_OK;
}

// Enough of it to be refused.
std::vector<int32_t> target_of(const chr_reassignment& from) {
  const uint32_t n = std::min(from.n_replicas, static_cast<uint32_t>(kMaxReplicationFactor) + 1);
  return {from.replicas, from.replicas + n};
}

constexpr chr_config_key kSchema[] = {
    config_key("snapshot_entries", CHR_CONFIG_INT, "10000",
               "Changes of the catalog after which the log of __meta is trimmed to a snapshot. A node that "
               "starts, or joins, applies hardly more than that.",
               1, 100'000'000),
    config_key("snapshot_bytes", CHR_CONFIG_SIZE, "\"20MiB\"",
               "Size at which the log of __meta is trimmed to a snapshot, however few changes are in it.",
               1 << 16, 1ll << 40),
};

class Metadata final : public Plugin {
 public:
  static constexpr std::string_view kId = "metadata";
  static constexpr std::string_view kVersion = "0.1.0";
  static std::span<const chr_config_key> schema() { return kSchema; }

  explicit Metadata(Host host) : host_(host) {}

  const void* service(std::string_view id, void** instance) override;
  Result<Progress> start(uint64_t token) override;
  Result<Progress> stop(uint64_t token) override;

  // ---- chr_metadata_v1: reading ----
  chr_catalog* catalog() {
    return reinterpret_cast<chr_catalog*>(const_cast<Image*>(service_->views().current().release()));
  }
  void release(chr_catalog* catalog) { image_of(catalog).release(); }
  uint64_t version(chr_catalog* catalog) { return image_of(catalog).version; }
  chr_str cluster_id(chr_catalog* catalog) { return to_abi(image_of(catalog).cluster_id); }
  int32_t controller() { return service_->controller(); }
  uint32_t n_topics(chr_catalog* catalog) { return static_cast<uint32_t>(image_of(catalog).topics.size()); }
  chr_status topic_at(chr_catalog* catalog, uint32_t i, chr_topic* out) {
    return i < n_topics(catalog) ? describe(image_of(catalog), i, out) : CHR_E_OUT_OF_RANGE;
  }
  chr_status topic_by_name(chr_catalog* catalog, chr_str name, chr_topic* out) {
    return describe(image_of(catalog), image_of(catalog).find(from_abi(name)), out);
  }
  chr_status topic_by_id(chr_catalog* catalog, const chr_uuid* id, chr_topic* out) {
    return describe(image_of(catalog), image_of(catalog).find(Uuid::from_abi(*id)), out);
  }
  chr_status partition(chr_catalog* catalog, uint32_t handle, int32_t partition, chr_partition* out);
  chr_status config_at(chr_catalog* catalog, uint32_t handle, uint32_t i, chr_config_entry* out);
  uint32_t n_brokers(chr_catalog* catalog) { return static_cast<uint32_t>(image_of(catalog).nodes->size()); }
  chr_status broker_at(chr_catalog* catalog, uint32_t i, chr_broker* out);
  void watch(chr_catalog_fn fn, void* context) { service_->views().watch(fn, context); }
  void unwatch(chr_catalog_fn fn, void* context) { service_->views().unwatch(fn, context); }

  // ---- chr_metadata_v1: changing ----
  chr_status create_topics(const chr_new_topic* topics, uint32_t n, uint32_t validate_only,
                           uint64_t timeout_ns, chr_change_result* results, uint64_t token, chr_error* error);
  chr_status delete_topics(const chr_uuid* topics, uint32_t n, uint64_t timeout_ns,
                           chr_change_result* results, uint64_t token, chr_error* error);
  chr_status create_partitions(const chr_more_partitions* items, uint32_t n, uint32_t validate_only,
                               uint64_t timeout_ns, chr_change_result* results, uint64_t token,
                               chr_error* error);
  chr_status allocate_producer_ids(uint64_t timeout_ns, uint64_t token, chr_error* error);
  chr_status alter_reassignments(const chr_reassignment* items, uint32_t n, uint64_t timeout_ns,
                                 chr_change_result* results, uint64_t token, chr_error* error);
  chr_status finish_reassignments(const chr_reassignment* items, uint32_t n, uint64_t timeout_ns,
                                  chr_change_result* results, uint64_t token, chr_error* error);
  chr_status describe_quorum(uint64_t timeout_ns, chr_quorum* out, uint64_t token, chr_error*) {
    service_->describe_quorum(timeout_ns, out, token);
    return CHR_PENDING;
  }
  chr_status alter_configs(const chr_topic_configs* items, uint32_t n, uint32_t validate_only,
                           uint64_t timeout_ns, chr_change_result* results, uint64_t token, chr_error* error);
  void announce(chr_str host, uint16_t port) { service_->announce(std::string(from_abi(host)), port); }

 private:
  chr_status submit(Request request, uint32_t n, chr_error* error);

  const Host host_;
  std::unique_ptr<Service> service_;
  FeatureService features_{&service_};
  RecordService records_{&service_};
  TopicChangeService changes_{describe};
  LivenessService liveness_{&service_};
  NodeService nodes_{&service_};
};

constexpr chr_metadata_v1 kTable = {
    sizeof kTable,
    1,
    thunk<&Metadata::catalog>,
    thunk<&Metadata::release>,
    thunk<&Metadata::version>,
    thunk<&Metadata::cluster_id>,
    thunk<&Metadata::controller>,
    thunk<&Metadata::n_topics>,
    thunk<&Metadata::topic_at>,
    thunk<&Metadata::topic_by_name>,
    thunk<&Metadata::topic_by_id>,
    thunk<&Metadata::partition>,
    thunk<&Metadata::config_at>,
    thunk<&Metadata::n_brokers>,
    thunk<&Metadata::broker_at>,
    thunk<&Metadata::watch>,
    thunk<&Metadata::unwatch>,
    thunk<&Metadata::create_topics>,
    thunk<&Metadata::delete_topics>,
    thunk<&Metadata::create_partitions>,
    thunk<&Metadata::allocate_producer_ids>,
    thunk<&Metadata::announce>,
    thunk<&Metadata::alter_reassignments>,
    thunk<&Metadata::finish_reassignments>,
    thunk<&Metadata::describe_quorum>,
    thunk<&Metadata::alter_configs>,
};

const void* Metadata::service(std::string_view id, void** instance) {
  if (id == CHR_FEATURES_ID) {
    *instance = &features_;
    return &FeatureService::table();
  }
  if (id == CHR_RECORDS_ID) {
    *instance = &records_;
    return &RecordService::table();
  }
  if (id == CHR_TOPIC_CHANGES_ID) {
    *instance = &changes_;
    return &TopicChangeService::table();
  }
  if (id == CHR_LIVENESS_ID) {
    *instance = &liveness_;
    return &LivenessService::table();
  }
  if (id == CHR_NODES_ID) {
    *instance = &nodes_;
    return &NodeService::table();
  }
  if (id != CHR_METADATA_ID) return nullptr;
  *instance = this;
  return &kTable;
}

Result<Progress> Metadata::start(uint64_t token) {
  ServiceOptions options;
  Replica::Services& services = options.services;
  CHRONIK_TRY(services.consensus, Consensus::acquire(host_));
  services.learners = host_.acquire<chr_learners_v1>(CHR_LEARNERS_ID, &services.learners_instance);
  options.retry.table = host_.acquire<chr_retry_policy_v1>(CHR_RETRY_POLICY_ID, &options.retry.instance);
  if (options.retry.table == nullptr)
    return fail(Code::kNotFound, "no plugin provides chronik.retry_policy/1");
  options.log.entries =
      static_cast<uint64_t>(host_.config_int("snapshot_entries", static_cast<int64_t>(options.log.entries)));
  options.log.bytes =
      static_cast<uint64_t>(host_.config_int("snapshot_bytes", static_cast<int64_t>(options.log.bytes)));
  const uint32_t home = services.consensus.shard_of("__meta");
  service_ = std::make_unique<Service>(host_, options, home);
  CHRONIK_CHECK(service_->start(token));
  return Progress::kPending;
}

Result<Progress> Metadata::stop(uint64_t token) {
  if (!service_) return Progress::kDone;
  service_->stop(token);
  return Progress::kPending;
}

chr_status Metadata::partition(chr_catalog* catalog, uint32_t handle, int32_t partition, chr_partition* out) {
  const Image& image = image_of(catalog);
  if (handle >= image.topics.size()) return CHR_E_NOT_FOUND;
  const Topic& topic = *image.topics[handle];
  if (partition < 0 || static_cast<size_t>(partition) >= topic.partitions.size()) return CHR_E_NOT_FOUND;
  const PartitionState state = service_->leader_of(topic, partition);
  out->leader = state.leader;
  out->term = state.term;
  const std::span<const int32_t> replicas = topic.replicas_of(static_cast<size_t>(partition));
  out->replicas = replicas.data();
  out->n_replicas = static_cast<uint32_t>(replicas.size());
  const OngoingReassignment* ongoing = topic.reassignment_of(partition);
  out->target = ongoing == nullptr ? nullptr : ongoing->target.data();
  out->n_target = ongoing == nullptr ? 0 : static_cast<uint32_t>(ongoing->target.size());
  out->others = ongoing == nullptr ? nullptr : ongoing->also_removing.data();
  out->n_others = ongoing == nullptr ? 0 : static_cast<uint32_t>(ongoing->also_removing.size());
  return CHR_OK;
}

chr_status Metadata::config_at(chr_catalog* catalog, uint32_t handle, uint32_t i, chr_config_entry* out) {
  const Image& image = image_of(catalog);
  if (handle >= image.topics.size()) return CHR_E_NOT_FOUND;
  const Configs& configs = image.topics[handle]->configs;
  if (i >= configs.size()) return CHR_E_OUT_OF_RANGE;
  *out = {to_abi(configs[i].first), to_abi(configs[i].second)};
  return CHR_OK;
}

chr_status Metadata::broker_at(chr_catalog* catalog, uint32_t i, chr_broker* out) {
  const std::vector<Node>& nodes = *image_of(catalog).nodes;
  if (i >= nodes.size()) return CHR_E_OUT_OF_RANGE;
  out->id = nodes[i].id;
  out->host = to_abi(nodes[i].host);
  out->port = nodes[i].port;
  out->rack = to_abi(nodes[i].rack);
  out->raft = to_abi(nodes[i].raft);
  out->leaving = nodes[i].leaving ? 1 : 0;
  return CHR_OK;
}

chr_status Metadata::submit(Request request, uint32_t n, chr_error* error) {
  if (n > kMaxItems) return report(error, CHR_E_INVALID_ARGUMENT, "a change has at most 10000 items");
  service_->submit(std::move(request));
  return CHR_PENDING;
}

chr_status Metadata::create_topics(const chr_new_topic* topics, uint32_t n, uint32_t validate_only,
                                   uint64_t timeout_ns, chr_change_result* results, uint64_t token,
                                   chr_error* error) {
  CreateTopics body;
  body.items.reserve(n);
  for (uint32_t i = 0; i < n; ++i) {
    const chr_new_topic& from = topics[i];
    NewTopic item;
    item.id = service_->new_id();
    item.name = std::string(from_abi(from.name).substr(0, 2 * kMaxNameBytes));  // enough to be refused
    item.partitions = from.partitions;
    item.replication_factor = from.replication_factor;
    if (from.assignment != nullptr && from.partitions > 0 && from.partitions <= kMaxPartitions &&
        from.replication_factor > 0 && from.replication_factor <= kMaxReplicationFactor)
      item.replicas.assign(from.assignment, from.assignment + static_cast<std::ptrdiff_t>(from.partitions) *
                                                                  from.replication_factor);
    for (uint64_t k = 0; k < std::min<uint64_t>(from.n_configs, kMaxConfigs + 1); ++k)
      item.configs.emplace_back(from_abi(from.configs[k].key), from_abi(from.configs[k].value));
    body.items.push_back(std::move(item));
  }
  return submit({std::move(body), validate_only != 0, timeout_ns, results, token}, n, error);
}

chr_status Metadata::delete_topics(const chr_uuid* topics, uint32_t n, uint64_t timeout_ns,
                                   chr_change_result* results, uint64_t token, chr_error* error) {
  DeleteTopics body;
  for (uint32_t i = 0; i < n; ++i) body.items.push_back({{}, Uuid::from_abi(topics[i])});
  return submit({std::move(body), false, timeout_ns, results, token}, n, error);
}

chr_status Metadata::create_partitions(const chr_more_partitions* items, uint32_t n, uint32_t validate_only,
                                       uint64_t timeout_ns, chr_change_result* results, uint64_t token,
                                       chr_error* error) {
  CreatePartitions body;
  for (uint32_t i = 0; i < n; ++i) {
    MorePartitions item;
    item.name = std::string(from_abi(items[i].topic).substr(0, 2 * kMaxNameBytes));
    item.total = items[i].total;
    item.replicas.assign(items[i].assignment, items[i].assignment + items[i].n_assignment);
    body.items.push_back(std::move(item));
  }
  return submit({std::move(body), validate_only != 0, timeout_ns, results, token}, n, error);
}

chr_status Metadata::alter_reassignments(const chr_reassignment* items, uint32_t n, uint64_t timeout_ns,
                                         chr_change_result* results, uint64_t token, chr_error* error) {
  AlterReassignments body;
  for (uint32_t i = 0; i < n; ++i) {
    const chr_reassignment& from = items[i];
    Reassignment item;
    item.id = Uuid::from_abi(from.topic);
    item.partition = from.partition;
    item.cancel = (from.flags & CHR_REASSIGN_CANCEL) != 0;
    item.same_factor = (from.flags & CHR_REASSIGN_SAME_FACTOR) != 0;
    item.replicas = target_of(from);
    body.items.push_back(std::move(item));
  }
  return submit({std::move(body), false, timeout_ns, results, token}, n, error);
}

chr_status Metadata::finish_reassignments(const chr_reassignment* items, uint32_t n, uint64_t timeout_ns,
                                          chr_change_result* results, uint64_t token, chr_error* error) {
  FinishReassignments body;
  for (uint32_t i = 0; i < n; ++i)
    body.items.push_back({{}, Uuid::from_abi(items[i].topic), items[i].partition, target_of(items[i])});
  return submit({std::move(body), false, timeout_ns, results, token}, n, error);
}

chr_status Metadata::alter_configs(const chr_topic_configs* items, uint32_t n, uint32_t validate_only,
                                   uint64_t timeout_ns, chr_change_result* results, uint64_t token,
                                   chr_error* error) {
  AlterConfigs body;
  for (uint32_t i = 0; i < n; ++i) {
    AlteredConfigs item;
    item.id = Uuid::from_abi(items[i].topic);
    for (uint32_t k = 0; k < std::min<uint32_t>(items[i].n_changes, kMaxConfigs + 1); ++k) {
      const chr_config_change& from = items[i].changes[k];
      item.changes.push_back({std::string(from_abi(from.key)),
                              from.remove != 0 ? std::string() : std::string(from_abi(from.value)),
                              from.remove != 0});
    }
    body.items.push_back(std::move(item));
  }
  return submit({std::move(body), validate_only != 0, timeout_ns, results, token}, n, error);
}

chr_status Metadata::allocate_producer_ids(uint64_t timeout_ns, uint64_t token, chr_error* error) {
  return submit({AllocateProducerIds{}, false, timeout_ns, nullptr, token}, 0, error);
}

}  // namespace
}  // namespace chronik::metadata

CHRONIK_PLUGIN(chronik::metadata::Metadata)
