#include "metadata/service/liveness_table.h"

#include <chronik/plugin.hpp>

namespace chronik::metadata {

const chr_liveness_v1& LivenessTable::table() {
  static constexpr chr_liveness_v1 kTable = {sizeof kTable, 1, thunk<&LivenessTable::is_up>};
  return kTable;
}

}  // namespace chronik::metadata
