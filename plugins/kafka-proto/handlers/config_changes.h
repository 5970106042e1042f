// Changes of configs, as IncrementalAlterConfigs asks for them and AlterConfigs, which replaces all that is
// set.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/server/call.h"

namespace chronik::kafka {

// As IncrementalAlterConfigs numbers them.
enum class ConfigOperation : int8_t { kSet = 0, kDelete = 1, kAppend = 2, kSubtract = 3 };

struct WantedConfig {
  std::string_view name;
  ConfigOperation operation = ConfigOperation::kSet;
  std::optional<std::string_view> value;
};

struct WantedConfigs {  // of one resource
  int8_t type = 0;
  std::string_view name;
  bool replace = false;  // what is not named is set no more
  std::vector<WantedConfig> configs;
};

struct ConfigProblem {
  ErrorCode code = ErrorCode::kNone;
  std::string message;
};

// What is to change in the catalog, topic by topic; owns the texts.
class ConfigChanges {
 public:
  explicit ConfigChanges(const Broker& broker) : broker_(broker) {}
  // Adds one resource. A problem: nothing of it changes.
  ConfigProblem add(const Catalog& catalog, const WantedConfigs& wanted);
  // The topic that was added last, if add() found something to change for one.
  const std::vector<chr_topic_configs>& topics() const { return topics_; }

 private:
  ConfigProblem add_topic(const Catalog& catalog, const WantedConfigs& wanted);
  ConfigProblem check_broker(const WantedConfigs& wanted);
  ConfigProblem change(const std::map<std::string_view, std::string_view>& set, const WantedConfig& wanted,
                       chr_config_change* out);

  const Broker& broker_;
  Texts texts_;
  std::deque<std::vector<chr_config_change>> changes_;
  std::vector<chr_topic_configs> topics_;
};

template <class Api>
struct ConfigAlteration {
  ConfigAlteration(Broker& b, Call<Api> c) : broker(b), call(std::move(c)), changes(b) {}
  Broker& broker;
  Call<Api> call;
  typename Api::Response response;
  Texts texts{call.room()};
  ConfigChanges changes;
  std::vector<size_t> places;  // of each topic that changes, in the answer
  std::vector<chr_change_result> results;

  void refuse(size_t place, ConfigProblem problem) {
    response.responses[place].error_code = problem.code;
    response.responses[place].error_message = texts.keep(std::move(problem.message));
  }
  void finish(chr_status overall) {
    for (size_t i = 0; i < places.size(); ++i) {
      const chr_status code = overall == CHR_OK ? results[i].code : overall;
      if (code == CHR_OK) continue;
      refuse(places[i], {change_error(code, ErrorCode::kUnknownServerError, ErrorCode::kInvalidConfig),
                         overall == CHR_OK ? results[i].message : "the catalog could not be changed"});
    }
    call.answer(response);
  }
};

// wanted(resource): what the request asks for one of its resources.
template <class Api, class F>
void alter_configs(Broker& broker, Call<Api> call, F&& wanted) {
  constexpr uint64_t kTimeoutNs = 30'000'000'000;  // the request has none
  const auto work = std::make_shared<ConfigAlteration<Api>>(broker, std::move(call));
  const auto& request = work->call.request();
  std::map<std::pair<int8_t, std::string_view>, int> times;
  for (const auto& resource : request.resources) ++times[{resource.resource_type, resource.resource_name}];
  {
    const Catalog catalog(broker);
    for (const auto& resource : request.resources) {
      auto& out = work->call.room().row(work->response.responses);
      out.resource_type = resource.resource_type;
      out.resource_name = resource.resource_name;
      out.error_message.reset();
      const size_t place = work->response.responses.size() - 1;
      const size_t before = work->changes.topics().size();
      ConfigProblem problem =
          times[{resource.resource_type, resource.resource_name}] > 1
              ? ConfigProblem{ErrorCode::kInvalidRequest, "Each resource must appear at most once."}
              : work->changes.add(catalog, wanted(resource));
      if (problem.code != ErrorCode::kNone) {
        work->refuse(place, std::move(problem));
      } else if (work->changes.topics().size() > before) {
        work->places.push_back(place);
      }
    }
  }
  const std::vector<chr_topic_configs>& topics = work->changes.topics();
  if (work->call.is_too_large()) return work->call.answer(work->response);
  if (topics.empty()) return work->finish(CHR_OK);
  work->results.resize(topics.size());
  const chr_status status = broker.host.async(
      [&](uint64_t token) {
        return broker.metadata.table->alter_configs(
            broker.metadata.self, topics.data(), static_cast<uint32_t>(topics.size()),
            request.validate_only ? 1 : 0, kTimeoutNs, work->results.data(), token, nullptr);
      },
      [work](const chr_done& done) { work->finish(done.code); });
  if (status != CHR_PENDING) work->finish(status);
}

}  // namespace chronik::kafka
