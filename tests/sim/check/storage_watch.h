// Stands between consensus and storage: tells the checker of every write and of how it ended, and compares
// what a store holds after a restart with what it should.
#pragma once

#include "sim/check/checker.h"
#include "sim/host/node.h"

#include <map>

namespace chronik::sim {

class StorageWatch final : public Interposer {
 public:
  StorageWatch(Checker& checker, uint32_t nodes) : checker_(checker), seats_(nodes + 1) {}

  const void* wrap(Node& node, std::string_view service, const void* inner, void** instance) override;
  void node_gone(Node& node) override { seats_[node.id()].boot = 0; }

  // Restarts where the store could not be read at once, and so was not compared.
  uint64_t skipped_audits() const { return skipped_audits_; }

 private:
  // What consensus on one node holds as its storage.
  struct Seat final : OpObserver {
    void on_completion(uint64_t tag, const chr_done& done) override;

    StorageWatch* watch = nullptr;
    Node* node = nullptr;
    uint64_t boot = 0;      // of the node, when it was set up
    uint64_t refusals = 0;  // of the disk, up to then
    bool was_full = false;  // before
    const chr_storage_v1* inner = nullptr;
    void* instance = nullptr;
    std::map<uint64_t, GroupTruth*> groups;
    std::map<uint64_t, GroupTruth*> writes;  // on their way, by tag
  };
  struct Calls;  // the functions of the table

  void audit(Seat& seat);
  void audit_group(Seat& seat, std::string_view name, uint64_t id);
  static WriteModel model_of(const chr_storage_write& write, uint64_t tag);

  Checker& checker_;
  std::vector<Seat> seats_;
  uint64_t next_tag_ = 1;
  uint64_t skipped_audits_ = 0;
};

}  // namespace chronik::sim
