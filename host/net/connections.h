// Connections: the clients' connections of a node, by the shard that each lives on.
//
//     Runtime runtime({}, logger, metrics);
//     Connections connections(runtime);  // before the shards run: it hangs itself into their turns
//     runtime.start();
//     ... Listener::open(connections, ...) ...
//     runtime.stop();                    // ends what is open; then the connections may go
#pragma once

#include <chronik/abi.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace chronik::host {

class ConnectionSet;
class Runtime;

class Connections {
 public:
  // The runtime outlives it, has not started yet, and is stopped before this goes.
  explicit Connections(Runtime& runtime);
  ~Connections();
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;

  Runtime& runtime() { return runtime_; }
  // To be used on that shard.
  ConnectionSet& on(uint32_t shard) { return *sets_.at(shard); }
  // Control thread: ends the connections of one owner (ListenTarget::owner), and calls their closed().
  void close_all(const void* owner);

 private:
  void export_metrics();

  Runtime& runtime_;
  std::vector<std::unique_ptr<ConnectionSet>> sets_;
  uint64_t collector_ = 0;
};

}  // namespace chronik::host
