#include "subject.hpp"

#include <dlfcn.h>

#include <chronik/testing/config_defaults.hpp>
#include <stdexcept>

namespace chronik::conformance {
namespace {

// What stands around the array that the assignor fills.
constexpr size_t kGuards = 16;
constexpr uint32_t kGuard = 0x5AFE5AFE;

}  // namespace

Subject& Subject::get() {
  static Subject subject;
  return subject;
}

std::string Subject::load() {
  void* const file = ::dlopen(plugin.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (file == nullptr) return ::dlerror();
  const auto entry = reinterpret_cast<decltype(&chronik_plugin_v1)>(::dlsym(file, "chronik_plugin_v1"));
  if (entry == nullptr) return plugin + " does not export chronik_plugin_v1";
  chr_offer offer{};
  offer.struct_size = sizeof offer;
  offer.abi_major = CHR_ABI_MAJOR;
  offer.abi_minor = CHR_ABI_MINOR;
  offer.features = CHR_FEATURE_DRAFTS;
  chr_error error = make_abi_error();
  table_of_plugin_ = entry(&offer, &error);
  if (table_of_plugin_ == nullptr) return error.message;
  host_ = std::make_unique<testing::FakeHost>();
  testing::give_config_defaults(*host_, *table_of_plugin_);
  for (const auto& [key, value] : settings) host_->config_int(key, value);
  if (table_of_plugin_->create(host_->core(), {}, &instance_, &error) != CHR_OK) return error.message;
  if (table_of_plugin_->start(instance_, 0, &error) != CHR_OK) return "its start did not end at once";
  const std::string id = CHR_ASSIGNOR_ID ":" + name;
  table_ = static_cast<const chr_assignor_v1*>(table_of_plugin_->service(instance_, id.c_str(), &self_));
  return table_ == nullptr ? "it does not provide " + id : "";
}

std::vector<std::string> Subject::ask(AssignorGroup group) const {
  const chr_assignor_group& view = group.view();
  std::vector<uint32_t> written(kGuards + view.n_partitions + kGuards, kGuard);
  const std::span<uint32_t> owners(written.data() + kGuards, view.n_partitions);
  std::ranges::fill(owners, CHR_ASSIGNOR_NOBODY);
  chr_error error = make_abi_error();
  const chr_status status = table_->assign(self_, &view, owners.data(), &error);
  if (status != CHR_OK) throw std::runtime_error("it failed: " + std::string(error.message));
  for (size_t i = 0; i < kGuards; ++i) {
    if (written[i] != kGuard || written[written.size() - 1 - i] != kGuard)
      throw std::runtime_error("it wrote beyond the array of owners");
  }
  const auto made = GroupAssignment::make(view, owners);
  if (!made) throw std::runtime_error("it " + made.error().message);
  std::vector<std::string> ids;
  for (const uint32_t owner : owners)
    ids.emplace_back(owner == CHR_ASSIGNOR_NOBODY ? "" : from_abi(view.members[owner].id));
  return ids;
}

}  // namespace chronik::conformance
