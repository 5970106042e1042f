// How a node runs things: posts, timers, blocking jobs, completions.
#include "sim/host/node.h"

#include <chronik/host.hpp>

#include <algorithm>

namespace chronik::sim {

// Work from one thread to one shard arrives in order, each piece after a little while.
uint64_t Node::arrival(uint32_t shard) {
  uint64_t at = world_.now() + schedule_.below(world_.options.post_jitter_ns + 1);
  if (world_.current.node == id_ && world_.current.order != nullptr) {
    at = std::max(at, world_.current.order[shard]);
    world_.current.order[shard] = at;
  }
  return at;
}

void Node::post(uint32_t shard, chr_fn fn, void* context) {
  world_.loop.add(arrival(shard), id_, &Node::run_post, reinterpret_cast<void*>(fn), context,
                  reinterpret_cast<uint64_t>(this) << 8 | shard);
}

void Node::run_post(const Event& event, bool alive) {
  if (!alive) return;
  auto& node = *reinterpret_cast<Node*>(event.c >> 8);
  const auto shard = static_cast<uint32_t>(event.c & 0xff);
  node.world_.trace.note(event.at, node.id_, Kind::kPost, shard);
  const Enter enter(node.world_, node.at_shard(shard));
  reinterpret_cast<chr_fn>(event.a)(event.b);
}

uint64_t Node::timer_start(chr_host* host, uint64_t delay_ns, chr_fn fn, void* context) {
  if (world_.current.node != id_ || world_.current.shard < 0) {
    misbehaved(host, "timer_start was called outside of a shard");
    return 0;
  }
  uint32_t index = 0;
  if (spare_timers_.empty()) {
    index = static_cast<uint32_t>(timers_.size());
    timers_.emplace_back();
  } else {
    index = spare_timers_.back();
    spare_timers_.pop_back();
  }
  Timer& timer = timers_[index];
  timer.fn = fn;
  timer.context = context;
  timer.shard = world_.current.shard;
  timer.armed = true;
  const uint64_t id = static_cast<uint64_t>(timer.generation) << 32 | (index + 1);
  // A delay that no clock reaches must not come round to now.
  const auto real =
      static_cast<uint64_t>(static_cast<double>(std::min<uint64_t>(delay_ns, INT64_MAX)) / clock_rate);
  world_.loop.add(world_.now() + std::max<uint64_t>(real, 1), id_, &Node::run_timer, this, nullptr, id);
  return id;
}

void Node::timer_cancel(uint64_t id) {
  const uint64_t index = (id & 0xffffffffu) - 1;
  if (index >= timers_.size()) return;
  Timer& timer = timers_[index];
  if (timer.generation == id >> 32) timer.armed = false;
}

void Node::run_timer(const Event& event, bool alive) {
  if (!alive) return;
  auto& node = *static_cast<Node*>(event.a);
  const uint64_t index = (event.c & 0xffffffffu) - 1;
  Timer& slot = node.timers_[index];
  const Timer timer = slot;  // the slot is reused from here on, by fn too
  ++slot.generation;
  slot.armed = false;
  node.spare_timers_.push_back(static_cast<uint32_t>(index));
  if (!timer.armed) return;
  node.world_.trace.note(event.at, node.id_, Kind::kTimer, static_cast<uint64_t>(timer.shard));
  const Enter enter(node.world_, node.at_shard(static_cast<uint32_t>(timer.shard)));
  timer.fn(timer.context);
}

void Node::blocking(chr_host* host, chr_fn fn, void* context) {
  const uint64_t at = world_.now() + schedule_.around(job_ns);
  world_.loop.add(at, id_, &Node::run_job, reinterpret_cast<void*>(fn), context,
                  reinterpret_cast<uint64_t>(host));
}

void Node::run_job(const Event& event, bool alive) {
  if (!alive) return;
  auto& host = *reinterpret_cast<chr_host*>(event.c);
  Node& node = *host.node;
  if (host.jobs_until > event.at) {
    node.world_.loop.add(host.jobs_until, node.id_, event.run, event.a, event.b, event.c);
    return;
  }
  node.world_.trace.note(event.at, node.id_, Kind::kJob, 0);
  const Enter enter(node.world_, {node.id_, -1, 0, host.job_order});
  reinterpret_cast<chr_fn>(event.a)(event.b);
  host.jobs_until = node.world_.now();
}

void Node::complete(chr_host* host, const chr_done& done) {
  if (state_ == State::kDown) return;  // from a destructor in a crash
  uint32_t slot = 0;
  switch (ops_.complete(done, &slot)) {
    case Ops::Check::kStale:
      return misbehaved(host, "completed a token that is not pending (stale)");
    case Ops::Check::kDouble:
      return misbehaved(host, "completed a token twice");
    case Ops::Check::kGood:
      break;
  }
  uint32_t index = 0;
  if (spare_completions_.empty()) {
    index = static_cast<uint32_t>(completions_.size());
    completions_.emplace_back();
  } else {
    index = spare_completions_.back();
    spare_completions_.pop_back();
  }
  Completion& completion = completions_[index];
  completion.done = done;
  completion.message.assign(done.message.p, done.message.n);
  completion.slot = slot;
  if (done.lease != nullptr) done.lease->ops->retain(done.lease);
  const int32_t shard = ops_.shard(slot);
  world_.loop.add(arrival(shard < 0 ? 0 : static_cast<uint32_t>(shard)), id_, &Node::run_completion, this,
                  nullptr, index);
}

void Node::run_completion(const Event& event, bool alive) {
  auto& node = *static_cast<Node*>(event.a);
  const auto index = static_cast<uint32_t>(event.c);
  const Completion completion = std::move(node.completions_[index]);
  node.spare_completions_.push_back(index);
  if (alive) {
    chr_host* owner = nullptr;
    int32_t shard = 0;
    chr_done_fn fn = nullptr;
    void* context = nullptr;
    chr_done done = completion.done;
    done.message = to_abi(completion.message);
    node.ops_.end(completion.slot, done, &owner, &shard, &fn, &context);
    uint64_t what = digest(completion.message, static_cast<uint64_t>(static_cast<uint32_t>(done.code)));
    for (const uint64_t u : done.u) what = fold(what ^ u, 0xe7037ed1a0b428dbull);
    node.world_.trace.note(event.at, node.id_, Kind::kDone, what);
    const Enter enter(node.world_,
                      shard < 0 ? node.at_control() : node.at_shard(static_cast<uint32_t>(shard)));
    fn(context, &done);
  }
  if (completion.done.lease != nullptr) completion.done.lease->ops->release(completion.done.lease);
}

}  // namespace chronik::sim
