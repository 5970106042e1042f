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
  bool check_determinism = false;
  uint32_t layout = 0;            // another arrangement of memory, for the second run of a check
  bool expect_violation = false;  // a mutant must be caught: exit 0 when it is
  bool keep_going = false;        // report every seed that fails, not only the first
  bool quiet = false;             // no line per seed
  bool help = false;
  std::string replay;  // what to add to "--seed N" to run the same thing again
};

Result<Options> parse_options(int argc, char** argv);
std::string usage();

}  // namespace chronik::sim
