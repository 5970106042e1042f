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
  const Service<chr_metadata_v1>& metadata = services_.metadata;
  const chr_status status = services_.host.async(
      [&](uint64_t token) {
        return metadata.table->allocate_producer_ids(metadata.self, kTimeoutNs, token, nullptr);
      },
      [this](const chr_done& done) {
        refilled(done.code, static_cast<int64_t>(done.u[0]), static_cast<int64_t>(done.u[1]));
      });
  if (status != CHR_PENDING) refilled(status == CHR_OK ? CHR_E_FAILED : status, 0, 0);
}

void ProducerIds::refilled(chr_status code, int64_t first, int64_t count) {
  refilling_ = false;
  if (code == CHR_OK) {
    next_ = first;
    end_ = first + count;
  }
  for (Taker& taker : std::exchange(waiting_, {})) {
    if (code == CHR_OK) {
      give_id(std::move(taker));
    } else {
      taker(ErrorCode::kCoordinatorLoadInProgress, -1);  // clients ask again, as Kafka makes them do
    }
  }
}

}  // namespace chronik::kafka
