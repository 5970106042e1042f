// The plugin assignor-range: chronik.assignor/1 under Kafka's name "range".
#include <chronik/assignor_plugin.hpp>

#include "assignor-range/range.h"

namespace chronik::assignor {
namespace {

class Range final : public AssignorPlugin<Range> {
 public:
  static constexpr std::string_view kId = "assignor-range", kVersion = "0.1.0", kName = "range";

  explicit Range(Host) {}
  static Status assign(const chr_assignor_group& group, std::span<uint32_t> owners) {
    assign_range(group, owners);
    return {};
  }
};

}  // namespace
}  // namespace chronik::assignor

CHRONIK_PLUGIN(chronik::assignor::Range)
