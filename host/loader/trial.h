// Runs code of a plugin for the first time: in a child process, where a crash, an
// exit or a hang does no harm.
#pragma once

#include "host/config/settings.h"
#include "host/loader/instances.h"

#include <chrono>
#include <functional>
#include <string_view>

namespace chronik::host {

// Runs fn in a child process and returns what it returned (child.h). Not for a process with threads.
Status in_child(std::string_view id, std::string_view doing, const std::function<Status()>& fn,
                std::chrono::milliseconds patience = std::chrono::seconds(30));

// Loads the plugin and has it say its keys, in a child. Does not change this process.
Status try_loading(const PluginFile& file);
// Has the plugin check its table, in a child.
Status try_validating(const LoadedPlugin& plugin, std::string_view json);
// Makes an instance with these values on a host that does nothing, and looks at its
// service tables, in a child.
Status try_creating(const PluginFile& file, const TableValues& values, Instances::Missing missing);

}  // namespace chronik::host
