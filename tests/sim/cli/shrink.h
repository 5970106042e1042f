// Makes the schedule of a failing run smaller, for as long as the run still violates the same invariant.
#pragma once

#include "sim/cli/isolate.h"

namespace chronik::sim {

struct Shrunk {
  Schedule schedule;
  Outcome outcome;  // of the run with that schedule
  size_t from = 0;  // faults before
  uint32_t runs = 0;
  double cpu_s = 0;
};

// job.options.schedule is the one that failed as `failure` says. Ends when no fault can be left out, or
// budget_s of CPU time is spent.
Shrunk shrink(Job job, const Outcome& failure, double budget_s);

}  // namespace chronik::sim
