// The plugins of a run, and whether they know what the command line sets.
#pragma once

#include "host/loader/plugin_set.h"
#include "sim/scenario/run.h"

namespace chronik::sim {

// Those that the workload of a run needs, loaded. directory: of those that are named without
// a slash. Refused: a plugin that cannot be loaded; a key that none of them declares; a
// value that its key does not take.
Result<host::PluginSet> plugins_of(const RunOptions& options, const std::string& directory);

}  // namespace chronik::sim
