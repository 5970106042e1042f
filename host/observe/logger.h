// Logger: one line per event, logfmt or JSON, in one write(2); lines never mix.
//
//     ts=2026-01-02T03:04:05.678901Z level=info comp=raft msg="Node 1 became leader for t/0" group=3
#pragma once

#include <chronik/host.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace chronik::host {

enum class LogFormat { kLogfmt, kJson };

// Thread-safe. Never fails: a line that cannot be written is lost.
class Logger {
 public:
  // Borrows fd (2: stderr).
  explicit Logger(int fd = 2, LogFormat format = LogFormat::kLogfmt, int32_t level = CHR_LOG_INFO)
      : fd_(fd), format_(format), level_(level) {}

  // The most detailed level that is written, CHR_LOG_*.
  int32_t level() const { return level_.load(std::memory_order_relaxed); }
  void set_level(int32_t level) { level_.store(level, std::memory_order_relaxed); }
  void set_format(LogFormat format) { format_.store(format, std::memory_order_relaxed); }
  bool logs(int32_t level) const { return level <= this->level(); }

  // fields: logfmt pairs (`group=3 term=7`), see Fields; or empty.
  void log(int32_t level, std::string_view component, std::string_view message, std::string_view fields = {});
  void error(std::string_view component, std::string_view message, std::string_view fields = {}) {
    log(CHR_LOG_ERROR, component, message, fields);
  }
  void warn(std::string_view component, std::string_view message, std::string_view fields = {}) {
    log(CHR_LOG_WARN, component, message, fields);
  }
  void info(std::string_view component, std::string_view message, std::string_view fields = {}) {
    log(CHR_LOG_INFO, component, message, fields);
  }
  void debug(std::string_view component, std::string_view message, std::string_view fields = {}) {
    log(CHR_LOG_DEBUG, component, message, fields);
  }

 private:
  const int fd_;
  std::mutex mutex_;  // around the write of a line
  std::atomic<LogFormat> format_;
  std::atomic<int32_t> level_;
};

// "error", "warn", "info", "debug", "trace"; 0 for another text.
std::string_view level_name(int32_t level);
int32_t level_from_name(std::string_view name);

// One line without its end, as Logger writes it; ts is unix time in microseconds.
std::string format_line(LogFormat format, int64_t ts_us, int32_t level, std::string_view component,
                        std::string_view message, std::string_view fields);

// Builds logfmt pairs; values are quoted and escaped where they need it.
class Fields {
 public:
  Fields& add(std::string_view key, std::string_view value);
  Fields& add(std::string_view key, int64_t value);
  const std::string& text() const { return text_; }
  operator std::string_view() const { return text_; }  // NOLINT: meant to be passed as fields

 private:
  std::string text_;
};

}  // namespace chronik::host
