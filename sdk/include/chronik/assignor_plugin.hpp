// Writing an assignor in C++: a name and one function; draft/assignor.h has the promises.
//
//     class First final : public chronik::AssignorPlugin<First> {
//      public:
//       static constexpr std::string_view kId = "assignor-first", kVersion = "1.0.0", kName = "first";
//       explicit First(chronik::Host) {}
//       static chronik::Status assign(const chr_assignor_group& group, std::span<uint32_t> owners);
//     };
//     CHRONIK_PLUGIN(First)
//
// The manifest says the name too, so that nobody has to run the plugin to learn it:
// provides = ["chronik.assignor/1:first"].
#pragma once

#include <chronik/assignor.hpp>
#include <chronik/plugin.hpp>

namespace chronik {

template <class Derived>
class AssignorPlugin : public Plugin {
 public:
  // Hidden by one of the derived class where it has keys.
  static std::span<const chr_config_key> schema() { return {}; }

  const void* service(std::string_view id, void** instance) override {
    constexpr std::string_view kPrefix = CHR_ASSIGNOR_ID ":";
    if (!id.starts_with(kPrefix) || id.substr(kPrefix.size()) != Derived::kName) return nullptr;
    *instance = this;
    return &kTable;
  }

 private:
  chr_status call(const chr_assignor_group* group, uint32_t* owners, chr_error* error) {
    const Status assigned = static_cast<Derived*>(this)->assign(*group, {owners, group->n_partitions});
    return assigned ? CHR_OK : report(error, assigned.error());
  }
  static constexpr chr_assignor_v1 kTable = {sizeof(chr_assignor_v1), 1, thunk<&AssignorPlugin::call>};
};

}  // namespace chronik
