#include "kafka-proto/configs/config_levels.h"

#include <fmt/format.h>

#include "kafka-proto/configs/topic_config.h"

namespace chronik::kafka {

std::string too_new_problem(const Catalog& catalog, std::string_view config, std::string_view value) {
  const int16_t level = topic_config_level(config, value);
  if (level == 1 || level <= catalog.level()) return {};
  return fmt::format(
      "{}={} can be set once the feature chronik.version is finalized at {}: a node of before "
      "would leave out all that is set on the topic",
      config, value, level);
}

}  // namespace chronik::kafka
