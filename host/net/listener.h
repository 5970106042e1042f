// Listener: accepts on one address and spreads the connections over the shards.
#pragma once

#include <chronik/result.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace chronik::host {

class AcceptLoop;
class Connections;
class Runtime;
struct ListenTarget;

// Control thread.
class Listener {
 public:
  // Listens on "host:port"; `what` names it in errors.
  static Result<std::unique_ptr<Listener>> open(Connections& connections, std::string_view address,
                                                std::string_view what, std::shared_ptr<ListenTarget> target);
  ~Listener();  // closes
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  uint16_t port() const { return port_; }
  const ListenTarget& target() const { return *target_; }
  // No connection is accepted any more. The runtime must be running, or stopped.
  void close();
  // Connections that were accepted but have not reached their shard are closed there.
  void refuse_late();

 private:
  Listener(Runtime& runtime, std::shared_ptr<ListenTarget> target, uint16_t port);

  Runtime& runtime_;
  std::shared_ptr<ListenTarget> target_;
  std::shared_ptr<AcceptLoop> loop_;
  uint16_t port_;
};

}  // namespace chronik::host
