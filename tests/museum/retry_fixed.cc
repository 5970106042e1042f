// A retry policy in C++, as a third party would write it: always the same delay.
#include <chronik/retry_policy.h>
#include <chronik/plugin.hpp>

namespace {

constexpr chr_config_key kSchema[] = {
    chronik::config_key("delay", CHR_CONFIG_DURATION, "\"50ms\"", "Between any two attempts.", 1'000'000,
                        60'000'000'000),
    chronik::config_key("attempts", CHR_CONFIG_INT, "5", "After so many it gives up.", 1, 1000),
};

class FixedRetry final : public chronik::Plugin {
 public:
  static constexpr std::string_view kId = MUSEUM_ID;
  static constexpr std::string_view kVersion = "1.0.0";
  static std::span<const chr_config_key> schema() { return kSchema; }

  explicit FixedRetry(chronik::Host host)
      : delay_ns_(static_cast<uint64_t>(host.config_int("delay"))),
        attempts_(static_cast<uint32_t>(host.config_int("attempts"))) {}

  const void* service(std::string_view id, void** instance) override;

  chr_status next_delay(const chr_retry* retry, uint64_t* delay_ns) {
    if (retry->attempt >= attempts_) return CHR_E_CANCELLED;
    *delay_ns = delay_ns_;
    return CHR_OK;
  }

 private:
  uint64_t delay_ns_;
  uint32_t attempts_;
};

// One thing is wrong with the table of most exhibits.
#if !defined(TABLE_SIZE)
#define TABLE_SIZE sizeof(chr_retry_policy_v1)
#endif
#if !defined(TABLE_REV)
#define TABLE_REV 1
#endif
#if !defined(NEXT_DELAY)
#define NEXT_DELAY chronik::thunk<&FixedRetry::next_delay>
#endif
constexpr chr_retry_policy_v1 kTable = {TABLE_SIZE, TABLE_REV, NEXT_DELAY};

const void* FixedRetry::service(std::string_view id, void** instance) {
#if defined(NO_SERVICE)
  return nullptr;
#endif
  if (id != CHR_RETRY_POLICY_ID) return nullptr;
  *instance = this;
  return &kTable;
}

}  // namespace

CHRONIK_PLUGIN(FixedRetry)
