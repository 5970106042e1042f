// my-plugin behind the ABI: its keys, its service, its entry point.
#include <chronik/plugin.hpp>

#include "policy.h"
#include "store_gauge.h"

namespace {

class MyPlugin final : public chronik::Plugin {
 public:
  static constexpr std::string_view kId = "my-plugin", kVersion = "1.0.0";

  static std::span<const chr_config_key> schema() {
    static constexpr chr_config_key kKeys[] = {
        chronik::config_key("delay", CHR_CONFIG_DURATION, "\"100ms\"", "How long to wait between attempts.",
                            1'000'000, 60'000'000'000),
        chronik::config_key("attempts", CHR_CONFIG_INT, "5", "After how many failed attempts to give up.", 1,
                            1000),
        chronik::config_key("gauge_interval", CHR_CONFIG_DURATION, "\"10s\"",
                            "How often to look how full the storage is.", 1'000'000'000, 3'600'000'000'000),
    };
    return kKeys;
  }

  explicit MyPlugin(chronik::Host host) : policy_(host), gauge_(host) {}
  const void* service(std::string_view id, void** instance) override;
  chronik::Result<chronik::Progress> start(uint64_t) override {
    gauge_.start();
    return chronik::Progress::kDone;
  }
  chronik::Result<chronik::Progress> stop(uint64_t token) override {
    return gauge_.stop(token) ? chronik::Progress::kDone : chronik::Progress::kPending;
  }
  chr_status next_delay(const chr_retry* retry, uint64_t* delay_ns) {
    return policy_.next_delay(retry, delay_ns);
  }

 private:
  Policy policy_;
  StoreGauge gauge_;
};

constexpr chr_retry_policy_v1 kTable = {sizeof kTable, 1, chronik::thunk<&MyPlugin::next_delay>};

const void* MyPlugin::service(std::string_view id, void** instance) {
  if (id != CHR_RETRY_POLICY_ID) return nullptr;
  *instance = this;
  return &kTable;
}

}  // namespace

CHRONIK_PLUGIN(MyPlugin)
