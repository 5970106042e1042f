#include "metadata/service/liveness_service.h"

#include <chronik/plugin.hpp>

namespace chronik::metadata {

const chr_liveness_v1& LivenessService::table() {
  static constexpr chr_liveness_v1 kTable = {sizeof kTable, 1, thunk<&LivenessService::is_up>};
  return kTable;
}

}  // namespace chronik::metadata
