#include "host/observe/logger.h"

#include "host/observe/json.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <iterator>

namespace chronik::host {
namespace {

constexpr std::string_view kNames[] = {"", "error", "warn", "info", "debug", "trace"};

bool needs_quotes(std::string_view value) {
  if (value.empty()) return true;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || byte == 0x7f || c == '"' || c == '=' || c == '\\') return true;
  }
  return false;
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  append_json_escaped(out, text);  // logfmt readers understand JSON's escapes too
  out += '"';
}

void append_time(std::string& out, int64_t ts_us) {
  const auto seconds = static_cast<std::time_t>(ts_us / 1'000'000);
  fmt::format_to(std::back_inserter(out), "{:%Y-%m-%dT%H:%M:%S}.{:06d}Z", fmt::gmtime(seconds),
                 ts_us % 1'000'000);
}

// Fields come from plugins: a stray control character must not end the line.
void append_clean(std::string& out, std::string_view fields) {
  for (const char c : fields) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7f ? ' ' : c;
  }
}

struct Pair {
  std::string_view key;
  std::string value;
};

// Takes one pair off the front of logfmt text.
Pair next_pair(std::string_view& rest) {
  Pair pair;
  const size_t key_end = rest.find_first_of("= ");
  pair.key = rest.substr(0, key_end);
  rest.remove_prefix(pair.key.size());
  if (rest.empty() || rest.front() != '=') return pair;
  rest.remove_prefix(1);
  if (rest.empty() || rest.front() != '"') {
    const std::string_view value = rest.substr(0, rest.find(' '));
    pair.value = value;
    rest.remove_prefix(value.size());
    return pair;
  }
  size_t i = 1;
  for (; i < rest.size() && rest[i] != '"'; ++i) {
    if (rest[i] == '\\' && i + 1 < rest.size()) {
      ++i;
      pair.value += rest[i] == 'n' ? '\n' : rest[i] == 't' ? '\t' : rest[i] == 'r' ? '\r' : rest[i];
    } else {
      pair.value += rest[i];
    }
  }
  rest.remove_prefix(i < rest.size() ? i + 1 : i);
  return pair;
}

void append_json_fields(std::string& out, std::string_view fields) {
  while (!fields.empty()) {
    if (fields.front() == ' ') {
      fields.remove_prefix(1);
      continue;
    }
    const Pair pair = next_pair(fields);
    out += ',';
    append_quoted(out, pair.key.empty() ? "_" : pair.key);
    out += ':';
    append_quoted(out, pair.value);
  }
}

}  // namespace

std::string_view level_name(int32_t level) {
  return level >= CHR_LOG_ERROR && level <= CHR_LOG_TRACE ? kNames[level] : "info";
}

int32_t level_from_name(std::string_view name) {
  for (int32_t level = CHR_LOG_ERROR; level <= CHR_LOG_TRACE; ++level) {
    if (kNames[level] == name) return level;
  }
  return 0;
}

std::string format_line(LogFormat format, int64_t ts_us, int32_t level, std::string_view component,
                        std::string_view message, std::string_view fields) {
  std::string line;
  line.reserve(64 + component.size() + message.size() + fields.size());
  if (format == LogFormat::kJson) {
    line += "{\"ts\":\"";
    append_time(line, ts_us);
    line += "\",\"level\":\"";
    line += level_name(level);
    line += "\",\"comp\":";
    append_quoted(line, component);
    line += ",\"msg\":";
    append_quoted(line, message);
    append_json_fields(line, fields);
    line += '}';
    return line;
  }
  line += "ts=";
  append_time(line, ts_us);
  line += " level=";
  line += level_name(level);
  line += " comp=";
  needs_quotes(component) ? append_quoted(line, component) : void(line += component);
  line += " msg=";
  append_quoted(line, message);
  if (!fields.empty()) {
    line += ' ';
    append_clean(line, fields);
  }
  return line;
}

void Logger::log(int32_t level, std::string_view component, std::string_view message,
                 std::string_view fields) {
  if (!logs(level)) return;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const int64_t ts_us = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  std::string line =
      format_line(format_.load(std::memory_order_relaxed), ts_us, level, component, message, fields);
  line += '\n';
  std::string_view rest = line;
  const std::lock_guard lock(mutex_);  // a pipe may take a line in pieces
  while (!rest.empty()) {
    const ssize_t n = ::write(fd_, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    rest.remove_prefix(static_cast<size_t>(n));
  }
}

Fields& Fields::add(std::string_view key, std::string_view value) {
  if (!text_.empty()) text_ += ' ';
  text_ += key;
  text_ += '=';
  needs_quotes(value) ? append_quoted(text_, value) : void(text_ += value);
  return *this;
}

Fields& Fields::add(std::string_view key, int64_t value) {
  if (!text_.empty()) text_ += ' ';
  fmt::format_to(std::back_inserter(text_), "{}={}", key, value);
  return *this;
}

}  // namespace chronik::host
