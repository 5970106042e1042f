// Metadata (3): brokers, topics, leaders;
// creates topics that a client asks for by name where that is allowed (KIP-204).
#include <algorithm>
#include <set>
#include <utility>

#include "kafka-proto/cluster/catalog_waits.h"
#include "kafka-proto/coordinator/internal_topic.h"
#include "kafka-proto/group/coordinator.h"
#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/metadata.h"

namespace chronik::kafka {
namespace {

constexpr uint64_t kCreateTimeoutNs = 5'000'000'000;
constexpr size_t kMaxCreated = 10'000;               // by one request
constexpr uint64_t kFirstElectionsNs = 500'000'000;  // how long what was created may be without leaders
constexpr uint64_t kFirstBrokersNs = 1'000'000'000;  // how long a node may know of none

// What answers are made of.
struct Answering {
  Describing& describing;
  AnswerRoom& room;
  const int16_t version;
  const bool with_operations;
};

MetadataResponse::Topic describe(const Answering& answering, const chr_topic& topic) {
  MetadataResponse::Topic out;
  out.name = from_abi(topic.name);
  out.topic_id = topic.id;
  out.is_internal = topic.internal != 0 || is_internal_topic(out.name.value_or(""));
  out.topic_authorized_operations = answering.with_operations ? kTopicOperations : kOperationsNotAsked;
  answering.room.take_bytes(topic.n_partitions * sizeof(MetadataResponse::Partition));
  if (answering.room.passed()) return out;
  out.partitions.reserve(topic.n_partitions);
  for (uint32_t i = 0; i < topic.n_partitions; ++i)
    out.partitions.push_back(
        answering.describing.partition<MetadataResponse::Partition>(topic, static_cast<int32_t>(i)));
  return out;
}

MetadataResponse::Topic unknown(const MetadataRequest::Topic& asked, ErrorCode code,
                                bool with_operations = false) {
  MetadataResponse::Topic out;
  out.topic_authorized_operations = with_operations ? kTopicOperations : kOperationsNotAsked;
  out.error_code = code;
  out.name = asked.name;
  out.topic_id = asked.topic_id;
  return out;
}

// Null asks for all topics; in version 0 an empty list did.
bool asks_for_all(const Call<Metadata>& call) {
  return !call.request().topics.has_value() || (call.version() == 0 && call.request().topics->empty());
}

MetadataResponse::Topic describe_asked(const Answering& answering, const MetadataRequest::Topic& asked) {
  const Catalog& catalog = answering.describing.catalog();
  const bool by_id = answering.version >= 12 && !is_zero(asked.topic_id);
  if (by_id) {
    const std::optional<chr_topic> topic = catalog.topic(asked.topic_id);
    if (topic.has_value()) return describe(answering, *topic);
    MetadataResponse::Topic out =
        unknown(asked, absent(catalog, ErrorCode::kUnknownTopicId, ErrorCode::kLeaderNotAvailable));
    out.name.reset();
    return out;
  }
  const std::string_view name = asked.name.value_or(std::string_view());
  if (!topic_name_problem(name).empty())
    return unknown(asked, ErrorCode::kInvalidTopicException, answering.with_operations);
  const std::optional<chr_topic> topic = catalog.topic(name);
  if (topic.has_value()) return describe(answering, *topic);
  return unknown(asked, absent(catalog, ErrorCode::kUnknownTopicOrPartition, ErrorCode::kLeaderNotAvailable),
                 answering.with_operations);
}

void describe_topics(const Answering& answering, const Call<Metadata>& call, MetadataResponse& response) {
  AnswerRoom& room = answering.room;
  if (asks_for_all(call)) {
    const Catalog& catalog = answering.describing.catalog();
    response.topics.reserve(catalog.topic_count());
    for (uint32_t i = 0; i < catalog.topic_count() && !room.passed(); ++i)
      room.row(response.topics) = describe(answering, *catalog.topic_at(i));
    return;
  }
  for (const MetadataRequest::Topic& asked : *call.request().topics) {
    if (room.passed()) break;
    room.row(response.topics) = describe_asked(answering, asked);
  }
}

void answer(Broker& broker, const Catalog& catalog, Call<Metadata>& call) {
  const MetadataRequest& request = call.request();
  MetadataResponse response;
  const std::vector<chr_broker> brokers = usable_brokers(broker, catalog);
  for (const chr_broker& b : brokers) {
    MetadataResponse::Broker out;
    out.node_id = b.id;
    out.host = from_abi(b.host);
    out.port = b.port;
    if (b.rack.n != 0) out.rack = from_abi(b.rack);
    response.brokers.push_back(out);
  }
  if (!catalog.cluster_id().empty()) response.cluster_id = catalog.cluster_id();
  response.controller_id = controller_of(broker, catalog, brokers);
  Describing describing(broker, catalog);
  describe_topics({describing, call.room(), call.version(), request.include_topic_authorized_operations},
                  call, response);
  if (request.include_cluster_authorized_operations)
    response.cluster_authorized_operations = kClusterOperations;
  call.answer(response);
}

// Versions 10 and 11 have the fields for ids, and cannot ask by them.
bool asks_by_id_too_early(const Call<Metadata>& call) {
  if (call.version() < 10 || call.version() > 11 || !call.request().topics.has_value()) return false;
  return std::ranges::any_of(*call.request().topics, [](const MetadataRequest::Topic& topic) {
    return !topic.name.has_value() || !is_zero(topic.topic_id);
  });
}

void refuse(Call<Metadata>& call) {
  MetadataResponse response;
  for (const MetadataRequest::Topic& asked : *call.request().topics)
    call.room().row(response.topics) = unknown(asked, ErrorCode::kInvalidRequest);
  call.answer(response);
}

// However often a request names a topic, it is looked for and told of once, as in Kafka: where there is an
// id, whatever name stands beside it.
void name_once(Call<Metadata>& call) {
  if (!call.request().topics.has_value()) return;
  std::set<std::pair<std::string_view, std::string_view>> named;
  std::erase_if(*call.request().topics, [&](const MetadataRequest::Topic& topic) {
    const std::string_view id(reinterpret_cast<const char*>(topic.topic_id.b), sizeof topic.topic_id.b);
    // mutant ids_told_often: const bool by_id = false;
    const bool by_id = !is_zero(topic.topic_id);
    const std::string_view name = by_id ? std::string_view() : topic.name.value_or(std::string_view());
    // mutant leaders_sought_often: return false;
    return !named.emplace(name, id).second;
  });
}

bool may_create(const Broker& broker, const Call<Metadata>& call) {
  return !asks_for_all(call) && broker.config.auto_create_topics && call.request().allow_auto_topic_creation;
}

// The topic of groups is made by asking, too, as it is for the first group.
bool lacks_offsets_topic(const Broker& broker, const Catalog& catalog, const Call<Metadata>& call) {
  return may_create(broker, call) && !catalog.topic(kOffsetsTopic).has_value() &&
         std::ranges::any_of(*call.request().topics,
                             [](const auto& asked) { return asked.name == kOffsetsTopic; }) &&
         broker.groups->is_enabled();
}

std::set<std::string_view> missing_topics(const Broker& broker, const Catalog& catalog,
                                          const Call<Metadata>& call) {
  std::set<std::string_view> missing;
  if (!may_create(broker, call)) return missing;
  for (const MetadataRequest::Topic& asked : *call.request().topics) {
    if (missing.size() == kMaxCreated) break;  // the catalog takes no more at once
    const std::string_view name = asked.name.value_or(std::string_view());
    // Those that are internal are made by what keeps something in them.
    const bool ours = is_internal_topic(name) || name == kCatalogTopic;
    if (is_zero(asked.topic_id) && topic_name_problem(name).empty() && !ours && !catalog.topic(name))
      missing.insert(name);
  }
  return missing;
}

// A call that waits for what it asks for.
struct MetadataJob {
  Broker& broker;
  Call<Metadata> call;
  size_t topic = 0;  // those before it were found to have leaders
  int32_t partition = 0;
};

std::optional<chr_topic> asked_topic(const Catalog& catalog, const Call<Metadata>& call, size_t at) {
  if (asks_for_all(call)) return catalog.topic_at(static_cast<uint32_t>(at));
  const MetadataRequest::Topic& asked = (*call.request().topics)[at];
  return is_zero(asked.topic_id) ? catalog.topic(asked.name.value_or(std::string_view()))
                                 : catalog.topic(asked.topic_id);
}

bool finds_leaders(MetadataJob& asking, const Catalog& catalog) {
  const size_t n = asks_for_all(asking.call) ? catalog.topic_count() : asking.call.request().topics->size();
  for (; asking.topic < n; ++asking.topic, asking.partition = 0) {
    const std::optional<chr_topic> topic = asked_topic(catalog, asking.call, asking.topic);
    const auto partitions = topic.has_value() ? static_cast<int32_t>(topic->n_partitions) : 0;
    for (; asking.partition < partitions; ++asking.partition) {
      const std::optional<chr_partition> partition = catalog.partition(*topic, asking.partition);
      if (partition.has_value() && !is_led(asking.broker, *partition)) return false;
    }
  }
  return true;
}

// Clients that are told of a partition without a leader ask again only a second or so later. An election
// takes milliseconds, so it is worth to wait for it, within bounds. Whatever came of it, the catalog says
// what is true now.
void answer_with_leaders(const std::shared_ptr<MetadataJob>& asking, uint64_t until_ns) {
  asking->broker.catalog_waits->wait(until_ns, [asking](const Catalog& catalog, bool over) {
    if (!over && !finds_leaders(*asking, catalog)) return false;
    answer(asking->broker, catalog, asking->call);
    return true;
  });
}

// Creates what is missing first.
void create(const std::shared_ptr<MetadataJob>& asking, const std::set<std::string_view>& missing,
            int32_t factor) {
  Broker& broker = asking->broker;
  std::vector<chr_new_topic> topics;
  for (const std::string_view name : missing) {
    chr_new_topic topic{};
    topic.name = to_abi(name);
    topic.partitions = broker.config.default_partitions;
    topic.replication_factor = factor;
    topics.push_back(topic);
  }
  broker.metadata.create_topics(topics, false, kCreateTimeoutNs, [asking](const Result<ChangeResults>&) {
    answer_with_leaders(asking, asking->broker.host.now_ns() + kFirstElectionsNs);
  });
}

void create_missing(const std::shared_ptr<MetadataJob>& asking, const Catalog& catalog,
                    uint64_t leaders_until_ns) {
  Broker& broker = asking->broker;
  const std::set<std::string_view> missing = missing_topics(broker, catalog, asking->call);
  if (missing.empty()) return answer_with_leaders(asking, leaders_until_ns);
  create(asking, missing, default_replicas(broker, broker.config, catalog));
}

// Where no change can be made now, nothing is created: clients are told to ask again, and find what is there.
void serve(const std::shared_ptr<MetadataJob>& asking, const Catalog& catalog) {
  Broker& broker = asking->broker;
  const bool is_cut_off = catalog.controller() < 0 && broker.controller->is_cut_off();
  const uint64_t until_ns = broker.controller->leaders_expected_until_ns();
  if (!knows_brokers(broker, catalog) || is_cut_off) return answer_with_leaders(asking, until_ns);
  if (!lacks_offsets_topic(broker, catalog, asking->call)) return create_missing(asking, catalog, until_ns);
  broker.offsets_topic->make([asking](ErrorCode) {
    Broker& b = asking->broker;
    create_missing(asking, Catalog(b), b.host.now_ns() + kFirstElectionsNs);
  });
}

}  // namespace

// A cluster that has just started knows its brokers in a moment. Where it takes longer,
// clients are told of this node alone, and that all else has no leader yet.
// A client that knows no other one asks it again and again:
// a node that its cluster refuses, as its disk is empty, sends clients on to the next address they have.
template <>
void handle<Metadata>(Broker& broker, Call<Metadata> call) {
  if (asks_by_id_too_early(call)) return refuse(call);
  name_once(call);
  const auto asking = std::make_shared<MetadataJob>(broker, std::move(call));
  broker.catalog_waits->wait(broker.host.now_ns() + kFirstBrokersNs, [asking](const Catalog& catalog,
                                                                              bool over) {
    const bool alone = !knows_brokers(asking->broker, catalog);
    if (alone && asking->broker.controller->has_found_no_cluster()) {
      asking->call.end_connection("this node has found no cluster since its start; another one may know it");
      return true;
    }
    if (alone && !over) return false;
    serve(asking, catalog);
    return true;
  });
}

}  // namespace chronik::kafka
