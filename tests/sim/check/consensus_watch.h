// Stands between consensus and those who use it: tells the checker who leads, what is committed, applied,
// acknowledged and read.
#pragma once

#include "sim/check/checker.h"
#include "sim/host/node.h"

#include <chronik/draft/state_machine_stream.h>

#include <map>
#include <memory>
#include <optional>

namespace chronik::sim {

class ConsensusWatch final : public Interposer {
 public:
  ConsensusWatch(Checker& checker, uint32_t nodes) : checker_(checker), seats_(nodes + 1) {}

  const void* wrap(Node& node, std::string_view service, const void* inner, void** instance) override;
  void node_gone(Node& node) override;

  // For harness code that waits: what an open group of this node knows of itself; false where it is not open.
  bool bounds(Node& node, std::string_view group, chr_group_bounds* out);
  uint64_t reads() const { return reads_; }

 private:
  struct Seat;
  struct Stream;
  // What the users of consensus hold as a chr_group.
  struct Group {
    void expect_ended() const;

    Seat* seat = nullptr;
    chr_group* inner = nullptr;
    GroupTruth* truth = nullptr;
    const chr_state_machine_v1* machine = nullptr;
    void* context = nullptr;
    uint32_t shard = 0;
    Stream* stream = nullptr;  // null: its state goes out and in at once
  };
  // Something asked for, whose completion is checked.
  struct Asked {
    Group* group = nullptr;
    std::vector<chr_placed> placed;
    uint32_t until = 0;
    const chr_entries* read = nullptr;
    int32_t bound = 0;
    bool open = false;
    bool close = false;
    std::vector<uint32_t> target;   // of a change of members
    size_t known = 0;               // configurations, when it was asked for
    std::optional<uint64_t> floor;  // of a barrier: what was committed when it was asked for
  };
  // A stream that a user of consensus attached, and where its group's truth is. States of a simulation are smaller
  // than one piece: it cuts them anew.
  struct Stream {
    // Fails the run with what happened, where this does not hold.
    void expect(bool holds, const char* what) const;

    ConsensusWatch* watch = nullptr;
    Node* node = nullptr;
    GroupTruth* truth = nullptr;
    chr_state_stream_v1 inner{};
    void* context = nullptr;
    Rng random;
    bool taken = false;  // by the open of its group
    bool saves = false;  // one was begun and not ended
    bool loads = false;
  };
  struct Seat final : OpObserver {
    void on_completion(uint64_t tag, const chr_done& done) override;

    ConsensusWatch* watch = nullptr;
    Node* node = nullptr;
    uint64_t boot = 0;
    const chr_consensus_v1* inner = nullptr;
    void* instance = nullptr;
    const chr_state_machine_stream_v1* streams = nullptr;
    void* streams_instance = nullptr;
    std::vector<std::unique_ptr<Group>> groups;
    std::vector<std::unique_ptr<Stream>> attached;
    std::map<uint64_t, Asked> asked;  // by tag
  };
  struct Calls;
  struct Machine;
  struct Streams;

  const void* wrap_streams(Node& node, const void* inner, void** instance);
  static void CHR_CALL on_role(void* context, const chr_group_id* id, const chr_role* role, uint32_t usable);
  void observe(Seat& seat, uint64_t token, Asked asked);
  void check_read(Group& group, const chr_entries& entries, int32_t bound);

  Checker& checker_;
  std::vector<Seat> seats_;
  uint64_t next_tag_ = 1;
  uint64_t reads_ = 0;
};

}  // namespace chronik::sim
