// Tokens of proposals and reads that wait until the log got somewhere.
#pragma once

#include "raft/core/types.h"

#include <chronik/lean_queue.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace chronik::raft {

// All waiters belong to one leadership: when it ends they all fail. So an index alone identifies the entry.
class Waiters {
 public:
  void until_durable(Index index, uint64_t token) { durable_.push_back({index, token}); }
  void until_committed(Index index, uint64_t token) { committed_.push_back({index, token}); }
  void until_copies(Index index, uint32_t copies, uint64_t token) {
    const auto found = std::ranges::find(copies_, copies, &Copies::n);
    Copies& row = found != copies_.end() ? *found : copies_.emplace_back(Copies{copies, {}});
    row.waiting.push_back({index, token});
  }
  void until_applied(Index index, uint64_t token) { applied_.push_back({index, token}); }
  void until_readable(uint64_t context, uint64_t token) { readable_.push_back({context, token}); }

  // done(token) for everything that the log has reached. copied_to(n): up to where n voters have it durably.
  template <class Done, class CopiedTo>
  void reached(Index durable, Index committed, Index applied, CopiedTo&& copied_to, Done&& done) {
    pop(&durable_, durable, done);
    pop(&committed_, committed, done);
    pop(&applied_, applied, done);
    for (Copies& row : copies_)
      if (!row.waiting.empty()) pop(&row.waiting, std::min(committed, copied_to(row.n)), done);
  }

  // A read may be served once index is applied.
  void readable(uint64_t context, Index index) {
    while (!readable_.empty() && readable_.front().at <= context) {
      // Reads that began earlier saw no more than this.
      applied_.push_front({index, readable_.front().token});
      readable_.pop_front();
    }
  }

  // Everything at or above index; 0: all, reads included.
  template <class Fail>
  void fail_from(Index index, Fail&& fail) {
    for (auto* queue : {&durable_, &committed_, &applied_}) fail_from(queue, index, fail);
    for (Copies& row : copies_) fail_from(&row.waiting, index, fail);
    if (index != 0) return;
    for (const Waiter& waiter : readable_) fail(waiter.token);
    readable_.clear();
  }

 private:
  struct Waiter {
    uint64_t at;
    uint64_t token;
  };
  struct Copies {  // those that wait for so many of them
    uint32_t n;
    LeanQueue<Waiter> waiting;
  };

  template <class Done>
  static void pop(LeanQueue<Waiter>* queue, Index reached, Done& done) {
    for (; !queue->empty() && queue->front().at <= reached; queue->pop_front()) done(queue->front().token);
  }

  template <class Fail>
  static void fail_from(LeanQueue<Waiter>* queue, Index index, Fail& fail) {
    queue->erase_if([&](const Waiter& waiter) {
      if (waiter.at < index) return false;
      fail(waiter.token);
      return true;
    });
  }

  LeanQueue<Waiter> durable_;
  LeanQueue<Waiter> committed_;
  LeanQueue<Waiter> applied_;
  LeanQueue<Waiter> readable_;
  std::vector<Copies> copies_;
};

}  // namespace chronik::raft
