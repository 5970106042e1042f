// AlterConfigs (33): replaces all that is set on topics; what a request does not name is set no more.
#include "kafka-proto/messages/alter_configs.h"
#include "kafka-proto/handlers/alter_configs_job.h"
#include "kafka-proto/handlers/handle.h"

namespace chronik::kafka {

template <>
void handle<AlterConfigs>(Broker& broker, Call<AlterConfigs> call) {
  alter_configs(broker, std::move(call), [](const AlterConfigsRequest::Resource& resource) {
    WantedConfigs out{resource.resource_type, resource.resource_name, true, {}};
    for (const auto& config : resource.configs)
      out.configs.push_back({config.name, ConfigOperation::kSet, config.value});
    return out;
  });
}

}  // namespace chronik::kafka
