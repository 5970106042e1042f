// The same metadata under two retry policies, each loaded from its shared object: the bundled one, and one
// built out of tree as a third party's would be.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <chronik/testing/config_defaults.hpp>

#include "tests/unit/metadata/node.h"

namespace chronik::metadata::test {
namespace {

class Policy {
 public:
  Policy(const char* path, FakeHost* host) {
    void* file = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (file == nullptr) throw std::runtime_error(dlerror());
    const auto entry = reinterpret_cast<decltype(&chronik_plugin_v1)>(dlsym(file, "chronik_plugin_v1"));
    chr_offer offer{};
    offer.struct_size = sizeof offer;
    offer.abi_major = CHR_ABI_MAJOR;
    offer.abi_minor = CHR_ABI_MINOR;
    plugin_ = entry(&offer, nullptr);
    chronik::testing::give_config_defaults(*host, *plugin_);
    chr_error error = make_abi_error();
    if (plugin_->create(host->core(), {}, &instance_, &error) != CHR_OK)
      throw std::runtime_error(error.message);
    void* self = nullptr;
    const void* table = plugin_->service(instance_, CHR_RETRY_POLICY_ID, &self);
    host->provide(CHR_RETRY_POLICY_ID, table, self);
  }
  ~Policy() { plugin_->destroy(instance_); }
  std::string id() const { return std::string(from_abi(plugin_->id)); }

 private:
  const chr_plugin_v1* plugin_ = nullptr;
  chr_plugin* instance_ = nullptr;
};

// When attempts happen with __meta kept from electing, in ms.
std::vector<uint64_t> attempt_times(const char* path, const char* id) {
  TestNode node;
  const Policy policy(path, &node.host);
  EXPECT_EQ(policy.id(), id);
  node.start_as_leader();
  const auto made = node.create("test");
  node.host.run();
  node.consensus.follow("__meta", -1, 2);
  node.host.advance(1s);
  const uint64_t since = node.host.now_ns();
  node.role("test", 0, 1, 1);
  node.host.advance(5s);
  std::vector<uint64_t> times;
  for (const auto& [at, line] : node.lines("Failed to update partition assignment", since))
    times.push_back(at);
  EXPECT_EQ(node.lines("CRITICAL", since).size(), 1u);
  return times;
}

TEST(Swap, ThePolicyIsTheOneThatIsLoaded) {
  EXPECT_EQ(attempt_times(CHRONIK_RETRY_EXPONENTIAL, "retry-exponential"),
            (std::vector<uint64_t>{0, 100, 300, 700, 1500}));
  EXPECT_EQ(attempt_times(CHRONIK_RETRY_FIXED, "retry-fixed"),
            (std::vector<uint64_t>{0, 250, 500, 750, 1000}));
}

}  // namespace
}  // namespace chronik::metadata::test
