// The syncs of one call, several at a time.
#pragma once

#include "host/files/file_op.h"

#include <vector>

namespace chronik::host {

class Runtime;

// [blocking] They have ended when it returns, in the order in which they came. Blocking threads that are free help the caller.
std::vector<FileOp> run_together(Runtime& runtime, std::vector<FileOp> syncs);

}  // namespace chronik::host
