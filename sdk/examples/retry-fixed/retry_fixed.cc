// A retry policy that always waits the same time: the smallest useful plugin. In the folder of plugins,
//
//     [retry]
//     plugin   = "retry-fixed"
//     interval = "250ms"
//
// replaces the exponential policy; nothing else changes.
#include <chronik/retry_policy.h>

#include <array>
#include <chronik/plugin.hpp>

namespace {

constexpr std::array kSchema = {
    chronik::config_key("interval", CHR_CONFIG_DURATION, "\"250ms\"",
                        "How long to wait between two attempts.", 1'000'000, 60'000'000'000),
    chronik::config_key("attempts", CHR_CONFIG_INT, "0", "After how many failures to give up; 0: never.", 0,
                        1'000'000),
};

class RetryFixed final : public chronik::Plugin {
 public:
  static constexpr std::string_view kId = "retry-fixed";
  static constexpr std::string_view kVersion = "1.0.0";
  static std::span<const chr_config_key> schema() { return kSchema; }

  explicit RetryFixed(chronik::Host host)
      : interval_ns_(static_cast<uint64_t>(host.config_int("interval"))),
        attempts_(static_cast<uint32_t>(host.config_int("attempts"))) {}

  const void* service(std::string_view id, void** instance) override;

  chr_status next_delay(const chr_retry* retry, uint64_t* delay_ns) {
    if (attempts_ != 0 && retry->attempt >= attempts_) return CHR_E_CANCELLED;
    *delay_ns = interval_ns_;
    return CHR_OK;
  }

 private:
  const uint64_t interval_ns_;
  const uint32_t attempts_;
};

constexpr chr_retry_policy_v1 kTable = {sizeof kTable, 1, chronik::thunk<&RetryFixed::next_delay>};

const void* RetryFixed::service(std::string_view id, void** instance) {
  if (id != CHR_RETRY_POLICY_ID) return nullptr;
  *instance = this;
  return &kTable;
}

}  // namespace

CHRONIK_PLUGIN(RetryFixed)
