#include "kafka-proto/group/regex.h"

#include <re2/re2.h>

#include <optional>

namespace chronik::kafka::group {
namespace {

// Up to the end of the first `end` from `from` on, or the whole text.
size_t length_to(std::string_view text, std::string_view end, size_t from) {
  const size_t at = text.find(end, from);
  return at == std::string_view::npos ? text.size() : at + end.size();
}

// Of the class of characters that the text begins with, as [^]a[:digit:]].
size_t class_length(std::string_view text) {
  size_t at = text.starts_with("[^") ? 2 : 1;
  for (bool is_first = true; at < text.size(); is_first = false) {
    if (text[at] == ']' && !is_first) return at + 1;
    if (text.substr(at).starts_with("[:")) {
      at = length_to(text, ":]", at);
    } else {
      at += text[at] == '\\' ? 2 : 1;
    }
  }
  return text.size();
}

// Bytes of the text in which no group begins: an escape, a quotation, a class of characters, or one character.
size_t plain_length(std::string_view text) {
  if (text.starts_with("\\Q")) return length_to(text, "\\E", 2);
  if (text.starts_with('[')) return class_length(text);
  return text.starts_with('\\') ? 2 : 1;
}

bool begins_named_group(std::string_view text) {
  return text.size() > 3 && text.starts_with("(?<") && text[3] != '=' && text[3] != '!';
}

// In RE2's own syntax, which lacks (?<name>...) of Kafka's. Nothing: it has \C, a byte, which Kafka's lacks.
std::optional<std::string> to_re2(std::string_view pattern) {
  std::string out;
  while (!pattern.empty()) {
    if (pattern.starts_with("\\C")) return std::nullopt;
    const bool is_named = begins_named_group(pattern);
    const std::string_view plain = pattern.substr(0, is_named ? 2 : plain_length(pattern));
    out += plain;
    if (is_named) out += 'P';
    pattern.remove_prefix(plain.size());
  }
  return out;
}

}  // namespace

Regex::Regex(std::string_view pattern) {
  if (pattern.size() > kMaxRegexBytes) {
    refusal_ = "it is too long";
    return;
  }
  const std::optional<std::string> translated = to_re2(pattern);
  if (!translated.has_value()) {
    refusal_ = "invalid escape sequence: \\C";
    return;
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(kMaxRegexMemory);
  compiled_ = std::make_unique<re2::RE2>(*translated, options);
  if (compiled_->ok()) return;
  refusal_ = compiled_->error();
  compiled_.reset();
}

Regex::Regex(Regex&&) noexcept = default;
Regex::~Regex() = default;

bool Regex::matches(std::string_view name) const {
  return compiled_ && re2::RE2::FullMatch(re2::StringPiece(name.data(), name.size()), *compiled_);
}

}  // namespace chronik::kafka::group
