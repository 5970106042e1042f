#include "metadata/wire/convert.h"

#include <fmt/format.h>

#include <algorithm>

namespace chronik::metadata::convert {
namespace {

using convert::from_wire;  // beside those of here, for items

constexpr size_t kMaxMessageBytes = 1'024;

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

template <class Out, class Message>
Result<Out> partition_item(const Message& from) {
  Out out;
  CHRONIK_TRY(out.verdict, convert::from_wire(from.verdict()));
  CHRONIK_TRY(out.id, id(from.id()));
  CHRONIK_TRY(out.replicas, node_ids(from.replicas()));
  out.partition = from.partition();
  return out;
}

Result<Reassignment> from_wire(const wire::Reassignment& from) {
  CHRONIK_TRY(Reassignment out, partition_item<Reassignment>(from));
  out.cancel = from.cancel();
  out.same_factor = from.same_factor();
  return out;
}

Result<FinishedReassignment> from_wire(const wire::FinishedReassignment& from) {
  return partition_item<FinishedReassignment>(from);
}

Result<NodeChange> from_wire(const wire::NodeChange& from) {
  NodeChange out;
  CHRONIK_TRY(out.verdict, convert::from_wire(from.verdict()));
  CHRONIK_CHECK(bounded(from.raft().size(), kMaxRaftBytes, "bytes of an address"));
  if (from.action() < static_cast<int32_t>(NodeAction::kAdd) ||
      from.action() > static_cast<int32_t>(NodeAction::kRemove))
    return std::unexpected(corrupt(fmt::format("a change {} of a node", from.action())));
  out.node = from.node();
  out.action = static_cast<NodeAction>(from.action());
  out.raft = from.raft();
  return out;
}

Result<AlteredConfigs> from_wire(const wire::AlteredConfigs& from) {
  AlteredConfigs out;
  CHRONIK_TRY(out.verdict, convert::from_wire(from.verdict()));
  CHRONIK_TRY(out.id, id(from.id()));
  CHRONIK_CHECK(bounded(static_cast<size_t>(from.changes_size()), kMaxItems, "changes of configs"));
  for (const wire::ConfigChange& change : from.changes())
    out.changes.push_back({change.key(), change.value(), change.remove()});
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

template <class Item, class Message>
void partition_item(const Item& from, Message* to) {
  convert::to_wire(from.verdict, to->mutable_verdict());
  to->set_id(id(from.id));
  to->set_partition(from.partition);
  to->mutable_replicas()->Add(from.replicas.begin(), from.replicas.end());
}

void items_to_wire(const Reassignment& from, wire::Reassignment* to) {
  partition_item(from, to);
  to->set_cancel(from.cancel);
  to->set_same_factor(from.same_factor);
}

void items_to_wire(const FinishedReassignment& from, wire::FinishedReassignment* to) {
  partition_item(from, to);
}

void items_to_wire(const NodeChange& from, wire::NodeChange* to) {
  convert::to_wire(from.verdict, to->mutable_verdict());
  to->set_node(from.node);
  to->set_action(static_cast<int32_t>(from.action));
  to->set_raft(from.raft);
}

void items_to_wire(const AlteredConfigs& from, wire::AlteredConfigs* to) {
  convert::to_wire(from.verdict, to->mutable_verdict());
  to->set_id(id(from.id));
  for (const ConfigChange& change : from.changes) {
    wire::ConfigChange* out = to->add_changes();
    out->set_key(change.key);
    out->set_value(change.value);
    out->set_remove(change.remove);
  }
}

void body_to_wire(const AlterConfigs& from, wire::Command* to) {
  auto* body = to->mutable_alter_configs();
  for (const AlteredConfigs& item : from.items) items_to_wire(item, body->add_items());
}
void body_to_wire(const AlterReassignments& from, wire::Command* to) {
  auto* body = to->mutable_alter_reassignments();
  for (const Reassignment& item : from.items) items_to_wire(item, body->add_items());
}
void body_to_wire(const FinishReassignments& from, wire::Command* to) {
  auto* body = to->mutable_finish_reassignments();
  for (const FinishedReassignment& item : from.items) items_to_wire(item, body->add_items());
}
void body_to_wire(const ChangeNodes& from, wire::Command* to) {
  auto* body = to->mutable_change_nodes();
  for (const NodeChange& item : from.items) items_to_wire(item, body->add_items());
}
void body_to_wire(const UpdateFeatures& from, wire::Command* to) {
  auto* body = to->mutable_update_features();
  for (const FeatureUpdate& item : from.items) convert::to_wire(item, body->add_items());
}
void body_to_wire(const ChangeRecords& from, wire::Command* to) {
  auto* body = to->mutable_change_records();
  for (const RecordChange& item : from.items) convert::to_wire(item, body->add_items());
}
void body_to_wire(const InitCluster& from, wire::Command* to) {
  convert::to_wire(from, to->mutable_init_cluster());
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
      CHRONIK_TRY(InitCluster init, convert::from_wire(from.init_cluster()));
      return init;
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
    case wire::Command::kAlterReassignments:
      return items_body<AlterReassignments>(from.alter_reassignments());
    case wire::Command::kFinishReassignments:
      return items_body<FinishReassignments>(from.finish_reassignments());
    case wire::Command::kChangeNodes:
      return items_body<ChangeNodes>(from.change_nodes());
    case wire::Command::kAlterConfigs:
      return items_body<AlterConfigs>(from.alter_configs());
    case wire::Command::kUpdateFeatures:
      return items_body<UpdateFeatures>(from.update_features());
    case wire::Command::kChangeRecords:
      return items_body<ChangeRecords>(from.change_records());
    case wire::Command::BODY_NOT_SET:
      break;
  }
  return std::unexpected(corrupt("a command without a body"));
}

// The lowest version that has all of what the command holds.
uint32_t version_of(const Body& body) {
  if (const auto* sync = std::get_if<SyncBatch>(&body))
    return std::any_of(sync->nodes.begin(), sync->nodes.end(),
                       [](const Node& node) { return !node.raft.empty() || node.leaving; })
               ? 2
               : 1;
  if (is_new(body)) return 4;
  if (const auto* init = std::get_if<InitCluster>(&body)) return init->levels.empty() ? 1 : 4;
  if (std::holds_alternative<AlterConfigs>(body)) return 3;
  const bool newer = std::holds_alternative<AlterReassignments>(body) ||
                     std::holds_alternative<FinishReassignments>(body) ||
                     std::holds_alternative<ChangeNodes>(body);
  return newer ? 2 : 1;
}

}  // namespace

Result<std::vector<int32_t>> node_ids(const google::protobuf::RepeatedField<int32_t>& from) {
  CHRONIK_CHECK(bounded(static_cast<size_t>(from.size()),
                        static_cast<size_t>(kMaxPartitions) * static_cast<size_t>(kMaxReplicationFactor),
                        "replicas"));
  std::vector<int32_t> out(from.begin(), from.end());
  for (const int32_t node : out) {
    if (node < 0) return std::unexpected(corrupt(fmt::format("a replica on node {}", node)));
  }
  return out;
}

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
  to->set_raft(from.raft);
  to->set_leaving(from.leaving);
}

