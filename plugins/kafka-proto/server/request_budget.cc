#include "kafka-proto/server/request_budget.h"

#include <fmt/format.h>

#include <algorithm>

#include "kafka-proto/server/connection.h"

namespace chronik::kafka {

std::unique_ptr<RequestBudget::Part> RequestBudget::begin(const std::shared_ptr<Connection>& connection,
                                                          uint64_t size) {
  std::unique_ptr<Part> part(new Part(*this, connection, connection->shard(), size));
  const std::lock_guard lock(mutex_);
  part->number_ = ++last_number_;
  arriving_.emplace(part->number_, part.get());
  return part;
}

uint64_t RequestBudget::allow(Part& part, uint64_t have, std::string_view api) {
  const std::lock_guard lock(mutex_);
  part.api_ = api;
  if (have > part.have_) part.moved_ns_ = host_.now_ns();
  part.have_ = have;
  if (part.wanted_ != 0) return 0;
  const uint64_t may_have = std::min(part.size_, have + kStep);
  if (may_have > part.taken_) {
    const uint64_t n = may_have - part.taken_;
    const bool is_next = waiting_.empty() || waiting_.begin()->first > part.number_;
    if (!(is_next && fits(part, n))) {
      part.wanted_ = n;
      wanted_ += n;
      waiting_.emplace(part.number_, &part);
      return 0;
    }
    take_bytes(part, n);
  }
  return part.taken_;
}

void RequestBudget::start(Part& part) {
  Served served;
  {
    const std::lock_guard lock(mutex_);
    part.started_ = true;
    started_ += part.taken_;
    arriving_.erase(part.number_);
    served = serve_waiting();  // another one is the first now
  }
  resume(served);
}

// The part of the first does not count for the others: it may be more than all that there is.
bool RequestBudget::fits(const Part& part, uint64_t n) const {
  if (is_first(part)) return started_ <= most_;
  const uint64_t of_first = arriving_.empty() ? 0 : arriving_.begin()->second->taken_;
  return taken_ - of_first + n <= most_;
}

void RequestBudget::take_bytes(Part& part, uint64_t n) {
  part.taken_ += n;
  taken_ += n;
  part.moved_ns_ = host_.now_ns();
}

// Under the lock: takes for those that wait what is there for them.
RequestBudget::Served RequestBudget::serve_waiting() {
  Served served;
  while (!waiting_.empty()) {
    Part& part = *waiting_.begin()->second;
    if (!fits(part, part.wanted_)) break;
    waiting_.erase(waiting_.begin());
    wanted_ -= part.wanted_;
    take_bytes(part, std::exchange(part.wanted_, 0));
    served.emplace_back(part.shard_, part.connection_);
  }
  return served;
}

void RequestBudget::resume(const Served& served) {
  for (const auto& [shard, connection] : served) {
    host_.post(shard, [connection] {
      if (const std::shared_ptr<Connection> alive = connection.lock(); alive != nullptr) alive->resume();
    });
  }
}

void RequestBudget::give_back(Part& part) {
  Served served;
  {
    const std::lock_guard lock(mutex_);
    taken_ -= part.taken_;
    if (part.started_) {
      started_ -= part.taken_;
    } else {
      arriving_.erase(part.number_);
    }
    if (part.wanted_ != 0) {
      waiting_.erase(part.number_);
      wanted_ -= part.wanted_;
    }
    served = serve_waiting();
  }
  resume(served);
}

void RequestBudget::end_stalled() {
  const std::lock_guard lock(mutex_);
  const uint64_t now_ns = host_.now_ns();
  if (wanted_ == 0 || now_ns - looked_ns_ < kLookNs) return;
  looked_ns_ = now_ns;
  std::vector<Part*> stand;
  for (const auto& [number, part] : arriving_) {
    if (part->wanted_ == 0 && !part->ending_ && now_ns - part->moved_ns_ >= kPatienceNs)
      stand.push_back(part);
  }
  std::ranges::sort(stand, {}, &Part::moved_ns_);
  uint64_t freed = 0;
  for (Part* const part : stand) {
    if (freed >= wanted_) break;
    freed += part->taken_;
    part->ending_ = true;
    host_.post(part->shard_,
               [connection = part->connection_,
                reason = fmt::format(
                    "a {} of {} bytes stands at {}, while others wait for the memory that it takes: "
                    "send smaller ones, or raise kafka.queued_max_request_bytes",
                    part->api_, part->size_, part->have_)] {
                 if (const std::shared_ptr<Connection> alive = connection.lock(); alive != nullptr)
                   alive->refuse_arrival(reason);
               });
  }
}

}  // namespace chronik::kafka
