// Values of configs as Kafka's ConfigDef reads them, and as it shows what it read. Failures are
// INVALID_ARGUMENT with a message as Kafka words it, for INVALID_CONFIG.
#pragma once

#include <chronik/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chronik::kafka {

// As DescribeConfigs numbers them.
enum class ConfigType : int8_t {
  kBoolean = 1,
  kString = 2,
  kInt = 3,
  kShort = 4,
  kLong = 5,
  kDouble = 6,
  kList = 7
};

// The longest value.
inline constexpr size_t kMaxConfigBytes = 32'767;

Status check_config_size(std::string_view value);

// "Invalid value x for configuration y: why".
std::unexpected<Error> invalid_config(std::string_view name, std::string_view value, std::string_view why);

// Without white space around it, as Java's String.trim() counts it.
std::string_view trim_config(std::string_view text);

// Of trimmed values.
Result<int32_t> parse_config_int(std::string_view name, std::string_view value);
Result<int64_t> parse_config_long(std::string_view name, std::string_view value);
Result<double> parse_config_double(std::string_view name, std::string_view value);
Result<bool> parse_config_boolean(std::string_view name, std::string_view value);

// What stands between the commas, trimmed; nothing in an empty list. Point into it.
std::vector<std::string_view> config_elements(std::string_view list);

// A valid value as Kafka shows it: " +5 " of an INT is 5, "A, b" of a LIST is "A,b".
std::string shown_config(ConfigType type, std::string_view value);

}  // namespace chronik::kafka
