// Changes of configs, as IncrementalAlterConfigs asks for them and AlterConfigs, which replaces all that is
// set.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kafka-proto/configs/broker_configs.h"
#include "kafka-proto/configs/dynamic_configs.h"
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

// What is to change in the catalog, resource by resource; owns the texts.
class ConfigChanges {
 public:
  explicit ConfigChanges(const Broker& broker) : broker_(broker) {}
  ConfigChanges(const ConfigChanges&) = delete;
  ConfigChanges& operator=(const ConfigChanges&) = delete;

  // Adds one resource. A problem: nothing of it changes, and it does not count as added.
  ConfigProblem add(const Catalog& catalog, const WantedConfigs& wanted);
  // Proposes what was added; done() on this shard. This object lives until then.
  void submit(bool validate_only, std::function<void()> done);
  // How it ended for the resource that was added as the i-th.
  ConfigProblem outcome(size_t i) const;

 private:
  using Values = std::map<std::string_view, std::string_view, std::less<>>;  // what is set, by name
  struct Part {  // what a resource changes: a topic, or records of brokers
    size_t topics_before, topics_after;
    size_t records_before, records_after;
  };

  ConfigProblem add_topic(const Catalog& catalog, const WantedConfigs& wanted);
  ConfigProblem add_broker(const Catalog& catalog, const WantedConfigs& wanted);
  ConfigProblem change_topic(const Catalog& catalog, const Values& set, const WantedConfig& wanted,
                             chr_config_change* out);
  // Whether what is set on a topic then goes together.
  ConfigProblem check_together(const Values& values) const;
  ConfigProblem check_node(std::string_view name) const;
  ConfigProblem check_dynamic(const Catalog& catalog, const WantedConfigs& wanted);
  void change_record(std::string_view node, std::string_view config, std::optional<std::string> value);
  std::string_view keep(std::string text) { return texts_.keep(std::move(text)); }
  void one_done();

  const Broker& broker_;
  Texts texts_;
  // Of brokers, for all resources of a request: read where the first one is added.
  std::vector<BrokerConfigRow> known_;
  std::optional<DynamicConfigs::State> set_;
  std::deque<std::vector<chr_config_change>> changes_;
  std::vector<chr_topic_configs> topics_;
  std::vector<chr_record_change> records_;
  std::vector<Part> parts_;
  std::vector<chr_change_result> topic_results_, record_results_;
  chr_status topics_status_ = CHR_OK, records_status_ = CHR_OK;  // of the whole proposals
  int left_ = 0;
  std::function<void()> done_;
};

template <class Api>
struct ConfigAlteration {
  ConfigAlteration(Broker& broker, Call<Api> c) : call(std::move(c)), changes(broker) {}
  Call<Api> call;
  typename Api::Response response;
  Texts texts{call.room()};
  ConfigChanges changes;
  std::vector<size_t> places;  // of each resource that changes, in the answer

  void refuse(size_t place, ConfigProblem problem) {
    response.responses[place].error_code = problem.code;
    response.responses[place].error_message = texts.keep(std::move(problem.message));
  }
  void finish() {
    for (size_t i = 0; i < places.size(); ++i) {
      ConfigProblem problem = changes.outcome(i);
      if (problem.code != ErrorCode::kNone) refuse(places[i], std::move(problem));
    }
    call.answer(response);
  }
};

// wanted(resource): what the request asks for one of its resources.
template <class Api, class F>
void alter_configs(Broker& broker, Call<Api> call, F&& wanted) {
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
      ConfigProblem problem =
          times[{resource.resource_type, resource.resource_name}] > 1
              ? ConfigProblem{ErrorCode::kInvalidRequest, "Each resource must appear at most once."}
              : work->changes.add(catalog, wanted(resource));
      if (problem.code == ErrorCode::kNone) {
        work->places.push_back(place);
      } else {
        work->refuse(place, std::move(problem));
      }
    }
  }
  if (work->call.is_too_large()) return work->call.answer(work->response);
  work->changes.submit(request.validate_only, [work] { work->finish(); });
}

}  // namespace chronik::kafka
