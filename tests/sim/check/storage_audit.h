// What a store holds when it has started, read through chronik.storage/1 itself and told to the checker.
// Whoever uses the store waits until then. The store may answer each call at once or later.
#pragma once

#include "sim/check/checker.h"
#include "sim/host/node.h"

#include <functional>
#include <vector>

namespace chronik::sim {

class StorageAudit {
 public:
  // was_full: the disk refused something since the last start. The table and the node's harness outlive this.
  StorageAudit(Checker& checker, Node& node, const chr_storage_v1& table, void* instance, bool was_full)
      : checker_(checker), node_(node), table_(table), instance_(instance), was_full_(was_full) {}
  StorageAudit(const StorageAudit&) = delete;
  StorageAudit& operator=(const StorageAudit&) = delete;

  // Calls on_end once, unless the node crashes first or the run fails.
  void begin(std::function<void()> on_end);

 private:
  enum class Step { kNextGroup, kRead, kGet };

  // Makes calls until one of them is answered later, or all is done.
  void go_on();
  void next_group();
  void read();
  bool met_damage(chr_status status);
  bool has_failed(chr_status status) const;
  void wait_for_end();
  void got_entries(chr_status status, std::string_view message);
  void get();
  void got_value(chr_status status, std::string_view message);
  void end();
  // Makes a call with a token; `answered` gets its outcome, now or later.
  template <class Call>
  void call(Call&& call, void (StorageAudit::*answered)(chr_status, std::string_view));

  Checker& checker_;
  Node& node_;
  const chr_storage_v1& table_;
  void* const instance_;
  const bool was_full_;
  std::function<void()> on_end_;
  bool waits_ = false;  // for an answer

  std::vector<std::pair<std::string, uint64_t>> groups_;  // names and ids
  size_t next_ = 0;                                       // of groups_

  // The group that is looked at.
  Step step_ = Step::kNextGroup;
  GroupTruth* group_ = nullptr;
  Checker::Found found_;
  uint64_t next_index_ = 0, last_index_ = 0;
  std::vector<std::string> keys_;  // those that are still to be looked up
  // What calls fill: they may do so long after they returned.
  chr_storage_read args_{};
  chr_entries entries_{};
  chr_slice value_{};
  void (StorageAudit::*answered_)(chr_status, std::string_view) = nullptr;
};

}  // namespace chronik::sim
