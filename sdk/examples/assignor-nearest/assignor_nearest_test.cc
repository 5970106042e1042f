// The plugin through its own entry point, on the SDK's FakeHost. No test framework needed.
#include <chronik/assignor.hpp>
#include <chronik/plugin.hpp>
#include <chronik/testing/fake_host.hpp>
#include <cstdio>

namespace {

int failures = 0;

void expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  ++failures;
}

constexpr chr_uuid kOrders{{1}};
constexpr uint32_t kTopics[] = {0};
constexpr std::string_view kEast[] = {"east"}, kWest[] = {"west"};

// Four partitions, three with their replica in the east; a reads there, b in the west.
chronik::AssignorGroup two_racks() {
  chronik::AssignorGroup group;
  group.add_topic(kOrders, 4);
  group.add_racks(0, 0, kEast);
  group.add_racks(0, 1, kWest);
  group.add_racks(0, 2, kEast);
  group.add_racks(0, 3, kEast);
  group.add_member({.id = "a", .rack = "east", .topics = kTopics});
  group.add_member({.id = "b", .rack = "west", .topics = kTopics});
  return group;
}

// How many partitions a gets.
size_t partitions_of_a(int64_t slack) {
  chronik::testing::FakeHost host;
  host.config_int("slack", slack);
  chr_offer offer{};
  offer.struct_size = sizeof offer;
  offer.abi_major = CHR_ABI_MAJOR;
  offer.abi_minor = CHR_ABI_MINOR;
  const chr_plugin_v1* plugin = chronik_plugin_v1(&offer, nullptr);
  chr_plugin* instance = nullptr;
  if (plugin->create(host.core(), {}, &instance, nullptr) != CHR_OK) return SIZE_MAX;
  void* self = nullptr;
  const void* table = plugin->service(instance, "chronik.assignor/1:nearest", &self);
  host.provide("chronik.assignor/1:nearest", table, self);
  chronik::AssignorGroup group = two_racks();
  const auto assignors = chronik::Assignors::acquire(chronik::Host(host.core()), {"nearest"});
  const auto assignment = assignors->assign("nearest", group);
  const size_t n = assignment ? assignment->partitions_of(0) : SIZE_MAX;
  expect(assignment && assignment->partitions() == 4, "every partition is read");
  plugin->destroy(instance);
  return n;
}

}  // namespace

int main() {
  expect(partitions_of_a(0) == 2, "nobody reads more than a share");
  expect(partitions_of_a(50) == 3, "with some slack all that is near is read nearby");
  return failures == 0 ? 0 : 1;
}
