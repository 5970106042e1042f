// Unit test without a server: the SDK's FakeHost stands in for one.
#include <chronik/testing/fake_host.hpp>
#include <cstdio>

#include "../policy.h"

int main() {
  chronik::testing::FakeHost host;
  host.config_int("delay", 7'000'000);
  host.config_int("attempts", 3);
  const Policy policy{chronik::Host(host.core())};

  chr_retry retry{};
  retry.struct_size = sizeof retry;
  uint64_t delay_ns = 0;
  for (retry.attempt = 1; retry.attempt < 3; ++retry.attempt) {
    if (policy.next_delay(&retry, &delay_ns) != CHR_OK || delay_ns != 7'000'000) {
      std::fprintf(stderr, "attempt %u: wrong delay\n", retry.attempt);
      return 1;
    }
  }
  if (policy.next_delay(&retry, &delay_ns) != CHR_E_CANCELLED) {
    std::fprintf(stderr, "attempt 3: must give up\n");
    return 1;
  }
  return 0;
}
