// FakeLiveness: chronik.metadata.liveness/1 for unit tests, beside a FakeMetadata. All nodes are up but those
// that the test says are down.
//
//     FakeLiveness liveness(&host, &metadata);            // now found by acquire(CHR_LIVENESS_ID)
//     liveness.set_up(2, false);                          // watchers of the metadata are told
#pragma once

#include <chronik/draft/liveness.h>

#include <chronik/testing/fake_metadata.hpp>
#include <set>

namespace chronik::testing {

class FakeLiveness {
 public:
  FakeLiveness(FakeHost* host, FakeMetadata* metadata) : metadata_(metadata) {
    static constexpr chr_liveness_v1 kTable = {sizeof kTable, 1, thunk<&FakeLiveness::is_up>};
    host->provide(CHR_LIVENESS_ID, &kTable, this);
  }
  FakeLiveness(const FakeLiveness&) = delete;
  FakeLiveness& operator=(const FakeLiveness&) = delete;

  void set_up(int32_t node, bool up) {
    up ? static_cast<void>(down_.erase(node)) : static_cast<void>(down_.insert(node));
    metadata_->changed();
  }

  // ---- chr_liveness_v1 ----
  uint32_t is_up(int32_t node) { return down_.contains(node) ? 0 : 1; }

 private:
  FakeMetadata* const metadata_;
  std::set<int32_t> down_;
};

}  // namespace chronik::testing
