// A configuration file as text and as a tree, with what is wrong with it.
#pragma once

#include "host/config/diagnostic.h"
#include "host/config/toml_document.h"

#include <filesystem>

namespace chronik::host {

// Reads the file into the document; an empty name: there is none, and the document is empty. False: not even
// a part could be read. What is wrong stands in the diagnostics, which quote this file from here on.
bool read_config_file(const std::filesystem::path& file, TomlDocument* document, Diagnostics* diagnostics);

}  // namespace chronik::host
