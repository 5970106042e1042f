#include "kafka-proto/configs/listen.h"

#include <boost/json.hpp>
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

namespace {

bool is_wildcard(std::string_view host) {
  return host == "0.0.0.0" || host == "::" || host == "*" || host.empty();
}

}  // namespace

Status validate_advertised(std::string_view text) {
  const Address address = parse_address(text);
  if (address.port == 0)
    return fail(Code::kInvalidArgument,
                "advertise (\"" + std::string(text) + "\") needs a port: clients connect to it");
  if (is_wildcard(address.host))
    return fail(Code::kInvalidArgument, "advertise (\"" + std::string(text) +
                                            "\") is a wildcard, to which no client can connect; name the "
                                            "address that they reach, such as \"broker-1.example.com:9092\"");
  return {};
}

Status validate_listeners(std::string_view json) {
  boost::system::error_code failed;
  const boost::json::value root = boost::json::parse({json.data(), json.size()}, failed);
  if (failed || !root.is_object()) return fail(Code::kInvalidArgument, "the table is no JSON object");
  const boost::json::value* listen = root.as_object().if_contains("listen");
  if (listen == nullptr || !listen->is_array()) return {};
  if (listen->as_array().empty())
    return fail(Code::kInvalidArgument,
                "listen is empty, so no client could connect; name an address at least");
  const boost::json::value* advertise = root.as_object().if_contains("advertise");
  if (const auto* text = advertise == nullptr ? nullptr : advertise->if_string();
      text != nullptr && !text->empty())
    return validate_advertised({text->data(), text->size()});
  for (const boost::json::value& entry : listen->as_array()) {
    const boost::json::string* text = entry.if_string();
    if (text == nullptr) continue;
    if (is_wildcard(parse_address({text->data(), text->size()}).host))
      return fail(
          Code::kInvalidArgument,
          "listen is a wildcard, so advertise must say which address clients use, such as advertise = "
          "\"broker-1.example.com:9092\"");
  }
  return {};
}

}  // namespace chronik::kafka
