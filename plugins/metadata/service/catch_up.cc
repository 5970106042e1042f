#include "metadata/service/catch_up.h"

#include <utility>

namespace chronik::metadata {

void CatchUp::review_catalog() {
  if (stopped_) return;
  const int32_t leader = replica_->leader();
  if (leader != leader_) {
    leader_ = leader;
    target_.reset();
    host_.cancel_timer(std::exchange(timer_, 0));
  }
  if (replica_->leads()) return set_current(true);  // all that was committed is applied
  if (leader < 0 || leader == host_.node().id) return set_current(false);
  if (target_) return set_current(current_ || replica_->catalog().version() >= *target_);
  set_current(false);
  if (timer_ != 0) return;
  peers_->tell(leader, QuorumRequestFrame{});
  timer_ = host_.timer(kAskAgainNs, timer_fired, this);
}

void CatchUp::receive_reply(int32_t from, const QuorumReplyFrame& reply) {
  if (stopped_ || from != leader_ || target_) return;
  host_.cancel_timer(std::exchange(timer_, 0));
  if (reply.verdict.code != CHR_OK) {  // it was just elected, and leads in a moment
    timer_ = host_.timer(kRefusedNs, timer_fired, this);
    return;
  }
  target_ = reply.catalog_version;
  review_catalog();
}

void CatchUp::stop() {
  stopped_ = true;
  host_.cancel_timer(std::exchange(timer_, 0));
}

void CatchUp::set_current(bool current) {
  if (std::exchange(current_, current) != current) changed_();
}

void CatchUp::timer_fired(void* self) {
  auto* catch_up = static_cast<CatchUp*>(self);
  catch_up->timer_ = 0;
  catch_up->review_catalog();
}

}  // namespace chronik::metadata
