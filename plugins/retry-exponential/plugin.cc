// The plugin retry-exponential: chronik.retry_policy/1 with delays of 100, 200, 400, 800 ms by default.
#include <chronik/retry_policy.h>

#include <array>
#include <chronik/plugin.hpp>

#include "retry-exponential/schedule.h"

namespace chronik::retry {
namespace {

constexpr int64_t kHour = 3'600'000'000'000;

constexpr std::array kSchema = {
    config_key("first", CHR_CONFIG_DURATION, "\"100ms\"", "The delay after the first failed attempt.",
               1'000'000, kHour),
    config_key("multiplier", CHR_CONFIG_INT, "2", "By how much each delay is longer than the one before.", 1,
               100),
    config_key("limit", CHR_CONFIG_DURATION, "\"5s\"",
               "No delay is longer than this, and none of metadata's than a minute.", 1'000'000, kHour),
    config_key("attempts", CHR_CONFIG_INT, "5",
               "After how many failed attempts the policy gives up; 0: never. Metadata gives up after five "
               "whatever its policy says: it logs that, and goes on by itself, more slowly.",
               0, 1'000),
    config_key(
        "jitter", CHR_CONFIG_INT, "0",
        "By how many percent a delay may vary in either direction, so that nodes do not retry in step.", 0,
        100),
};

class RetryExponential final : public Plugin {
 public:
  static constexpr std::string_view kId = "retry-exponential";
  static constexpr std::string_view kVersion = "0.1.0";
  static std::span<const chr_config_key> schema() { return kSchema; }

  explicit RetryExponential(Host host) {
    schedule_.first_ns = static_cast<uint64_t>(host.config_int("first"));
    schedule_.multiplier = static_cast<uint64_t>(host.config_int("multiplier"));
    schedule_.limit_ns = static_cast<uint64_t>(host.config_int("limit"));
    schedule_.attempts = static_cast<uint32_t>(host.config_int("attempts"));
    schedule_.jitter_percent = static_cast<uint32_t>(host.config_int("jitter"));
  }

  const void* service(std::string_view id, void** instance) override;

  chr_status next_delay(const chr_retry* retry, uint64_t* delay_ns) {
    const auto delay = schedule_.delay_ns(retry->attempt, retry->seed);
    if (!delay) return CHR_E_CANCELLED;
    *delay_ns = *delay;
    return CHR_OK;
  }

 private:
  Schedule schedule_;
};

constexpr chr_retry_policy_v1 kTable = {sizeof kTable, 1, thunk<&RetryExponential::next_delay>};

const void* RetryExponential::service(std::string_view id, void** instance) {
  if (id != CHR_RETRY_POLICY_ID) return nullptr;
  *instance = this;
  return &kTable;
}

}  // namespace
}  // namespace chronik::retry

CHRONIK_PLUGIN(chronik::retry::RetryExponential)
