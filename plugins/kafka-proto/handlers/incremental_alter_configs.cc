// IncrementalAlterConfigs (44): single configs of topics; those of brokers are what the node's file says.
#include "kafka-proto/messages/incremental_alter_configs.h"
#include "kafka-proto/handlers/alter_configs_job.h"
#include "kafka-proto/handlers/handle.h"

namespace chronik::kafka {

template <>
void handle<IncrementalAlterConfigs>(Broker& broker, Call<IncrementalAlterConfigs> call) {
  alter_configs(broker, std::move(call), [](const IncrementalAlterConfigsRequest::Resource& resource) {
    WantedConfigs out{resource.resource_type, resource.resource_name, false, {}};
    for (const auto& config : resource.configs)
      out.configs.push_back(
          {config.name, static_cast<ConfigOperation>(config.config_operation), config.value});
    return out;
  });
}

}  // namespace chronik::kafka
