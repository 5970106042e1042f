// The shrinker on a run whose failure is known: it violates where two faults come together.
#include "sim/cli/shrink.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace chronik::sim {
namespace {

bool has(const Schedule& schedule, FaultType type, uint32_t node) {
  for (const Fault& fault : schedule) {
    if (fault.type == type && fault.node == node) return true;
  }
  return false;
}

RunReport fails_with_both(const RunOptions& options, const host::PluginSet&) {
  RunReport report;
  report.seed = options.seed;
  if (!has(*options.schedule, FaultType::kCrash, 1) || !has(*options.schedule, FaultType::kPause, 2))
    return report;
  if (has(*options.schedule, FaultType::kStop, 3))
    std::abort();  // another failure: not to be taken for this one
  report.invariant = "both";
  report.violated_at = 50 * kSecond;
  return report;
}

RunReport dies(const RunOptions&, const host::PluginSet&) { std::abort(); }

Job job_of(const Scenario& scenario, const std::string& schedule) {
  Job job;
  job.script = &scenario;
  job.options.seed = 7;
  job.options.schedule = *parse_schedule(schedule);
  return job;
}

TEST(Shrink, LeavesOnlyWhatTheFailureNeeds) {
  const Scenario scenario{"both", "", fails_with_both};
  std::string text;
  for (int i = 1; i <= 60; ++i) {
    if (i == 13) text += "13 crash node=1\n";
    if (i == 44) text += "44 pause node=2 lasts=1\n";
    text += std::to_string(i) + ".5 reset node=1 peer=3\n";
  }
  const Job job = job_of(scenario, text);
  const Outcome failure = Isolated(job).finish();
  ASSERT_EQ(failure.report.invariant, "both");
  const Shrunk shrunk = shrink(job, failure, 60);
  EXPECT_EQ(shrunk.from, 62u);
  EXPECT_EQ(to_text(shrunk.schedule, "; "), "13.000000 crash node=1; 44.000000 pause node=2 lasts=1.000000");
  EXPECT_EQ(shrunk.outcome.report.invariant, "both");
  EXPECT_LT(shrunk.runs, 60u);
}

TEST(Shrink, DoesNotSlipIntoAnotherFailure) {
  const Scenario scenario{"both", "", fails_with_both};
  const Job job = job_of(scenario, "1 crash node=1; 2 pause node=2; 3 stop node=3; 4 reset node=1 peer=2");
  const Outcome failure = Isolated(job, 0, true).finish();
  ASSERT_EQ(failure.report.invariant, "abort");
  EXPECT_EQ(to_text(shrink(job, failure, 60).schedule, "; "),
            "1.000000 crash node=1; 2.000000 pause node=2; 3.000000 stop node=3");
}

TEST(Isolated, AProcessThatDiesIsAResult) {
  const Scenario scenario{"dies", "", dies};
  const Outcome outcome = Isolated(job_of(scenario, "none"), 0, true).finish();
  EXPECT_EQ(outcome.report.invariant, "abort");
  EXPECT_EQ(outcome.report.seed, 7u);
}

TEST(Isolated, JobsComeBackInTheirOrder) {
  const Scenario scenario{"both", "", fails_with_both};
  std::vector<uint64_t> seeds;
  const auto job = [&](size_t i) {
    Job one = job_of(scenario, "none");
    one.options.seed = i + 1;
    return one;
  };
  run_jobs(9, 4, job, [&](size_t, Outcome outcome) {
    seeds.push_back(outcome.report.seed);
    return seeds.size() < 7;
  });
  EXPECT_EQ(seeds, (std::vector<uint64_t>{1, 2, 3, 4, 5, 6, 7}));
}

}  // namespace
}  // namespace chronik::sim
