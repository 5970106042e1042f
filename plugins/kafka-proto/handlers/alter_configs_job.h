// AlterConfigsJob: what AlterConfigs and IncrementalAlterConfigs have in common.
#pragma once

#include <map>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "kafka-proto/configs/config_changes.h"
#include "kafka-proto/handlers/broker.h"
#include "kafka-proto/server/call.h"

namespace chronik::kafka {

template <class Api>
struct AlterConfigsJob {
  AlterConfigsJob(Broker& broker, Call<Api> c) : call(std::move(c)), changes(broker.config_sources()) {}
  Call<Api> call;
  typename Api::Response response;
  Texts texts{call.room()};
  ConfigChanges changes;
  std::vector<size_t> places;  // of each resource that changes, in the answer

  void refuse(size_t place, KafkaError problem) {
    response.responses[place].error_code = problem.code;
    response.responses[place].error_message = texts.keep(std::move(problem.message));
  }
  void finish() {
    for (size_t i = 0; i < places.size(); ++i) {
      KafkaError problem = changes.outcome(i);
      if (problem.code != ErrorCode::kNone) refuse(places[i], std::move(problem));
    }
    call.answer(response);
  }
};

// wanted(resource): what the request asks for one of its resources.
template <class Api, class F>
void alter_configs(Broker& broker, Call<Api> call, F&& wanted) {
  const auto job = std::make_shared<AlterConfigsJob<Api>>(broker, std::move(call));
  const auto& request = job->call.request();
  std::map<std::pair<int8_t, std::string_view>, int> times;
  for (const auto& resource : request.resources) ++times[{resource.resource_type, resource.resource_name}];
  {
    const Catalog catalog(broker);
    for (const auto& resource : request.resources) {
      auto& out = job->call.room().row(job->response.responses);
      out.resource_type = resource.resource_type;
      out.resource_name = resource.resource_name;
      out.error_message.reset();
      const size_t place = job->response.responses.size() - 1;
      KafkaError problem =
          times[{resource.resource_type, resource.resource_name}] > 1
              ? KafkaError{ErrorCode::kInvalidRequest, "Each resource must appear at most once."}
              : job->changes.add(catalog, wanted(resource));
      if (problem.code == ErrorCode::kNone) {
        job->places.push_back(place);
      } else {
        job->refuse(place, std::move(problem));
      }
    }
  }
  if (job->call.is_too_large()) return job->call.answer(job->response);
  job->changes.submit(request.validate_only, [job] { job->finish(); });
}

}  // namespace chronik::kafka
