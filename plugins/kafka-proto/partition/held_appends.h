// HeldAppends: appends and repeats that this node cannot take while leadership moves, or while its disk is
// behind. Leadership that moves leaves a moment in which nobody can say where it goes. A client that is told
// "not here" asks everybody, after a pause; so it is answered once the new leader is known, or that moment is
// over. Clients may also hear of a leader before it leads: what came early is appended once it does. Where
// consensus has no room for now, a client that were told so would send again what it has sent more behind: so
// it waits for room, as it would for a slow disk. On the partition's shard.
//
//   an append is | entered with                        | left with
//   held         | hold(), answer() with NOT_LEADER,   | end_moment(): early where this node leads and it can be
//                | while leadership moves              | appended; else answered. The moment ends by itself, too
//   early        | end_moment(), wait_for_room(),      | in order of arrival, in a turn of its own: appended anew.
//                | queue_behind_early()                | No room: it stays the first, and is tried again
//
// While there is an early append, what comes meanwhile goes behind it: no append overtakes another.
#pragma once

#include <chronik/lean_queue.hpp>

#include <functional>
#include <vector>

#include "kafka-proto/partition/append.h"
#include "kafka-proto/partition/long_polls.h"
#include "kafka-proto/partition/replica.h"

namespace chronik::kafka {

class HeldAppends {
 public:
  // Begins the append anew.
  using Again = std::function<void(AppendDone)>;

  // Polls wait for the same moment, and are woken at its end.
  HeldAppends(Replica& replica, LongPolls& polls) : replica_(replica), polls_(polls) {}
  HeldAppends(const HeldAppends&) = delete;
  HeldAppends& operator=(const HeldAppends&) = delete;

  bool has_early_appends() const { return !early_appends_.empty(); }
  // False: too much is there already.
  bool queue_behind_early(AppendDone& done, size_t bytes, Again again);
  // For an append that came when nothing was early, or for the one that is appended anew.
  void wait_for_room(AppendDone done, size_t bytes, Again again);
  // Answers, but holds what is told that another node leads.
  void answer(AppendDone done, Appended answer);
  // Answers at once where leadership does not move, or too many wait already.
  void hold(AppendDone done, Appended answer, Again again);
  // The moment is over a quarter of a second from now.
  void end_moment_later();
  // Whoever waits learns who leads, as far as that is known.
  void end_moment();

 private:
  struct Held {
    AppendDone done;
    Appended answer;
    Again again;  // null: it stands in a log that may be gone, and is not appended again
    size_t bytes = 0;
  };

  void append_early();
  bool append_first();
  void append_early_later();

  static constexpr size_t kMaxHeld = 10'000;
  static constexpr size_t kMaxEarlyBytes = 8u << 20;
  static constexpr uint64_t kTryAgainNs = 10'000'000;

  Replica& replica_;
  LongPolls& polls_;
  std::vector<Held> held_;
  uint64_t timer_ = 0;             // of the moment's end
  LeanQueue<Held> early_appends_;  // others wait behind them
  size_t early_bytes_ = 0;
  bool appending_early_ = false;  // the first of them is appended now
  bool found_room_ = true;        // the first of them
  uint64_t room_timer_ = 0;       // they are tried again
};

}  // namespace chronik::kafka
