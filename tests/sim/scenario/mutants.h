// Planted bugs. The simulator is worth something only if it catches them. Some stand between a plugin and a
// service that it uses, and break one promise; the others are plugins that were built from sources with one
// text changed (mutants/CMakeLists.txt). Nothing of this is in shipped code.
#pragma once

#include "sim/host/node.h"

#include <memory>
#include <string_view>
#include <vector>

namespace chronik::sim {

struct MutantInfo {
  std::string_view name;
  std::string_view what;
  std::string_view arguments;  // of a run that shows it
  std::string_view plugin;     // that is built anew; empty: none
};
const std::vector<MutantInfo>& mutants();

// nullptr: there is none of this name.
const MutantInfo* find_mutant(std::string_view name);
// nullptr: it does not stand between plugins.
std::unique_ptr<Interposer> make_mutant(std::string_view name);
// For those that break the disk itself; others do nothing here.
void apply_mutant(std::string_view name, Node& node);

}  // namespace chronik::sim
