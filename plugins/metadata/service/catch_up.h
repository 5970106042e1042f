// CatchUp: whether this node's catalog is current, which is to say holds all that the leader of __meta held
// when this node last came to know a leader. Until then a topic that is not in it may exist. Home shard only.
#pragma once

#include <functional>

#include "metadata/service/peers.h"
#include "metadata/service/replica.h"

namespace chronik::metadata {

class CatchUp {
 public:
  // changed: is_current() is another now.
  CatchUp(Host host, const Replica* replica, Peers* peers, std::function<void()> changed)
      : host_(host), replica_(replica), peers_(peers), changed_(std::move(changed)) {}
  CatchUp(const CatchUp&) = delete;
  CatchUp& operator=(const CatchUp&) = delete;

  bool is_current() const { return current_; }
  // The catalog, the leader or a link changed.
  void review_catalog();
  // What the leader answered to a request without a number.
  void receive_reply(int32_t from, const QuorumReplyFrame& reply);
  void stop();

 private:
  void set_current(bool current);
  static void CHR_CALL timer_fired(void* self);

  static constexpr uint64_t kAskAgainNs = 500'000'000;
  static constexpr uint64_t kRefusedNs = 10'000'000;

  const Host host_;
  const Replica* const replica_;
  Peers* const peers_;
  const std::function<void()> changed_;
  bool current_ = false;
  bool stopped_ = false;
  int32_t leader_ = -1;             // whom this is about
  std::optional<uint64_t> target_;  // what that one held
  uint64_t timer_ = 0;              // runs while an answer is awaited, or until it asks again
};

}  // namespace chronik::metadata
