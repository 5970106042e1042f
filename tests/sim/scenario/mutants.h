// Planted bugs: each stands between a plugin and a service that it uses, and breaks one promise. The
// simulator is worth something only if it catches them. Nothing of this is in shipped code.
#pragma once

#include "sim/host/node.h"

#include <memory>
#include <string_view>
#include <vector>

namespace chronik::sim {

struct MutantInfo {
  std::string_view name;
  std::string_view what;
};
const std::vector<MutantInfo>& mutants();

// nullptr: there is none of this name.
std::unique_ptr<Interposer> make_mutant(std::string_view name);
// For those that break the disk itself; others do nothing here.
void apply_mutant(std::string_view name, Node& node);

}  // namespace chronik::sim
