// FakeNodes: chronik.metadata.nodes/1 for unit tests, beside a FakeMetadata, whose brokers leave at once.
//
//     FakeNodes nodes(&host, &metadata);                  // now found by acquire(CHR_NODES_ID)
//     nodes.refuse(CHR_E_CONFLICT, "no room");            // what those that leave next come to
#pragma once

#include <chronik/draft/nodes.h>

#include <chronik/testing/fake_metadata.hpp>

namespace chronik::testing {

class FakeNodes {
 public:
  FakeNodes(FakeHost* host, FakeMetadata* metadata) : metadata_(metadata) {
    static constexpr chr_nodes_v1 kTable = {sizeof kTable, 1, thunk<&FakeNodes::leave>};
    host->provide(CHR_NODES_ID, &kTable, this);
  }
  FakeNodes(const FakeNodes&) = delete;
  FakeNodes& operator=(const FakeNodes&) = delete;

  // OK: they leave again.
  void refuse(chr_status code, std::string why = {}) {
    refusal_ = code;
    why_ = std::move(why);
  }

  // ---- chr_nodes_v1 ----
  chr_status leave(int32_t node, uint64_t, chr_change_result* result, uint64_t token, chr_error*) {
    return metadata_->change(token, [this, node, result](chr_done*) {
      const bool left = refusal_ == CHR_OK && metadata_->state_.brokers.erase(node) != 0;
      if (left) metadata_->changed();
      *result = FakeMetadata::result(refusal_ != CHR_OK ? refusal_ : left ? CHR_OK : CHR_E_NOT_FOUND, why_);
    });
  }

 private:
  FakeMetadata* const metadata_;
  chr_status refusal_ = CHR_OK;
  std::string why_;
};

}  // namespace chronik::testing
