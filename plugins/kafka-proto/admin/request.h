// What an operator asks over HTTP, wherever in the cluster it is answered, and the answer: JSON.
#pragma once

#include <boost/json/fwd.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "kafka-proto/wire/error_code.h"

namespace chronik::kafka {

struct AdminRequest {
  std::string method, path, query, body;
};

struct AdminAnswer {
  int32_t status = 200;
  std::string json;
};
using AdminReply = std::function<void(AdminAnswer)>;

AdminAnswer admin_answer(const boost::json::object& object);
// {"error": message}
AdminAnswer admin_refusal(int32_t status, std::string_view message);
// In words, and with the status that says whether it is worth asking again.
AdminAnswer admin_refusal(ErrorCode error, std::string_view group);

// A part of a path or of a query without its %XX. Nothing: it is malformed.
std::optional<std::string> unescape(std::string_view text);
// The value of `name=value` in a query. Empty: it is not there, or malformed.
std::string parameter(std::string_view query, std::string_view name);
// As JSON may have it: what is no UTF-8 becomes U+FFFD.
std::string to_utf8(std::string_view text);

}  // namespace chronik::kafka
