// The command line of chronik-sim.
#pragma once

#include "sim/scenario/run.h"

#include <chronik/result.hpp>

#include <string>
#include <vector>

namespace chronik::sim {

struct Options {
  uint64_t first_seed = 1, last_seed = 1;
  RunOptions run;
  std::string plugins;  // a directory
  std::vector<std::string> scenarios;
  uint32_t jobs = 1;           // runs side by side
  double shrink_seconds = 60;  // CPU time for making the first failing schedule smaller; 0: leave it
  bool mutants = false;        // runs every mutant until it is caught
  double mutant_seconds = 60;  // CPU time for each
  bool check_determinism = false;
  uint32_t layout = 0;            // another arrangement of memory, for the second run of a check
  bool expect_violation = false;  // a mutant must be caught: exit 0 when it is
  bool keep_going = false;        // report every seed that fails, not only the first
  bool quiet = false;             // no line per seed
  bool print_schedule = false;    // of the seeds, instead of running them
  bool help = false;
  std::vector<std::string> replay;  // what to add to "--seed N" to run the same thing again
};

Result<Options> parse_options(const std::vector<std::string>& arguments);
std::string usage();
// "chronik-sim --seed 7 --faults all", to be pasted into a shell.
std::string replay_line(const Options& options, uint64_t seed);

}  // namespace chronik::sim
