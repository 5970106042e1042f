#include "kafka-proto/cluster/producer_ids.h"

#include <utility>

namespace chronik::kafka {
namespace {
constexpr uint64_t kTimeoutNs = 5'000'000'000;
}  // namespace

void ProducerIds::next(Taker taker) {
  services_.host.post(0, [this, taker = std::move(taker)]() mutable { give_id(std::move(taker)); });
}

void ProducerIds::give_id(Taker taker) {
  if (next_ < end_) return taker(ErrorCode::kNone, next_++);
  waiting_.push_back(std::move(taker));
  if (!refilling_) refill();
}

void ProducerIds::refill() {
  refilling_ = true;
  services_.metadata.allocate_producer_ids(
      kTimeoutNs, [this](const Result<chronik::ProducerIds>& ids) { refilled(ids); });
}

void ProducerIds::refilled(const Result<chronik::ProducerIds>& ids) {
  refilling_ = false;
  const bool has_ids = ids && ids->n > 0;
  if (has_ids) {
    next_ = ids->first;
    end_ = ids->first + ids->n;
  }
  for (Taker& taker : std::exchange(waiting_, {})) {
    if (has_ids) {
      give_id(std::move(taker));
    } else {
      taker(ErrorCode::kCoordinatorLoadInProgress, -1);  // clients ask again, as Kafka makes them do
    }
  }
}

}  // namespace chronik::kafka
