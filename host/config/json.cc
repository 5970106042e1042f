#include "host/config/json.h"

#include <fmt/format.h>

namespace chronik::host {

std::string json_quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < ' ') {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string json_value(const Value& value, bool boolean) {
  const auto scalar = [&](const Scalar& item) -> std::string {
    if (const auto* text = std::get_if<std::string>(&item)) return json_quote(*text);
    const int64_t number = std::get<int64_t>(item);
    if (boolean) return number != 0 ? "true" : "false";
    return std::to_string(number);
  };
  if (!value.is_list) return scalar(value.items.at(0));
  std::string out = "[";
  for (const Scalar& item : value.items) out += (out.size() > 1 ? "," : "") + scalar(item);
  return out + "]";
}

void JsonObject::set(std::string_view dotted_key, std::string value) {
  const size_t dot = dotted_key.find('.');
  if (dot == std::string_view::npos) {
    values_.insert_or_assign(std::string(dotted_key), std::move(value));
  } else {
    objects_[std::string(dotted_key.substr(0, dot))].set(dotted_key.substr(dot + 1), std::move(value));
  }
}

std::string JsonObject::text() const {
  std::map<std::string_view, std::string> members;
  for (const auto& [key, value] : values_) members[key] = value;
  for (const auto& [key, object] : objects_) members[key] = object.text();
  std::string out = "{";
  for (const auto& [key, value] : members) {
    out += (out.size() > 1 ? "," : "") + json_quote(key) + ":" + value;
  }
  return out + "}";
}

}  // namespace chronik::host
