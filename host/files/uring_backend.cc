#include "host/files/uring_backend.h"

#include "host/files/uring_queue.h"
#include "host/observe/logger.h"
#include "host/runtime/runtime.h"

#include <utility>

namespace chronik::host {

UringBackend::UringBackend(Runtime& runtime, FileCompleter& completer, FileBackend& threads)
    : runtime_(runtime), completer_(completer), threads_(threads), slots_(runtime.shard_count()) {
  for (uint32_t i = 0; i < runtime.shard_count(); ++i) runtime.shard(i).on_stop(finish, &slots_[i]);
}

UringBackend::~UringBackend() = default;

void CHR_CALL UringBackend::finish(void* slot) {
  auto* const of_shard = static_cast<Slot*>(slot);
  of_shard->opened = true;  // none is opened any more
  if (of_shard->queue != nullptr) of_shard->queue->finish();
}

void UringBackend::start(std::unique_ptr<FileOp> op) {
  UringQueue* const queue = runtime_.current_shard() < 0 ? nullptr : queue_of(*Shard::current());
  if (queue == nullptr) return threads_.start(std::move(op));
  queue->start(std::move(op));
}

UringQueue* UringBackend::queue_of(Shard& shard) {
  Slot& slot = slots_[shard.index()];
  if (std::exchange(slot.opened, true)) return slot.queue.get();
  auto opened = UringQueue::open(shard, completer_, threads_);
  if (opened) {
    slot.queue = std::move(*opened);
  } else {
    runtime_.logger().warn("files",
                           "a shard has no io_uring: " + opened.error().message + "; threads write its files",
                           Fields().add("shard", shard.index()));
  }
  return slot.queue.get();
}

}  // namespace chronik::host
