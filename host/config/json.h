// The little JSON that the host writes: canonical, so that equal configurations are equal texts.
#pragma once

#include "host/config/schema.h"

#include <map>
#include <string>
#include <string_view>

namespace chronik::host {

std::string json_quote(std::string_view text);
std::string json_value(const Value& value, bool boolean);

// An object whose keys are sorted; a dotted key makes nested objects.
class JsonObject {
 public:
  void set(std::string_view dotted_key, std::string value);
  std::string text() const;

 private:
  std::map<std::string, std::string, std::less<>> values_;
  std::map<std::string, JsonObject, std::less<>> objects_;
};

}  // namespace chronik::host