void to_wire(const SyncBatch& from, wire::SyncBatch* to) {
  for (const Assignment& assignment : from.assignments) {
    wire::Assignment* out = to->add_assignments();
    out->set_topic(id(assignment.topic));
    out->set_partition(assignment.partition);
    // mutant assignment-without-term: out->set_term(1);
    out->set_term(assignment.term);
    out->set_leader(assignment.leader);
  }
  for (const Node& node : from.nodes) to_wire(node, to->add_nodes());
}

void to_wire(const Command& from, wire::Command* to) {
  to->set_version(version_of(from.body));
  to->mutable_request()->set_node(from.request.node);
  to->mutable_request()->set_session(from.request.session);
  to->mutable_request()->set_number(from.request.number);
  std::visit([&](const auto& body) { body_to_wire(body, to); }, from.body);
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
  CHRONIK_CHECK(bounded(from.raft().size(), kMaxRaftBytes, "bytes of an address"));
  if (from.id() < 0 || from.port() > 65'535)
    return std::unexpected(corrupt(fmt::format("node {} on port {}", from.id(), from.port())));
  Node out;
  out.id = from.id();
  out.host = from.host();
  out.port = static_cast<uint16_t>(from.port());
  out.rack = from.rack();
  out.raft = from.raft();
  out.leaving = from.leaving();
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
  CHRONIK_CHECK(bounded(static_cast<size_t>(from.nodes_size()), kMaxNodes, "nodes"));
  for (const wire::Node& node : from.nodes()) {
    CHRONIK_TRY(Node value, from_wire(node));
    out.nodes.push_back(std::move(value));
  }
  return out;
}

Result<Command> from_wire(const wire::Command& from) {
  if (from.version() < 1 || from.version() > kNewest)
    return fail(Code::kUnsupported,
                fmt::format("a command of version {}, this node knows up to {}; upgrade it", from.version(),
                            kNewest));
  Command out;
  out.request = {from.request().node(), from.request().session(), from.request().number()};
  CHRONIK_TRY(out.body, body_from_wire(from));
  return out;
}

}  // namespace chronik::metadata::convert
