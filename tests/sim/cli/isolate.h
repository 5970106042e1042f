// Runs in child processes: one that aborts, hangs or leaks is a result like others,
// and several run side by side.
#pragma once

#include "sim/scenario/scenarios.h"

#include <functional>

#include <sys/types.h>

namespace chronik::sim {

// What a run needs; script nullptr: a random run.
struct Job {
  RunOptions options;
  const host::PluginSet* set = nullptr;
  const Scenario* script = nullptr;
};

struct Outcome {
  RunReport report;  // invariant "abort": the process died; "cpu-limit": it ran on and on
  double cpu_s = 0;

  bool failed() const { return !report.invariant.empty(); }
};

// A run in its own process, from start to finish().
class Isolated {
 public:
  // cpu_limit_s 0: none. mute: what the run writes to stderr is dropped.
  explicit Isolated(const Job& job, uint32_t cpu_limit_s = 0, bool mute = false);
  ~Isolated();
  Isolated(const Isolated&) = delete;
  Isolated& operator=(const Isolated&) = delete;

  // Waits for its end.
  Outcome finish();

 private:
  uint64_t seed_;
  std::string directory_;  // for the files of the run; empty: it needs none
  pid_t child_ = -1;
  int from_child_ = -1;
};

// Runs all of them in their order, up to `at_once` at a time. on_done gets the outcomes in that order; when
// it returns false the rest is given up.
void run_jobs(size_t n, size_t at_once, const std::function<Job(size_t)>& job,
              const std::function<bool(size_t, Outcome)>& on_done);

}  // namespace chronik::sim
