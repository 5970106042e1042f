// Quorum: who takes part in __meta and how far they are, as its leader knows. The node that was asked asks
// the leader, at most one hop, and again where an attempt failed, until its deadline. Requests without a
// number are those of CatchUp. Home shard only.
#pragma once

#include <chronik/metadata.h>

#include <map>

#include "metadata/service/peers.h"
#include "metadata/service/replica.h"

namespace chronik::metadata {

class Quorum {
 public:
  Quorum(Host host, Replica* replica, Peers* peers) : host_(host), replica_(replica), peers_(peers) {}
  Quorum(const Quorum&) = delete;
  Quorum& operator=(const Quorum&) = delete;

  void submit(uint64_t timeout_ns, chr_quorum* out, uint64_t token);
  void stop(chr_status code, std::string_view message);

  void requested(int32_t from, const QuorumRequestFrame& frame);
  void replied(const QuorumReplyFrame& reply);
  void leader_changed();
  void link_changed(int32_t peer, bool up);

 private:
  struct Pending {
    Quorum* owner = nullptr;
    uint64_t number = 0;
    chr_quorum* out = nullptr;
    uint64_t token = 0;
    uint64_t deadline_ns = 0;
    int32_t asked = -1;  // -1: nobody, or it is known to have failed
    uint64_t timer = 0;  // of the next attempt or the deadline
  };
  void attempt(Pending* pending);
  void retry_later(Pending* pending, uint64_t delay_ns);
  void finish_request(Pending* pending, const QuorumReplyFrame& reply);
  QuorumReplyFrame answer(uint64_t number) const;
  static void CHR_CALL timer_fired(void* pending);

  static constexpr uint64_t kAnswerNs = 1'000'000'000;
  static constexpr uint64_t kRefusedNs = 50'000'000;

  const Host host_;
  Replica* const replica_;
  Peers* const peers_;
  uint64_t last_number_ = 0;
  std::map<uint64_t, Pending> pending_;
};

}  // namespace chronik::metadata
