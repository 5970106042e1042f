#include "tests/unit/source_tree.h"

namespace chronik {

std::string in_source_tree(const std::string& path) { return CHRONIK_SOURCE_DIR "/" + path; }

}  // namespace chronik
