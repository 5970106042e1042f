// Configuration as text: what is in effect, and the file to start from.
#pragma once

#include "host/config/host_schema.h"

namespace chronik::host {

// The effective configuration as TOML. With origin, each line says where its value came from.
std::string print_config(const Settings& settings, const std::vector<ConfiguredPeer>& peers,
                         bool with_origin);

// A file with every key commented out at its default, explained. Tables with the same name are merged.
std::string print_default_config(const std::vector<TableSchema>& schemas);

}  // namespace chronik::host
