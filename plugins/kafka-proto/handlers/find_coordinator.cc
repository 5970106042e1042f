// FindCoordinator (10): which broker coordinates a group. The topic that groups are kept in is made here,
// when the first one comes.
#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "kafka-proto/cluster/catalog_waits.h"
#include "kafka-proto/coordinator/internal_topic.h"
#include "kafka-proto/coordinator/place.h"
#include "kafka-proto/group/coordinator.h"
#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/find_coordinator.h"

namespace chronik::kafka {
namespace {

using Response = FindCoordinatorResponse;

constexpr int16_t kSeveralKeys = 4;
constexpr int16_t kShares = 6;
enum KeyType : int8_t { kGroup = 0, kTransaction = 1, kShare = 2 };
// Who is told that there is no coordinator asks again only after a pause. An election takes less.
constexpr uint64_t kElectionNs = 1'000'000'000;

struct FindCoordinatorJob {
  Broker& broker;
  Call<FindCoordinator> call;
  std::vector<std::string_view> keys;
  std::vector<int32_t> partitions{};  // of the keys, in their order; once there is a topic
};

// The coordinator of a key; the error where there is none.
struct Found {
  ErrorCode error = ErrorCode::kNone;
  std::optional<chr_broker> at;
};

Found find_leader(const Broker& broker, const Catalog& catalog, const chr_topic& topic, int32_t index) {
  const Found none{ErrorCode::kCoordinatorNotAvailable, std::nullopt};
  const std::optional<chr_partition> partition = catalog.partition(topic, index);
  if (!partition.has_value() || !is_led(broker, *partition)) return none;
  for (const chr_broker& each : catalog.brokers())
    if (each.id == partition->leader && each.host.n != 0) return {ErrorCode::kNone, each};
  return none;
}

// As Kafka: in a row, only of a type that does not exist.
std::string_view message_of(const FindCoordinatorJob& job, ErrorCode error) {
  const bool is_known = job.call.request().key_type >= kGroup && job.call.request().key_type <= kShare;
  if (job.call.version() >= kSeveralKeys && is_known) return "";
  if (error == ErrorCode::kNone) return "NONE";
  return error == ErrorCode::kInvalidRequest ? "there is no coordinator of this type and key"
                                             : "The coordinator is not available.";
}

template <class Row>
void fill_in(const Found& found, std::string_view message, Row& row) {
  row.error_code = found.error;
  row.error_message = message;
  row.node_id = found.at.has_value() ? found.at->id : -1;
  row.host = found.at.has_value() ? from_abi(found.at->host) : std::string_view();
  row.port = found.at.has_value() ? found.at->port : -1;
}

// find(i): where the key of that place is.
template <class Find>
void answer(FindCoordinatorJob& job, Find&& find) {
  Response response;
  if (job.call.version() < kSeveralKeys) {
    const Found found = find(size_t{0});
    fill_in(found, message_of(job, found.error), response);
    return job.call.answer(response);
  }
  for (size_t i = 0; i < job.keys.size() && !job.call.room().passed(); ++i) {
    auto& row = job.call.room().row(response.coordinators);
    row.key = job.keys[i];
    const Found found = find(i);
    fill_in(found, message_of(job, found.error), row);
  }
  job.call.answer(response);
}

void refuse(FindCoordinatorJob& job, ErrorCode error) {
  answer(job, [error](size_t) { return Found{error, std::nullopt}; });
}

// No transactional id and no share partition has a coordinator yet. A share partition is called
// "group:topic id:partition".
ErrorCode why_other_type(const FindCoordinatorJob& job, std::string_view key) {
  const int8_t type = job.call.request().key_type;
  if (type == kTransaction) return ErrorCode::kCoordinatorNotAvailable;
  const bool is_share = type == kShare && job.call.version() >= kShares && std::ranges::count(key, ':') >= 2;
  return is_share ? ErrorCode::kCoordinatorNotAvailable : ErrorCode::kInvalidRequest;
}

// By partition: however many keys there are, each partition is looked for once.
using Leaders = std::map<int32_t, Found>;
Leaders find_leaders(FindCoordinatorJob& job, const Catalog& catalog) {
  Leaders out;
  const std::optional<chr_topic> topic = catalog.topic(job.broker.offsets_topic->name());
  if (!topic.has_value() || topic->n_partitions == 0) return out;
  if (job.partitions.empty())
    for (const std::string_view key : job.keys)
      job.partitions.push_back(partition_of_key(key, static_cast<int32_t>(topic->n_partitions)));
  for (const int32_t index : job.partitions)
    if (const auto [at, is_new] = out.try_emplace(index); is_new)
      at->second = find_leader(job.broker, catalog, *topic, index);
  return out;
}

void wait_for_leaders(const std::shared_ptr<FindCoordinatorJob>& job) {
  Broker& broker = job->broker;
  broker.catalog_waits->wait(broker.host.now_ns() + kElectionNs, [job](const Catalog& catalog, bool over) {
    const Leaders leaders = find_leaders(*job, catalog);
    const auto is_led = [](const auto& leader) { return leader.second.error == ErrorCode::kNone; };
    const bool is_there = !leaders.empty() || job->keys.empty();
    if (!over && !(is_there && std::ranges::all_of(leaders, is_led))) return false;
    answer(*job, [&](size_t i) {
      return leaders.empty() ? Found{ErrorCode::kCoordinatorNotAvailable, std::nullopt}
                             : leaders.at(job->partitions[i]);
    });
    return true;
  });
}

}  // namespace

template <>
void handle<FindCoordinator>(Broker& broker, Call<FindCoordinator> call) {
  const auto job = std::make_shared<FindCoordinatorJob>(broker, std::move(call));
  const FindCoordinatorRequest& request = job->call.request();
  job->keys = job->call.version() < kSeveralKeys ? std::vector<std::string_view>{request.key}
                                                 : request.coordinator_keys;
  if (request.key_type != kGroup)
    return answer(*job, [&](size_t i) { return Found{why_other_type(*job, job->keys[i]), std::nullopt}; });
  if (!broker.groups->is_enabled()) return refuse(*job, ErrorCode::kCoordinatorNotAvailable);
  if (Catalog(broker).topic(broker.offsets_topic->name()).has_value()) return wait_for_leaders(job);
  broker.offsets_topic->make(
      [job](ErrorCode error) { error == ErrorCode::kNone ? wait_for_leaders(job) : refuse(*job, error); });
}

}  // namespace chronik::kafka
