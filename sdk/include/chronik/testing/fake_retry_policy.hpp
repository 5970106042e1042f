// FakeRetryPolicy: chronik.retry_policy/1 with a list of delays, after which it gives up.
// It records what it was asked.
#pragma once

#include <chronik/retry_policy.h>

#include <chronik/testing/fake_host.hpp>

namespace chronik::testing {

class FakeRetryPolicy {
 public:
  // Now found by acquire(CHR_RETRY_POLICY_ID).
  explicit FakeRetryPolicy(FakeHost* host, std::vector<std::chrono::milliseconds> delays = defaults())
      : delays_(std::move(delays)) {
    host->provide(CHR_RETRY_POLICY_ID, &kTable, this);
  }
  FakeRetryPolicy(const FakeRetryPolicy&) = delete;
  FakeRetryPolicy& operator=(const FakeRetryPolicy&) = delete;

  // 100, 200, 400 and 800 ms: five attempts.
  static std::vector<std::chrono::milliseconds> defaults() {
    using namespace std::chrono_literals;
    return {100ms, 200ms, 400ms, 800ms};
  }
  const std::vector<chr_retry>& asked() const { return asked_; }

 private:
  static chr_status CHR_CALL next_delay(void* self, const chr_retry* retry, uint64_t* delay_ns) {
    auto* policy = static_cast<FakeRetryPolicy*>(self);
    policy->asked_.push_back(*retry);
    if (retry->attempt == 0 || retry->attempt > policy->delays_.size()) return CHR_E_CANCELLED;
    const std::chrono::milliseconds delay = policy->delays_[retry->attempt - 1];
    const bool longest = delay == std::chrono::milliseconds::max();  // UINT64_MAX ns
    *delay_ns = longest ? UINT64_MAX : static_cast<uint64_t>(std::chrono::nanoseconds(delay).count());
    return CHR_OK;
  }
  static constexpr chr_retry_policy_v1 kTable = {sizeof(chr_retry_policy_v1), 1, next_delay};

  const std::vector<std::chrono::milliseconds> delays_;
  std::vector<chr_retry> asked_;
};

}  // namespace chronik::testing
