// What this plugin does, in plain C++: waits a fixed time between attempts, a bounded number of times.
#pragma once

#include <chronik/retry_policy.h>
#include <chronik/host.hpp>

class Policy {
 public:
  // Reads the keys that schema() in plugin.cc declares.
  explicit Policy(const chronik::Host& host);
  // See chr_retry_policy_v1.
  chr_status next_delay(const chr_retry* retry, uint64_t* delay_ns) const;

 private:
  uint64_t delay_ns_;
  uint32_t attempts_;
};
