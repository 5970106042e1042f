// `storage check`: what is damaged in the folder of a storage whose node does not run.
#pragma once

#include "host/offline/stopped_node.h"

namespace chronik::host {

// Prints each finding on stdout as it comes, then what was looked at; progress on stderr. Runs the plugin in
// a child process. CORRUPT: something is damaged; any other error: it could not be checked.
Status check_storage(const StoppedNode& node, const PluginFile& file, const std::filesystem::path& folder);

}  // namespace chronik::host
