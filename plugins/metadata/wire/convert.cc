#include "wire/convert.h"

#include <fmt/format.h>

namespace chronik::metadata::convert {
namespace {

constexpr size_t kMaxMessageBytes = 1'024;
constexpr size_t kMaxClusterIdBytes = 64;

Status bounded(size_t n, size_t limit, std::string_view what) {
  if (n <= limit) return {};
  return std::unexpected(corrupt(fmt::format("{} {}, the limit is {}", n, what, limit)));
}

template <class Field>
Result<std::vector<int32_t>> node_ids(const Field& from) {
  CHRONIK_CHECK(bounded(static_cast<size_t>(from.size()),
                        static_cast<size_t>(kMaxPartitions) * static_cast<size_t>(kMaxReplicationFactor),
                        "replicas"));
  std::vector<int32_t> out(from.begin(), from.end());
  for (const int32_t node : out) {
    if (node < 0) return std::unexpected(corrupt(fmt::format("a replica on node {}", node)));
  }
  return out;
}

Result<NewTopic> from_wire(const wire::NewTopic& from) {
  NewTopic out;
  CHRONIK_TRY(out.verdict, convert::from_wire(from.verdict()));
  CHRONIK_TRY(out.id, id(from.id()));
  CHRONIK_TRY(out.configs, convert::from_wire(from.configs()));
  CHRONIK_TRY(out.replicas, node_ids(from.replicas()));
  // A refused item may hold whatever the client sent, within reason.
  CHRONIK_CHECK(bounded(from.name().size(), 64 * kMaxNameBytes, "bytes of a topic name"));
  out.name = from.name();
  out.partitions = from.partitions();
  out.replication_factor = from.replication_factor();
  return out;
}

Result<DeletedTopic> from_wire(const wire::DeletedTopic& from) {
  DeletedTopic out;
  CHRONIK_TRY(out.verdict, convert::from_wire(from.verdict()));
  CHRONIK_TRY(out.id, id(from.id()));
  return out;
}

Result<MorePartitions> from_wire(const wire::MorePartitions& from) {
  MorePartitions out;
  CHRONIK_TRY(out.verdict, convert::from_wire(from.verdict()));
  CHRONIK_TRY(out.id, id(from.id()));
  CHRONIK_TRY(out.replicas, node_ids(from.replicas()));
  CHRONIK_CHECK(bounded(from.name().size(), 64 * kMaxNameBytes, "bytes of a topic name"));
  out.name = from.name();
  out.present = from.present();
  out.total = from.total();
  return out;
}

Result<Assignment> from_wire(const wire::Assignment& from) {
  Assignment out;
  CHRONIK_TRY(out.topic, id(from.topic()));
  if (out.topic.zero() || from.partition() < 0 || from.term() == 0 || from.leader() < 0)
    return std::unexpected(corrupt(fmt::format("an assignment of partition {}, term {}, leader {}",
                                               from.partition(), from.term(), from.leader())));
  out.partition = from.partition();
  out.term = from.term();
  out.leader = from.leader();
  return out;
}

template <class Items, class Out>
Status items_from_wire(const Items& from, std::vector<Out>* out) {
  CHRONIK_CHECK(bounded(static_cast<size_t>(from.size()), kMaxItems, "items"));
  out->reserve(static_cast<size_t>(from.size()));
  for (const auto& item : from) {
    CHRONIK_TRY(Out value, from_wire(item));
    out->push_back(std::move(value));
  }
  return {};
}

void items_to_wire(const NewTopic& from, wire::NewTopic* to) {
  convert::to_wire(from.verdict, to->mutable_verdict());
  to->set_id(id(from.id));
  to->set_name(from.name);
  to->set_partitions(from.partitions);
  to->set_replication_factor(from.replication_factor);
  to->mutable_replicas()->Add(from.replicas.begin(), from.replicas.end());
  convert::to_wire(from.configs, to->mutable_configs());
}

void items_to_wire(const DeletedTopic& from, wire::DeletedTopic* to) {
  convert::to_wire(from.verdict, to->mutable_verdict());
  to->set_id(id(from.id));
}

void items_to_wire(const MorePartitions& from, wire::MorePartitions* to) {
  convert::to_wire(from.verdict, to->mutable_verdict());
  to->set_id(id(from.id));
  to->set_name(from.name);
  to->set_present(from.present);
  to->set_total(from.total);
  to->mutable_replicas()->Add(from.replicas.begin(), from.replicas.end());
}

void body_to_wire(const InitCluster& from, wire::Command* to) {
  to->mutable_init_cluster()->set_cluster_id(from.cluster_id);
}
void body_to_wire(const CreateTopics& from, wire::Command* to) {
  auto* body = to->mutable_create_topics();
  for (const NewTopic& item : from.items) items_to_wire(item, body->add_items());
}
void body_to_wire(const DeleteTopics& from, wire::Command* to) {
  auto* body = to->mutable_delete_topics();
  for (const DeletedTopic& item : from.items) items_to_wire(item, body->add_items());
}
void body_to_wire(const CreatePartitions& from, wire::Command* to) {
  auto* body = to->mutable_create_partitions();
  for (const MorePartitions& item : from.items) items_to_wire(item, body->add_items());
}
void body_to_wire(const AllocateProducerIds&, wire::Command* to) { to->mutable_allocate_producer_ids(); }
void body_to_wire(const SyncBatch& from, wire::Command* to) { convert::to_wire(from, to->mutable_sync()); }

template <class Out, class Message>
Result<Body> items_body(const Message& from) {
  Out out;
  CHRONIK_CHECK(items_from_wire(from.items(), &out.items));
  return out;
}

Result<Body> body_from_wire(const wire::Command& from) {
  switch (from.body_case()) {
    case wire::Command::kInitCluster: {
      const std::string& cluster = from.init_cluster().cluster_id();
      if (cluster.empty() || cluster.size() > kMaxClusterIdBytes)
        return std::unexpected(corrupt("a cluster id of no or too many bytes"));
      return InitCluster{cluster};
    }
    case wire::Command::kCreateTopics:
      return items_body<CreateTopics>(from.create_topics());
    case wire::Command::kDeleteTopics:
      return items_body<DeleteTopics>(from.delete_topics());
    case wire::Command::kCreatePartitions:
      return items_body<CreatePartitions>(from.create_partitions());
    case wire::Command::kAllocateProducerIds:
      return AllocateProducerIds{};
    case wire::Command::kSync: {
      CHRONIK_TRY(SyncBatch batch, convert::from_wire(from.sync()));
      return batch;
    }
    case wire::Command::BODY_NOT_SET:
      break;
  }
  return std::unexpected(corrupt("a command without a body"));
}

}  // namespace

Result<Uuid> id(const std::string& bytes) {
  Uuid out;
  if (bytes.empty()) return out;
  if (bytes.size() != out.bytes.size())
    return std::unexpected(corrupt(fmt::format("an id of {} bytes, not 16", bytes.size())));
  std::memcpy(out.bytes.data(), bytes.data(), bytes.size());
  return out;
}

std::string id(const Uuid& id) {
  return id.zero() ? std::string()
                   : std::string(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
}

void to_wire(const Verdict& from, wire::Verdict* to) {
  to->set_code(from.code);
  to->set_message(from.message);
}

void to_wire(const Configs& from, google::protobuf::RepeatedPtrField<wire::Config>* to) {
  for (const auto& [key, value] : from) {
    wire::Config* config = to->Add();
    config->set_key(key);
    config->set_value(value);
  }
}

void to_wire(const Node& from, wire::Node* to) {
  to->set_id(from.id);
  to->set_host(from.host);
  to->set_port(from.port);
  to->set_rack(from.rack);
  to->set_incarnation(id(from.incarnation));
}

void to_wire(const SyncBatch& from, wire::SyncBatch* to) {
  for (const Assignment& assignment : from.assignments) {
    wire::Assignment* out = to->add_assignments();
    out->set_topic(id(assignment.topic));
    out->set_partition(assignment.partition);
    out->set_term(assignment.term);
    out->set_leader(assignment.leader);
  }
  if (from.node) to_wire(*from.node, to->mutable_node());
}

void to_wire(const Command& from, wire::Command* to) {
  to->set_version(1);
  to->mutable_request()->set_node(from.request.node);
  to->mutable_request()->set_session(from.request.session);
  to->mutable_request()->set_number(from.request.number);
  std::visit([&](const auto& body) { body_to_wire(body, to); }, from.body);
}

void to_wire(const Topic& from, wire::Topic* to) {
  to->set_id(id(from.id));
  to->set_name(from.name);
  to->set_replication_factor(from.replication_factor);
  to->mutable_replicas()->Add(from.replicas.begin(), from.replicas.end());
  for (const PartitionState& state : from.partitions) {
    wire::PartitionLeader* leader = to->add_partitions();
    leader->set_leader(state.leader);
    leader->set_term(state.term);
  }
  to_wire(from.configs, to->mutable_configs());
}

Result<Verdict> from_wire(const wire::Verdict& from) {
  CHRONIK_CHECK(bounded(from.message().size(), kMaxMessageBytes, "bytes of a message"));
  if (from.code() > 0) return std::unexpected(corrupt(fmt::format("a status of {}", from.code())));
  return Verdict{from.code(), from.message()};
}

Result<Configs> from_wire(const google::protobuf::RepeatedPtrField<wire::Config>& from) {
  CHRONIK_CHECK(bounded(static_cast<size_t>(from.size()), kMaxItems, "configs"));
  Configs out;
  for (const wire::Config& config : from) {
    out.emplace_back(config.key(), config.value());
  }
  return out;
}

Result<Node> from_wire(const wire::Node& from) {
  CHRONIK_CHECK(bounded(from.host().size(), kMaxHostBytes, "bytes of a host"));
  CHRONIK_CHECK(bounded(from.rack().size(), kMaxNameBytes, "bytes of a rack"));
  if (from.id() < 0 || from.port() > 65'535)
    return std::unexpected(corrupt(fmt::format("node {} on port {}", from.id(), from.port())));
  Node out;
  out.id = from.id();
  out.host = from.host();
  out.port = static_cast<uint16_t>(from.port());
  out.rack = from.rack();
  CHRONIK_TRY(out.incarnation, id(from.incarnation()));
  return out;
}

Result<SyncBatch> from_wire(const wire::SyncBatch& from) {
  CHRONIK_CHECK(bounded(static_cast<size_t>(from.assignments_size()), kMaxAssignments, "assignments"));
  SyncBatch out;
  out.assignments.reserve(static_cast<size_t>(from.assignments_size()));
  for (const wire::Assignment& assignment : from.assignments()) {
    CHRONIK_TRY(Assignment value, from_wire(assignment));
    out.assignments.push_back(value);
  }
  if (from.has_node()) {
    CHRONIK_TRY(Node node, from_wire(from.node()));
    out.node = std::move(node);
  }
  return out;
}

Result<Command> from_wire(const wire::Command& from) {
  if (from.version() != 1)
    return fail(
        Code::kUnsupported,
        fmt::format("a command of version {}, this node knows version 1; upgrade it", from.version()));
  Command out;
  out.request = {from.request().node(), from.request().session(), from.request().number()};
  CHRONIK_TRY(out.body, body_from_wire(from));
  return out;
}

Result<Topic> from_wire(const wire::Topic& from) {
  Topic out;
  CHRONIK_TRY(out.id, id(from.id()));
  out.name = from.name();
  out.replication_factor = from.replication_factor();
  CHRONIK_TRY(out.replicas, node_ids(from.replicas()));
  CHRONIK_TRY(out.configs, from_wire(from.configs()));
  for (const wire::PartitionLeader& leader : from.partitions()) {
    out.partitions.push_back({leader.leader(), leader.term()});
  }
  if (out.id.zero() || out.name.empty() || out.name.size() > kMaxNameBytes || out.replication_factor < 1 ||
      out.partitions.empty() ||
      out.replicas.size() != out.partitions.size() * static_cast<size_t>(out.replication_factor))
    return std::unexpected(corrupt("a topic whose parts do not fit together"));
  return out;
}

}  // namespace chronik::metadata::convert
