#include "host/loader/trial.h"

#include <chronik/testing/fake_host.hpp>

#include <fmt/format.h>

#include "host/config/schema.h"
#include "host/loader/child.h"

namespace chronik::host {
namespace {

// A value of the configuration as the plugin would find it.
void configure(const std::string& key, const Value& value, testing::FakeHost* host) {
  std::vector<int64_t> integers;
  std::vector<std::string> texts;
  for (const Scalar& scalar : value.items) {
    if (const auto* integer = std::get_if<int64_t>(&scalar)) {
      integers.push_back(*integer);
    } else {
      texts.push_back(std::get<std::string>(scalar));
    }
  }
  if (!integers.empty()) host->config_list(key, std::move(integers));
  if (!texts.empty()) host->config_list(key, std::move(texts));
}

}  // namespace

Status in_child(std::string_view id, std::string_view doing, const std::function<Status()>& fn,
                std::chrono::milliseconds patience) {
  CHRONIK_TRY(Child child, Child::start(id, doing, fn));
  return child.wait(patience);
}

Status try_loading(const PluginFile& file) {
  return in_child(file.manifest().id, "it was loaded", [&]() -> Status {
    LoadedPlugin plugin(file);
    CHRONIK_CHECK(plugin.load());
    CHRONIK_CHECK(schema_from_abi(file.manifest().config, file.manifest().id, plugin.schema()));
    return {};
  });
}

Status try_validating(const LoadedPlugin& plugin, std::string_view json) {
  return in_child(plugin.id(), "its keys were checked", [&] { return plugin.validate(json); });
}

Status try_creating(const PluginFile& file, const TableValues& values, Instances::Missing missing) {
  return in_child(file.manifest().id, "an instance was made", [&]() -> Status {
    PluginSet set = PluginSet::unresolved({file});
    testing::FakeHost host(1, 1, 1, testing::FakeHost::Link::kRecorded);
    values.for_each([&](const std::string& key, const Value& value) { configure(key, value, &host); });
    CHRONIK_CHECK(set.load());
    Instances instances(set);
    const Status created = instances.create(0, host.core(), values.json());
    // Here less is offered than in a node, whose start tells how a create ends there.
    if (!created) return missing == Instances::Missing::kAllowed ? Status() : created;
    const Status tables = instances.check_services(0, missing);
    if (!tables)
      return fail(tables.error().code, fmt::format("{}: {}", file.manifest().id, tables.error().message));
    instances.destroy_all();
    return {};
  });
}

}  // namespace chronik::host
