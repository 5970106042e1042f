// The tree that the tests were built from, for those that read its golden files and pages. Only source_tree.cc is told where it is, so that
// all others compile to the same in each clone, and come from the compiler cache there.
#pragma once

#include <string>

namespace chronik {

// The full path of what is called `path` from the tree's root.
std::string in_source_tree(const std::string& path);

}  // namespace chronik
