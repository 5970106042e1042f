#include "kafka-proto/group/core/classic_sessions.h"

#include <algorithm>
#include <utility>

namespace chronik::kafka::group {

void ClassicSessions::add(Session& session, const std::string& member_id) {
  session.member_id_ = &member_id;
  session.deadline_ms_ = session.queued_ms_ = kNever;
  session.number_ = ++added_;
  queue_.insert({kNever, session.number_, &session});
}

void ClassicSessions::remove(Session& session) {
  queue_.erase({session.queued_ms_, session.number_, &session});
  session.number_ = 0;
}

void ClassicSessions::start(Session& session, int64_t now_ms, int64_t timeout_ms) {
  session.deadline_ms_ = now_ms + std::max<int64_t>(timeout_ms, 0);
  if (session.deadline_ms_ < session.queued_ms_) move(session, session.deadline_ms_);
}

void ClassicSessions::start_later(Session& session) {
  session.deadline_ms_ = kLate;
  move(session, kLate);
}

ClassicSessions::Session* ClassicSessions::pop_due(int64_t now_ms) {
  while (!queue_.empty() && queue_.begin()->queued_ms <= now_ms && queue_.begin()->queued_ms != kNever) {
    Session& session = *queue_.begin()->session;
    if (session.deadline_ms_ == kLate)
      session.deadline_ms_ = now_ms + std::max<int64_t>(session.timeout_ms, 1);
    if (session.deadline_ms_ > now_ms) {
      move(session, session.deadline_ms_);
      continue;
    }
    session.deadline_ms_ = kNever;
    move(session, kNever);
    return &session;
  }
  return nullptr;
}

void ClassicSessions::move(Session& session, int64_t to_ms) {
  auto place = queue_.extract({session.queued_ms_, session.number_, &session});
  session.queued_ms_ = to_ms;
  place.value().queued_ms = to_ms;
  queue_.insert(std::move(place));
}

}  // namespace chronik::kafka::group
