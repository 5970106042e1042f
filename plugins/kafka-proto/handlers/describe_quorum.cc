// DescribeQuorum (55): who takes part in the group that keeps the catalog, __meta, which Kafka's tools know
// as partition 0 of __cluster_metadata (KIP-595). Its leader says; where that is another node, it is asked.
#include <charconv>
#include <utility>

#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/describe_quorum.h"

namespace chronik::kafka {
namespace {

using Request = DescribeQuorumRequest;
using Response = DescribeQuorumResponse;

constexpr uint64_t kTimeoutNs = 10'000'000'000;
constexpr uint32_t kMaxMembers = 1'024;

struct DescribeQuorumJob {
  DescribeQuorumJob(Broker& b, Call<DescribeQuorum> c) : broker(b), call(std::move(c)) {}
  Broker& broker;
  Call<DescribeQuorum> call;
  Texts texts{call.room()};
};

bool asks_for_the_catalog(const Request& request) {
  return request.topics.size() == 1 && request.topics[0].topic_name == kCatalogTopic &&
         request.topics[0].partitions.size() == 1 && request.topics[0].partitions[0].partition_index == 0;
}

void refuse(Call<DescribeQuorum>& call) {
  Response response;
  for (const Request::Topic& topic : call.request().topics) {
    Response::Topic& out = call.room().row(response.topics);
    out.topic_name = topic.topic_name;
    for (const Request::Partition& partition : topic.partitions) {
      if (call.is_too_large()) return call.answer(response);
      Response::Partition& refused = call.room().row(out.partitions);
      refused.partition_index = partition.partition_index;
      refused.error_code = ErrorCode::kUnknownTopicOrPartition;
      refused.error_message = "only partition 0 of __cluster_metadata has a quorum";
    }
  }
  call.answer(response);
}

Response::Replica replica_of(const chr_quorum_member& member) {
  Response::Replica out;
  out.replica_id = member.id;
  out.replica_directory_id = member.incarnation;
  out.log_end_offset = static_cast<int64_t>(member.match_index) + 1;
  out.last_fetch_timestamp = member.heard_ms;
  out.last_caught_up_timestamp = member.caught_up_ms;
  return out;
}

void add_nodes(DescribeQuorumJob& inquiry, Response& response) {
  const Catalog catalog(inquiry.broker);
  for (const chr_broker& broker : catalog.brokers()) {
    Response::Node& node = response.nodes.emplace_back();
    node.node_id = broker.id;
    const std::string_view address = from_abi(broker.raft);
    const size_t colon = address.rfind(':');
    if (colon == std::string_view::npos) continue;  // a node alone listens to none
    Response::Listener& listener = node.listeners.emplace_back();
    listener.name = "RAFT";
    listener.host = inquiry.texts.keep(std::string(address.substr(0, colon)));
    std::from_chars(address.data() + colon + 1, address.data() + address.size(), listener.port);
  }
}

void finish(DescribeQuorumJob& inquiry, const Result<Quorum>& quorum) {
  Response response;
  if (!quorum) {
    response.error_code =
        change_error(code_of(quorum), ErrorCode::kUnknownServerError, ErrorCode::kInvalidRequest);
    response.error_message = "the leader of the catalog did not answer in time";
    return inquiry.call.answer(response);
  }
  Response::Topic& topic = response.topics.emplace_back();
  topic.topic_name = kCatalogTopic;
  Response::Partition& out = topic.partitions.emplace_back();
  out.leader_id = quorum->leader;
  out.leader_epoch = static_cast<int32_t>(quorum->term);
  out.high_watermark = static_cast<int64_t>(quorum->commit_index) + 1;
  for (const chr_quorum_member& member : quorum->members)
    (member.voter != 0 ? out.current_voters : out.observers).push_back(replica_of(member));
  add_nodes(inquiry, response);
  inquiry.call.answer(response);
}

}  // namespace

template <>
void handle<DescribeQuorum>(Broker& broker, Call<DescribeQuorum> call) {
  if (!asks_for_the_catalog(call.request())) return refuse(call);
  const auto inquiry = std::make_shared<DescribeQuorumJob>(broker, std::move(call));
  broker.metadata.describe_quorum(kMaxMembers, kTimeoutNs,
                                  [inquiry](const Result<Quorum>& quorum) { finish(*inquiry, quorum); });
}

}  // namespace chronik::kafka
