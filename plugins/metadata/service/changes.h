// Changes that clients ask for: create and delete topics, add partitions, allocate producer ids. The node
// that was asked sends the change to the leader of __meta, at most one hop, and waits until it applies the
// command itself; so what completed is visible here. Attempts are repeated until the deadline. That is safe:
// an attempt after the first is always proposed, and the first one in the log that carries the request's
// number is the one that counts, for the catalog too (AppliedRequestTable). Home shard only.
#pragma once

#include <chronik/metadata.h>

#include <functional>
#include <map>

#include "metadata/catalog/applied_request_table.h"
#include "metadata/catalog/rules.h"
#include "metadata/service/peers.h"
#include "metadata/service/replica.h"

namespace chronik::metadata {

struct Request {
  Body body;
  bool validate_only = false;
  uint64_t timeout_ns = 0;
  chr_change_result* results = nullptr;  // the caller's, one for each item, until the token is completed
  uint64_t token = 0;
};

class Changes {
 public:
  // view: what the leader knows of nodes beside the catalog.
  Changes(Host host, Replica* replica, Peers* peers, std::function<ClusterView()> view);
  Changes(const Changes&) = delete;
  Changes& operator=(const Changes&) = delete;

  void submit(Request request);
  // Ends every request with this code.
  void stop(chr_status code, std::string_view message);

  // The leader's side.
  void requested(int32_t from, ChangeFrame frame);
  // The asking side.
  void replied(const ReplyFrame& reply);
  void leader_changed();
  void link_changed(int32_t peer, bool up);
  void command_applied(const Command& command, const Outcome& outcome);
  // By a snapshot.
  void catalog_replaced();
  // What command_applied() found is visible now: completes it.
  void published();

 private:
  struct Pending {
    Request request;
    uint64_t deadline_ns = 0;
    uint64_t begun_ns = 0;
    uint64_t next_ns = 0;  // of the next attempt
    uint32_t attempts = 0;
    uint32_t unanswered = 0;        // of these, one after the other
    uint64_t patient_until_ns = 0;  // until then it is asked again while nodes are expected
    int32_t asked = -1;             // the node that the last attempt went to; -1: it is known to have failed
  };
  using Reply = std::function<void(ReplyFrame)>;
  // What a node has asked for: the newest attempt of each of its last requests.
  struct Asked {
    uint64_t session = 0;
    std::map<uint64_t, uint32_t> attempts;  // by number
  };

  void attempt(uint64_t number, Pending* pending);
  void attempt_all();
  bool is_understood(int32_t leader, const Pending& pending) const;
  void refuse_as_new(uint64_t number, int32_t leader);
  void refuse(uint64_t number, chr_status code, const std::string& message);
  bool came_before(const ChangeFrame& frame);
  void decide(ChangeFrame frame, const Reply& reply);
  void finish_change(std::map<uint64_t, Pending>::iterator pending, const std::vector<ItemResult>& items,
                     int64_t first_id, int64_t ids);
  void give_up(std::map<uint64_t, Pending>::iterator pending, std::string_view why_unknown);
  void arm();
  void wake();
  static void CHR_CALL timer_fired(void* self);

  static constexpr uint64_t kAnswerNs = 1'000'000'000;  // for the first attempt; doubles with each
  static constexpr uint64_t kRefusedNs = 50'000'000;
  static constexpr uint64_t kSaysNothingNs = 1'000'000'000;  // after that a leader is one of before levels
  static constexpr uint64_t kLastWordNs = 1'000'000'000;
  static constexpr size_t kMaxPending = AppliedRequestTable::kRemembered;  // none overtakes all of them
  static constexpr size_t kRememberedRequests = 1'000;                     // of each node

  const Host host_;
  Replica* const replica_;
  Peers* const peers_;
  const std::function<ClusterView()> cluster_view_;
  const uint64_t session_;
  uint64_t last_number_ = 0;
  std::map<uint64_t, Pending> pending_;
  std::map<int32_t, Asked> asked_;  // the leader's side, by node
  std::vector<chr_done> ready_;
  uint64_t timer_ = 0;
};

}  // namespace chronik::metadata
