#include "sim/cli/shrink.h"

#include <algorithm>

namespace chronik::sim {
namespace {

class Shrinker {
 public:
  Shrinker(Job job, const Outcome& failure, double budget_s)
      : job_(std::move(job)), budget_s_(budget_s), limit_s_(static_cast<uint32_t>(failure.cpu_s * 4) + 10) {
    best_.schedule = *job_.options.schedule;
    best_.outcome = failure;
    best_.from = best_.schedule.size();
  }

  Shrunk run() {
    cut_after_violation();
    // Halves, quarters, ... single faults, and those again until none can go.
    for (size_t piece = std::max<size_t>(best_.schedule.size() / 2, 1); in_budget();) {
      const bool less = pass(piece);
      if (piece == 1 && !less) break;
      if (piece > 1) piece = std::max<size_t>(std::min(piece / 2, best_.schedule.size()), 1);
    }
    return std::move(best_);
  }

 private:
  bool in_budget() const { return best_.cpu_s < budget_s_ && !best_.schedule.empty(); }

  // Tries to leave out each piece of that many faults, from the end on. True: something went.
  bool pass(size_t piece) {
    bool less = false;
    for (size_t end = best_.schedule.size(); end > 0 && in_budget();) {
      const size_t begin = end > piece ? end - piece : 0;
      Schedule candidate = best_.schedule;
      candidate.erase(candidate.begin() + static_cast<std::ptrdiff_t>(begin),
                      candidate.begin() + static_cast<std::ptrdiff_t>(std::min(end, candidate.size())));
      less |= attempt(std::move(candidate));
      end = std::min(begin, best_.schedule.size());
    }
    return less;
  }

  bool attempt(Schedule candidate) {
    job_.options.schedule = candidate;
    Outcome outcome = Isolated(job_, limit_s_, true).finish();
    ++best_.runs;
    best_.cpu_s += outcome.cpu_s;
    if (outcome.report.invariant != best_.outcome.report.invariant) return false;
    best_.schedule = std::move(candidate);
    best_.outcome = std::move(outcome);
    return true;
  }

  void cut_after_violation() {
    const uint64_t at_us = best_.outcome.report.violated_at / kMicrosecond;
    if (at_us == 0) return;  // a process that died does not say when
    Schedule before = best_.schedule;
    std::erase_if(before, [at_us](const Fault& fault) { return fault.at_us > at_us; });
    if (before.size() < best_.schedule.size()) attempt(std::move(before));
  }

  Job job_;
  const double budget_s_;
  const uint32_t limit_s_;
  Shrunk best_;
};

}  // namespace

Shrunk shrink(Job job, const Outcome& failure, double budget_s) {
  return Shrinker(std::move(job), failure, budget_s).run();
}

}  // namespace chronik::sim
