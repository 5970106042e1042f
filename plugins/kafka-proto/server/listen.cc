#include "kafka-proto/server/listen.h"

#include <boost/json/src.hpp>
#include <charconv>

namespace chronik::kafka {

Address parse_address(std::string_view text) {
  Address out;
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return out;
  std::string_view host = text.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  out.host = host;
  std::from_chars(text.data() + colon + 1, text.data() + text.size(), out.port);
  return out;
}

Status validate_listeners(std::string_view json) {
  boost::system::error_code failed;
  const boost::json::value root = boost::json::parse({json.data(), json.size()}, failed);
  if (failed || !root.is_object()) return fail(Code::kInvalidArgument, "the table is no JSON object");
  const boost::json::value* advertise = root.as_object().if_contains("advertise");
  if (advertise != nullptr && advertise->is_string() && !advertise->as_string().empty()) return {};
  const boost::json::value* listen = root.as_object().if_contains("listen");
  if (listen == nullptr || !listen->is_array()) return {};
  for (const boost::json::value& entry : listen->as_array()) {
    const boost::json::string* text = entry.if_string();
    if (text == nullptr) continue;
    const std::string host = parse_address({text->data(), text->size()}).host;
    if (host == "0.0.0.0" || host == "::" || host == "*" || host.empty())
      return fail(
          Code::kInvalidArgument,
          "listen is a wildcard, so advertise must say which address clients use, such as advertise = "
          "\"broker-1.example.com:9092\"");
  }
  return {};
}

}  // namespace chronik::kafka
