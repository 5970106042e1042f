#pragma once

#include <chronik/draft/files.h>

namespace chronik::sim {

// chronik.host.files/1; its functions find those of the caller's node.
extern const chr_files_v1 kFilesTable;

}  // namespace chronik::sim
