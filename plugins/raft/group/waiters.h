// Tokens of proposals and reads that wait until the log got somewhere.
#pragma once

#include "core/types.h"

#include <cstdint>
#include <deque>
#include <vector>

namespace chronik::raft {

// All waiters belong to one leadership: when it ends they all fail. So an index alone identifies the entry.
class Waiters {
 public:
  void until_durable(Index index, uint64_t token) { durable_.push_back({index, token}); }
  void until_committed(Index index, uint64_t token) { committed_.push_back({index, token}); }
  void until_copies(Index index, uint32_t copies, uint64_t token) {
    copies_.push_back({index, copies, token});
  }
  void until_applied(Index index, uint64_t token) { applied_.push_back({index, token}); }
  void until_readable(uint64_t context, uint64_t token) { readable_.push_back({context, token}); }

  // done(token) for everything that the log has reached. copies_of(index): voters that have it durably.
  template <class Done, class Copies>
  void reached(Index durable, Index committed, Index applied, Copies&& copies_of, Done&& done) {
    pop(&durable_, durable, done);
    pop(&committed_, committed, done);
    pop(&applied_, applied, done);
    for (size_t i = 0; i < copies_.size();) {
      const Copy& copy = copies_[i];
      if (copy.index <= committed && copies_of(copy.index) >= copy.copies) {
        done(copy.token);
        copies_.erase(copies_.begin() + static_cast<std::ptrdiff_t>(i));
      } else {
        ++i;
      }
    }
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
    for (auto* queue : {&durable_, &committed_, &applied_}) {
      for (size_t i = queue->size(); i-- > 0;) {
        if ((*queue)[i].at < index) continue;
        fail((*queue)[i].token);
        queue->erase(queue->begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
    std::erase_if(copies_, [&](const Copy& copy) {
      if (copy.index < index) return false;
      fail(copy.token);
      return true;
    });
    if (index != 0) return;
    for (const Waiter& waiter : readable_) fail(waiter.token);
    readable_.clear();
  }

 private:
  struct Waiter {
    uint64_t at;
    uint64_t token;
  };
  struct Copy {
    Index index;
    uint32_t copies;
    uint64_t token;
  };

  template <class Done>
  static void pop(std::deque<Waiter>* queue, Index reached, Done& done) {
    for (; !queue->empty() && queue->front().at <= reached; queue->pop_front()) done(queue->front().token);
  }

  std::deque<Waiter> durable_;
  std::deque<Waiter> committed_;
  std::deque<Waiter> applied_;
  std::deque<Waiter> readable_;
  std::vector<Copy> copies_;
};

}  // namespace chronik::raft
