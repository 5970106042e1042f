#include "policy.h"

Policy::Policy(const chronik::Host& host)
    : delay_ns_(static_cast<uint64_t>(host.config_int("delay"))),
      attempts_(static_cast<uint32_t>(host.config_int("attempts"))) {}

chr_status Policy::next_delay(const chr_retry* retry, uint64_t* delay_ns) const {
  if (retry->attempt >= attempts_) return CHR_E_CANCELLED;
  *delay_ns = delay_ns_;
  return CHR_OK;
}
