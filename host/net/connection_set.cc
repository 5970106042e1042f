#include "host/net/connection_set.h"

#include "host/net/connection.h"
#include "host/runtime/runtime.h"
#include "host/runtime/shard.h"

#include <algorithm>

namespace chronik::host {
namespace {

// A lease that is wanted back is given up within a check: at 1 GB/s its storage's
// file grows by 50 MB meanwhile.
constexpr uint64_t kMaxLookNs = 50'000'000;
constexpr uint32_t kLooksPerSweep = 5;

uint64_t look_interval(Runtime& runtime) {
  const auto age = static_cast<uint64_t>(runtime.options().lease_age.count());
  return std::clamp<uint64_t>(age / 4, 1'000'000, kMaxLookNs);
}

}  // namespace

ConnectionSet::ConnectionSet(Shard& shard) : shard_(shard) {}
ConnectionSet::~ConnectionSet() = default;

void ConnectionSet::add_connection(std::shared_ptr<ListenTarget> target, int fd) {
  auto connection = std::make_shared<Connection>(*this, std::move(target), fd);
  if (connection->target().closed.load() || !connection->open()) return;
  counts_.accepted.fetch_add(1, std::memory_order_relaxed);
  counts_.open.fetch_add(1, std::memory_order_relaxed);
  Connection* const key = connection.get();
  connections_.emplace(key, std::move(connection));
  if (checking_) return;
  checking_ = true;
  shard_.timer_start(look_interval(shard_.runtime()), check_connections, this);
}

void CHR_CALL ConnectionSet::check_connections(void* context) {
  auto* set = static_cast<ConnectionSet*>(context);
  const uint64_t now = monotonic_ns();
  const bool sweeps = ++set->checks_ % kLooksPerSweep == 0;
  // Nothing is erased meanwhile: closed() comes in a later turn.
  if (sweeps)
    std::erase_if(set->active_, [now](const std::shared_ptr<Connection>& connection) {
      return !(connection->in_active_list = connection->sweep(now));
    });
  std::erase_if(set->queued_, [now](const std::shared_ptr<Connection>& connection) {
    connection->end_old_leases(now);
    return !(connection->in_queued_list = connection->queued() != 0);
  });
  set->checking_ = !set->connections_.empty();
  if (set->checking_) {
    set->shard_.timer_start(look_interval(set->shard_.runtime()), check_connections, set);
    return;
  }
  // What is left there is closed, and nobody looks again before there is a new one.
  set->active_.clear();
  set->queued_.clear();
}

void ConnectionSet::close_all(const void* owner) {
  for (const auto& [key, connection] : connections_) {
    if (owner == nullptr || connection->target().owner == owner) connection->finish(CHR_E_SHUTTING_DOWN);
  }
  destroy_ended(this);
}

void ConnectionSet::flush_later(Connection& connection) {
  if (connection.in_flush_list) return;
  connection.in_flush_list = true;
  to_flush_.push_back(connection.shared_from_this());
  shard_.end_turn_soon();
}

void ConnectionSet::flush() {
  flushing_.swap(to_flush_);
  for (const auto& connection : flushing_) {
    connection->in_flush_list = false;
    connection->flush();
  }
  flushing_.clear();
}

void ConnectionSet::is_active(Connection& connection) {
  if (connection.in_active_list) return;
  connection.in_active_list = true;
  active_.push_back(connection.shared_from_this());
}

void ConnectionSet::is_queued(Connection& connection) {
  if (connection.in_queued_list) return;
  connection.in_queued_list = true;
  queued_.push_back(connection.shared_from_this());
}

void ConnectionSet::ended(Connection& connection) {
  if (ended_.empty()) shard_.post(destroy_ended, this);
  ended_.push_back(connection.shared_from_this());
}

void CHR_CALL ConnectionSet::destroy_ended(void* context) {
  auto* set = static_cast<ConnectionSet*>(context);
  while (!set->ended_.empty()) {
    const std::shared_ptr<Connection> connection = std::move(set->ended_.back());
    set->ended_.pop_back();
    connection->notify_closed();
    if (set->connections_.erase(connection.get()) != 0)  // a refused one was never among them
      set->counts_.open.fetch_sub(1, std::memory_order_relaxed);
  }
}

}  // namespace chronik::host
