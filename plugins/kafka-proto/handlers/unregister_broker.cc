// UnregisterBroker (64): a broker leaves the cluster. What it has of partitions moves to the others first, so that a
// broker that is up may be named as well as one that is gone.
#include <utility>

#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/unregister_broker.h"

namespace chronik::kafka {
namespace {

constexpr int32_t kTimeoutMs = 10'000;  // the request has none
constexpr std::string_view kNotRegistered = "no broker of this id is registered";

struct UnregisterBrokerJob {
  explicit UnregisterBrokerJob(Call<UnregisterBroker> c) : call(std::move(c)) {}
  Call<UnregisterBroker> call;
  chr_change_result result{};
};

void answer(UnregisterBrokerJob& job, ErrorCode error, std::string_view message) {
  UnregisterBrokerResponse response;
  response.error_code = error;
  if (error != ErrorCode::kNone) response.error_message = message;
  job.call.answer(response);
}

void finish_job(UnregisterBrokerJob& job, chr_status overall) {
  if (overall != CHR_OK)
    return answer(job, change_error(overall, ErrorCode::kUnknownServerError, ErrorCode::kInvalidRequest),
                  "the leader of the catalog did not answer in time");
  const chr_status code = job.result.code;
  if (code == CHR_E_NOT_FOUND) return answer(job, ErrorCode::kBrokerIdNotRegistered, kNotRegistered);
  const bool cannot_go = code == CHR_E_CONFLICT || code == CHR_E_INVALID_ARGUMENT;
  answer(job,
         cannot_go ? ErrorCode::kInvalidRequest
                   : change_error(code, ErrorCode::kUnknownServerError, ErrorCode::kInvalidRequest),
         job.result.message);
}

}  // namespace

template <>
void handle<UnregisterBroker>(Broker& broker, Call<UnregisterBroker> call) {
  const auto job = std::make_shared<UnregisterBrokerJob>(std::move(call));
  const Service<chr_nodes_v1>& nodes = broker.nodes;
  const int32_t id = job->call.request().broker_id;
  if (id < 0) return answer(*job, ErrorCode::kBrokerIdNotRegistered, kNotRegistered);
  if (nodes.table == nullptr)
    return answer(*job, ErrorCode::kInvalidRequest, "the catalog of this node cannot let a node go");
  const chr_status status = broker.host.async(
      [&](uint64_t token) {
        return nodes.table->leave(nodes.self, id, timeout_ns(kTimeoutMs), &job->result, token, nullptr);
      },
      [job](const chr_done& done) { finish_job(*job, done.code); });
  if (status != CHR_PENDING) finish_job(*job, status);
}

}  // namespace chronik::kafka
