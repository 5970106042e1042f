// What all parts of one run share: time, trace, the verdict.
#pragma once

#include "sim/base/loop.h"
#include "sim/base/rng.h"
#include "sim/base/trace.h"

#include <array>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

namespace chronik::sim {

constexpr uint32_t kMaxShards = 4;

// Where the code that runs now "is". Calls out of a blocking job happen `cost` after its start.
struct Current {
  uint32_t node = kHarness;
  int32_t shard = -1;  // -1: control thread or blocking job
  uint64_t cost = 0;
  uint64_t* order = nullptr;  // by target shard: when the last post from this thread arrives
};

struct WorldOptions {
  uint64_t seed = 1;
  uint32_t nodes = 3;
  uint32_t shards = 1;
  uint64_t post_jitter_ns = 2'000;      // a post arrives within this time
  int64_t unix_ms = 1'790'000'000'000;  // wall clock at the start of the run
  bool poison = false;                  // memory is overwritten on release
  uint8_t fill = 0xc3;                  // of fresh memory; no result may depend on it
  int32_t log_level = 3;
  bool print_logs = false;
  bool trace = false;
  bool real_files = false;  // below the working directory, one folder a node
};

class World {
 public:
  explicit World(const WorldOptions& given) : options(given), loop(given.nodes) {
    trace.print_to_stderr(given.trace);
  }

  // Now, seen from inside of the running code.
  uint64_t now() const { return loop.now() + current.cost; }
  Rng stream(std::string_view purpose, uint64_t which = 0) const {
    return Rng::stream(options.seed, purpose, which);
  }

  // The run failed; the first reason counts. Events go on until the loop looks.
  void fail(std::string_view invariant, std::string message);
  bool failed() const { return !violation.empty(); }

  // One line of a node's log; node 0 is the harness.
  void log(uint32_t node, std::string_view plugin, int32_t level, std::string_view message,
           std::string_view fields);

  const WorldOptions options;
  Loop loop;
  Trace trace;
  Current current;
  std::string violation;  // "election-safety: ..."
  std::string invariant;  // its name alone
  uint64_t violated_at = 0;
  std::deque<std::string> recent;  // the last lines of all logs
  std::function<void(uint32_t node, int32_t level, std::string_view message)> on_log;
};

// Sets where the code that runs now is, for the length of a scope.
class Enter {
 public:
  Enter(World& world, const Current& current) : world_(world), before_(world.current) {
    world.current = current;
  }
  ~Enter() { world_.current = before_; }
  Enter(const Enter&) = delete;
  Enter& operator=(const Enter&) = delete;

 private:
  World& world_;
  const Current before_;
};

}  // namespace chronik::sim
