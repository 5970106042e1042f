// The plugin assignor-uniform: chronik.assignor/1 under Kafka's name "uniform".
#include <chronik/assignor_plugin.hpp>

#include "assignor-uniform/uniform.h"

namespace chronik::assignor {
namespace {

class Uniform final : public AssignorPlugin<Uniform> {
 public:
  static constexpr std::string_view kId = "assignor-uniform", kVersion = "0.1.0", kName = "uniform";

  explicit Uniform(Host) {}
  static Status assign(const chr_assignor_group& group, std::span<uint32_t> owners) {
    assign_uniform(group, owners);
    return {};
  }
};

}  // namespace
}  // namespace chronik::assignor

CHRONIK_PLUGIN(chronik::assignor::Uniform)
