// Stands between consensus and storage: tells the checker of every write and of how it ended, and compares
// what a store holds after a restart with what it should.
#pragma once

#include "sim/check/storage_audit.h"

#include <map>

namespace chronik::sim {

class StorageWatch final : public Interposer {
 public:
  StorageWatch(Checker& checker, uint32_t nodes) : checker_(checker), seats_(nodes + 1) {}

  const void* wrap(Node& node, std::string_view service, const void* inner, void** instance) override;
  // Compares what the store holds before anybody uses it.
  void storage_started(Node& node, std::function<void()> go_on) override;
  void node_gone(Node& node) override;
  // Damages, in a file, the record of the newest entry of a group that is durable on this node; `which` chooses
  // group and bit. Something that was issued when the entry was durable already must be so, too: the damaged end
  // of a journal cannot be told from a torn one. False: there is no such entry.
  bool damage(Node& node, uint64_t which);

 private:
  // An entry as it lies in a file, wherever that is.
  struct Sample {
    uint64_t index = 0, term = 0;
    uint64_t tag = 0;   // of its write
    std::string begin;  // of its payload
  };

  // What consensus on one node holds as its storage.
  struct Seat final : OpObserver {
    void on_completion(uint64_t tag, const chr_done& done) override;

    StorageWatch* watch = nullptr;
    Node* node = nullptr;
    uint64_t refusals = 0;  // of the disk, up to the last start
    std::unique_ptr<StorageAudit> audit;
    const chr_storage_v1* inner = nullptr;
    void* instance = nullptr;
    std::map<uint64_t, GroupTruth*> groups;
    struct OnItsWay {
      GroupTruth* group;
      uint64_t settled;  // all writes with tags below had ended when it was issued
    };
    std::map<uint64_t, OnItsWay> writes;  // by tag
    uint64_t settled = 0;                 // the largest one of those that are durable
    std::map<std::string, std::deque<Sample>>
        samples;  // the newest entries, by group; they outlive the process
  };
  struct Calls;  // the functions of the table

  static void keep_samples(const chr_storage_write& write, uint64_t tag, std::deque<Sample>* samples);
  void check_commit_hint(Node& node, const GroupTruth& group, const chr_storage_write& write);
  static WriteModel model_of(const chr_storage_write& write, uint64_t tag);

  Checker& checker_;
  std::vector<Seat> seats_;
  uint64_t next_tag_ = 1;
};

}  // namespace chronik::sim
