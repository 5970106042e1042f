#include "raft/group/write_queue.h"

#include <algorithm>
#include <string>
#include <utility>

namespace chronik::raft {
namespace {

constexpr Nanos kRetryWrites = 5'000'000;   // storage's queue was full
constexpr Nanos kSilence = 10'000'000'000;  // of one write, in storage
constexpr Nanos kSayAgain = 60'000'000'000;
constexpr uint64_t kCallBytes = 4u << 20;  // to storage at once

}  // namespace

void WriteQueue::add(Write write, Done done, Nanos now) {
  ++unsettled_;
  auto pending = std::make_unique<Pending>(this, std::move(write), std::move(done), now);
  const uint64_t group = pending->write.group();
  const auto is_of_group = [group](const auto& other) { return other->write.group() == group; };
  auto at = writes_.end();
  if (pending->write.is_small_keys() && std::ranges::none_of(writes_, is_of_group))
    at = writes_.begin() + static_cast<std::ptrdiff_t>(keys_first_++);
  writes_.insert(at, std::move(pending));
}

// In calls of a few MiB: where storage is behind, room for one is found soon, and room for all would not be.
void WriteQueue::send() {
  if (keys_first_ != 0 && !send_first(keys_first_)) return;
  while (!writes_.empty() && retry_timer_ == 0) {
    size_t n = 1;
    uint64_t bytes = writes_.front()->write.bytes();
    for (; n < writes_.size() && bytes + writes_[n]->write.bytes() <= kCallBytes; ++n)
      bytes += writes_[n]->write.bytes();
    if (!send_first(n)) return;
  }
}

// The first n. False: nothing more now.
bool WriteQueue::send_first(size_t n) {
  const Services& s = *services_;
  const auto end = writes_.begin() + static_cast<std::ptrdiff_t>(n);
  calls_.clear();
  for (auto pending = writes_.begin(); pending != end; ++pending) {
    const std::vector<chr_storage_step>& steps = (*pending)->write.steps();
    const uint64_t token = s.exec->op_begin(s.host.self(), written, pending->get());
    calls_.push_back({(*pending)->write.group(), token, steps.data(), steps.size()});
  }
  chr_error error = make_abi_error();
  const chr_status status =
      s.store.table()->write(s.store.self(), calls_.data(), static_cast<uint32_t>(calls_.size()), &error);
  if (status == CHR_OK || status == CHR_PENDING) {
    for (auto pending = writes_.begin(); pending != end; ++pending)
      in_flight_.add(pending->release());  // written() owns it now
    writes_.erase(writes_.begin(), end);
    keys_first_ -= std::min(keys_first_, n);
    return true;
  }
  for (const chr_storage_write& call : calls_) s.exec->op_abandon(s.host.self(), call.token);
  if (status == CHR_E_OVERLOADED) {
    if (retry_timer_ != 0) return false;
    retry_timer_ = s.host.timer(kRetryWrites, on_retry, this);
    return false;
  }
  // A call takes all of its writes or none: the one that is wrong is not to end the groups of the others.
  if (n > 1) {
    while (n-- > 0)
      if (!send_first(1)) return false;
    return true;
  }
  const std::unique_ptr<Pending> wrong = std::move(writes_.front());
  writes_.erase(writes_.begin());
  keys_first_ -= std::min<size_t>(keys_first_, 1);
  wrong->done(std::unexpected(from_abi(error, status)));
  settle_one();
  return true;
}

void WriteQueue::written(void* context, const chr_done* done) {
  const std::unique_ptr<Pending> pending(static_cast<Pending*>(context));
  WriteQueue& queue = *pending->queue;
  queue.in_flight_.remove(pending.get());
  const Services& s = *queue.services_;
  s.host.observe(s.metrics.write_seconds,
                 static_cast<double>(queue.services_->host.now_ns() - pending->since) / 1e9);
  // A storage that says that it is full is alive: that is no stalled disk.
  if (done->code == CHR_OK || done->code == CHR_E_NO_SPACE) queue.alive_ = queue.services_->host.now_ns();
  Status status;
  if (done->code != CHR_OK)
    status = fail(static_cast<Code>(done->code), std::string(from_abi(done->message)));
  pending->done(status);
  queue.settle_one();
}

void WriteQueue::settle_one() {
  CHRONIK_INVARIANT(services_->host, unsettled_ > 0, "a write came back that nobody waits for");
  --unsettled_;
  settled_();
}

// A write that never comes back stops its group without a word; whose fault it is shows here alone.
void WriteQueue::warn_of_silence(Nanos at) {
  const Pending* const oldest = in_flight_.oldest();
  if (oldest == nullptr || at < oldest->since + kSilence || at < say_silent_at_) return;
  say_silent_at_ = at + kSayAgain;
  services_->host.warn("The storage plugin has not completed a write for " +
                       std::to_string((at - oldest->since) / 1'000'000'000) +
                       " s: its group stands still until it does");
}

void WriteQueue::on_retry(void* self) {
  auto* queue = static_cast<WriteQueue*>(self);
  queue->retry_timer_ = 0;
  queue->send();
}

void WriteQueue::cancel_retry() { services_->host.cancel_timer(std::exchange(retry_timer_, 0)); }

}  // namespace chronik::raft
