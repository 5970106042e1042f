// The plugin through its own entry point, on the SDK's FakeHost. No test framework needed.
#include <chronik/retry_policy.h>

#include <chronik/plugin.hpp>
#include <chronik/testing/fake_host.hpp>
#include <cstdio>

namespace {

int failures = 0;

void expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  ++failures;
}

}  // namespace

int main() {
  chronik::testing::FakeHost host;
  host.config_int("interval", 40'000'000);
  host.config_int("attempts", 3);

  chr_offer offer{};
  offer.struct_size = sizeof offer;
  offer.abi_major = CHR_ABI_MAJOR;
  offer.abi_minor = CHR_ABI_MINOR;
  const chr_plugin_v1* plugin = chronik_plugin_v1(&offer, nullptr);
  chr_plugin* instance = nullptr;
  chr_error error = chronik::make_abi_error();
  if (plugin->create(host.core(), {}, &instance, &error) != CHR_OK) return 1;
  void* self = nullptr;
  const auto* policy =
      static_cast<const chr_retry_policy_v1*>(plugin->service(instance, CHR_RETRY_POLICY_ID, &self));

  chr_retry retry{};
  retry.struct_size = sizeof retry;
  uint64_t delay_ns = 0;
  for (retry.attempt = 1; retry.attempt < 3; ++retry.attempt) {
    expect(policy->next_delay(self, &retry, &delay_ns) == CHR_OK, "it goes on before the last attempt");
    expect(delay_ns == 40'000'000, "every delay is the interval");
  }
  expect(policy->next_delay(self, &retry, &delay_ns) == CHR_E_CANCELLED,
         "it gives up after the last attempt");
  expect(plugin->service(instance, "chronik.storage/1", &self) == nullptr, "it provides nothing else");
  plugin->destroy(instance);
  return failures == 0 ? 0 : 1;
}
