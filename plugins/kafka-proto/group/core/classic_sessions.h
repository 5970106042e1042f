// ClassicSessions: until when each member of a group is believed to be alive. A session is part of its member.
//
// A heartbeat only writes down the new deadline: the session keeps its place in the queue, and moves on to its
// deadline when its old place comes. So a heartbeat allocates nothing, and next_ms() may be early, never late.
//
//   a session is | start()  | start_later() | pause()  | its time comes
//   running      | running  | late          | paused   | it is due: pop_due() gives it
//   paused       | running  | late          | paused   |
//   late         | running  | late          | paused   | running: from the next pop_due() on
//
// Late: the member's answer waits for a write, and its time begins when that is done.
#pragma once

#include <cstdint>
#include <limits>
#include <set>
#include <string>

namespace chronik::kafka::group {

class ClassicSessions {
 public:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  class Session {
   public:
    int32_t timeout_ms = 0;
    const std::string& member_id() const { return *member_id_; }

   private:
    friend class ClassicSessions;
    const std::string* member_id_ = nullptr;  // it outlives the session
    int64_t deadline_ms_ = kNever;
    int64_t queued_ms_ = kNever;
    uint64_t number_ = 0;  // in the order of add(); 0: not added
  };

  // Paused. It stays where it is in memory until remove().
  void add(Session& session, const std::string& member_id);
  void remove(Session& session);
  // From now on: for its timeout.
  void start(Session& session, int64_t now_ms) { start(session, now_ms, session.timeout_ms); }
  void start(Session& session, int64_t now_ms, int64_t timeout_ms);
  void start_later(Session& session);
  void pause(Session& session) { session.deadline_ms_ = kNever; }

  // When pop_due() must be asked; kNever: no session runs.
  int64_t next_ms() const { return queue_.empty() ? kNever : queue_.begin()->queued_ms; }
  // A session that is over, paused; null: none.
  Session* pop_due(int64_t now_ms);

 private:
  static constexpr int64_t kLate = std::numeric_limits<int64_t>::min();

  struct Place {
    int64_t queued_ms;
    uint64_t number;
    Session* session;
    bool operator<(const Place& other) const {
      return queued_ms != other.queued_ms ? queued_ms < other.queued_ms : number < other.number;
    }
  };

  void move(Session& session, int64_t to_ms);

  std::set<Place> queue_;
  uint64_t added_ = 0;
};

}  // namespace chronik::kafka::group
