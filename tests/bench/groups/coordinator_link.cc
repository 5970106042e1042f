#include "bench/groups/coordinator_link.h"

#include <utility>

#include "kafka-proto/messages/find_coordinator.h"

namespace chronik::bench {

using kafka::ErrorCode;

bool is_coordinator_gone(ErrorCode error) {
  return error == ErrorCode::kNotCoordinator || error == ErrorCode::kCoordinatorNotAvailable ||
         error == ErrorCode::kCoordinatorLoadInProgress;
}

void CoordinatorLink::find(std::function<void()> found) {
  if (is_connected() && node_ >= 0) return found();
  found_.push_back(std::move(found));
  if (found_.size() > 1) return;
  is_lost_ ? ask_later() : ask();
}

void CoordinatorLink::ask() {
  if (!is_connected()) {
    address_ = bootstrap_[next_++ % bootstrap_.size()];
    connection_ = Connection::open(loop_, address_);
    if (connection_ == nullptr) return ask_later();
  }
  kafka::FindCoordinatorRequest request;
  request.coordinator_keys = {group_};
  call<kafka::FindCoordinator>(4, request, [this](const kafka::FindCoordinatorResponse* answer) {
    if (answer == nullptr || answer->coordinators.empty() ||
        answer->coordinators.front().error_code != ErrorCode::kNone) {
      lose();
      return ask_later();
    }
    const auto& coordinator = answer->coordinators.front();
    take({std::string(coordinator.host), coordinator.port}, coordinator.node_id);
  });
}

void CoordinatorLink::ask_later() {
  loop_.after(kRetry, [this, alive = alive_] {
    if (*alive) ask();
  });
}

void CoordinatorLink::take(const Address& address, int node) {
  if (address != address_) {
    connection_->close();
    connection_ = Connection::open(loop_, address);
    if (connection_ == nullptr) return ask_later();
    address_ = address;
  }
  node_ = node;
  is_lost_ = false;
  for (const auto& found : std::exchange(found_, {})) found();
}

void CoordinatorLink::lose() {
  node_ = -1;
  is_lost_ = true;
  // What waits is told, and may look for the next one.
  if (const auto gone = std::exchange(connection_, nullptr)) gone->close();
}

void CoordinatorLink::close() {
  *alive_ = false;
  lose();
}

}  // namespace chronik::bench
