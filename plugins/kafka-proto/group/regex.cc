#include "kafka-proto/group/regex.h"

#include <re2/re2.h>

namespace chronik::kafka::group {

Regex::Regex(std::string_view pattern) {
  if (pattern.size() > kMaxRegexBytes) {
    refusal_ = "it is too long";
    return;
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(kMaxRegexMemory);
  compiled_ = std::make_unique<re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
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
