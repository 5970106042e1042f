// SyncProposals: what the leader of __meta does with the batches of all nodes, its own among them. One entry
// of them is on its way at a time; what comes meanwhile goes into the next one together. In a burst entries
// are spaced out, further and further, so that the elections of many groups after the loss of a node cost a
// handful of entries; what comes after a quiet time goes at once, as do full batches and records of nodes.
// What says that another node leads in a term than is known goes into no entry.
//
// Home shard only.
#pragma once

#include <functional>
#include <vector>

#include "metadata/model/command.h"
#include "metadata/service/home_shard.h"

namespace chronik::metadata {

class SyncProposals {
 public:
  using Failed = std::function<void(const Error&)>;
  using Done = std::function<void(const Status&)>;
  // Proposes one batch on this node. An error: it was not, and done is dropped.
  using Propose = std::function<Status(SyncBatch, Done)>;
  // Whom the catalog shows as the leader of this term, where that is another node; -1: nobody.
  using Rival = std::function<int32_t(const Assignment&)>;
  using Refused = std::function<void(const Dispute&)>;

  SyncProposals(Host host, HomeShard* home, Propose propose, Rival rival, Refused refused)
      : host_(host),
        home_(home),
        propose_(std::move(propose)),
        rival_(std::move(rival)),
        refused_(std::move(refused)) {}
  SyncProposals(const SyncProposals&) = delete;
  SyncProposals& operator=(const SyncProposals&) = delete;

  // failed: called, later, where the batch did not become committed. That it did is seen in the catalog.
  void add_batch(SyncBatch what, Failed failed);
  // This node leads no more: what waits fails.
  void give_up(const Error& reason);

 private:
  struct Waiting {
    SyncBatch what;
    Failed failed;
  };
  void propose_batches();
  std::vector<Waiting> take_batches();
  SyncBatch merge(const std::vector<Waiting>& batches) const;
  bool is_urgent() const;
  void fail_batches(std::vector<Waiting> batches, const Error& reason);
  static void CHR_CALL timer_fired(void* self);

  static constexpr uint64_t kQuietNs = 500'000'000;
  static constexpr uint64_t kMinSpacingNs = 20'000'000;
  static constexpr uint64_t kMaxSpacingNs = 320'000'000;

  const Host host_;
  HomeShard* const home_;
  const Propose propose_;
  const Rival rival_;
  const Refused refused_;
  std::vector<Waiting> waiting_;
  bool in_flight_ = false;
  uint64_t last_ns_ = 0;
  uint64_t spacing_ns_ = 0;  // to the next entry
  uint64_t timer_ = 0;
};

}  // namespace chronik::metadata
