// Regular expressions that consumers subscribe by: RE2's syntax, whole names, in bounded memory and time.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kafka-proto/group/core/topic_view.h"

namespace re2 {
class RE2;
}

namespace chronik::kafka::group {

inline constexpr size_t kMaxRegexBytes = 1'024;          // of its text
inline constexpr int64_t kMaxRegexMemory = 256 * 1'024;  // of what it compiles to, and of its automaton

class Regex {
 public:
  explicit Regex(std::string_view pattern);
  Regex(Regex&&) noexcept;
  ~Regex();

  // Why it is not taken; empty: it is.
  std::string_view refusal() const { return refusal_; }
  bool matches(std::string_view name) const;

 private:
  std::unique_ptr<re2::RE2> compiled_;  // null: refused
  std::string refusal_;
};

class RegexPatterns final : public Patterns {
 public:
  std::string refuse(std::string_view pattern) const override {
    return std::string(Regex(pattern).refusal());
  }
};

}  // namespace chronik::kafka::group
