// Runs every planted bug until some invariant catches it: what the simulator is worth.
#pragma once

#include "sim/cli/options.h"

namespace chronik::sim {

// Prints a line for each; the exit code says whether all were caught within options.mutant_seconds.
int run_mutants(const Options& options);

}  // namespace chronik::sim
