#include "kafka-proto/admin/request.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <charconv>

namespace chronik::kafka {
namespace {

namespace json = boost::json;

// Bytes of the UTF-8 sequence that the text begins with; 0: it begins with none.
size_t sequence_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xc2 && first < 0xe0   ? 2
                        : first >= 0xe0 && first < 0xf0 ? 3
                        : first >= 0xf0 && first < 0xf5 ? 4
                                                        : 0;
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  // Overlong forms, surrogates, and what is above U+10FFFF.
  const bool is_wrong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) >= 0xa0) ||
                        (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) >= 0x90);
  return is_wrong ? 0 : length;
}

struct Meaning {
  int32_t status;
  std::string_view text;
};

Meaning meaning_of(ErrorCode error) {
  switch (error) {
    case ErrorCode::kGroupIdNotFound:
      return {404, "there is no such group"};
    case ErrorCode::kNonEmptyGroup:
    case ErrorCode::kUnknownMemberId:
    case ErrorCode::kRebalanceInProgress:
      return {409, "the group has members; stop its consumers first"};
    case ErrorCode::kCoordinatorLoadInProgress:
    case ErrorCode::kCoordinatorNotAvailable:
    case ErrorCode::kNotCoordinator:
      return {503, "the group's coordinator is being elected; ask again"};
    case ErrorCode::kRequestTimedOut:
      return {503, "the group's coordinator did not answer in time"};
    default:
      return {503, "the group's coordinator could not do it"};
  }
}

}  // namespace

AdminAnswer admin_answer(const json::object& object) { return {200, json::serialize(object)}; }

AdminAnswer admin_refusal(int32_t status, std::string_view message) {
  return {status,
          json::serialize(json::object{{"error", json::string_view(message.data(), message.size())}})};
}

AdminAnswer admin_refusal(ErrorCode error, std::string_view group) {
  const Meaning meaning = meaning_of(error);
  return admin_refusal(meaning.status, fmt::format("group '{:.80}': {} (error {})", to_utf8(group),
                                                   meaning.text, static_cast<int>(error)));
}

std::optional<std::string> unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    uint8_t byte = 0;
    const char* const digits = text.data() + i + 1;
    const auto [end, error] = std::from_chars(digits, digits + 2, byte, 16);
    if (error != std::errc() || end != digits + 2) return std::nullopt;
    out += static_cast<char>(byte);
    i += 2;
  }
  return out;
}

std::string parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::string_view part = query.substr(0, query.find('&'));
    query.remove_prefix(part.size() < query.size() ? part.size() + 1 : part.size());
    if (part.size() > name.size() && part.starts_with(name) && part[name.size()] == '=')
      return unescape(part.substr(name.size() + 1)).value_or("");
  }
  return {};
}

std::string to_utf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t length = sequence_length(text);
    length == 0 ? out.append("\xef\xbf\xbd") : out.append(text.substr(0, length));
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

}  // namespace chronik::kafka
