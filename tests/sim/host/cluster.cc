#include "sim/host/cluster.h"

#include <fmt/format.h>
#include <chronik/host.hpp>

#include <algorithm>

namespace chronik::sim {

std::string kafka_address(uint32_t node) { return fmt::format("node-{}:9092", node); }

Cluster::Cluster(World& world, const host::PluginSet& set,
                 const std::vector<std::pair<std::string, std::string>>& config,
                 std::vector<Interposer*> interposers, bool fatal_is_failure)
    : world_(world), net_(world), links_(world, world.options.nodes) {
  const uint32_t n = world.options.nodes;
  for (uint32_t id = 1; id <= n; ++id) addresses_.push_back(fmt::format("node-{}:9192", id));
  std::vector<chr_peer> peers;
  for (uint32_t id = 1; id <= n; ++id)
    peers.push_back({static_cast<int32_t>(id), 0, to_abi(addresses_[id - 1])});
  for (uint32_t id = 1; id <= n; ++id) {
    NodeOptions options{config, peers, fatal_is_failure};
    for (auto& [key, value] : options.config) {
      for (size_t at; (at = value.find("{node}")) != std::string::npos;)
        value.replace(at, 6, std::to_string(id));
    }
    nodes_.push_back(std::make_unique<Node>(world, id, set, std::move(options), net_, links_, interposers));
  }
}

Cluster::~Cluster() {
  for (const auto& node : nodes_) node->crash(false);
}

void Cluster::boot_all(const std::vector<uint32_t>& but) {
  for (const auto& node : nodes_) {
    if (std::ranges::find(but, node->id()) == but.end()) node->boot();
  }
}

bool Cluster::all_running() const {
  for (const auto& node : nodes_) {
    if (!node->running() && !node->quarantined()) return false;
  }
  return true;
}

uint32_t Cluster::running() const {
  uint32_t n = 0;
  for (const auto& node : nodes_) n += node->running() ? 1 : 0;
  return n;
}

bool Cluster::run_until(uint64_t time) {
  while (!world_.failed() && world_.loop.step(time)) {
    if (after_event) after_event();
  }
  return !world_.failed();
}

bool Cluster::run_while(uint64_t limit, uint64_t step, const std::function<bool()>& done) {
  const uint64_t end = world_.loop.now() + limit;
  while (!done()) {
    if (world_.loop.now() >= end || !run_for(step)) return false;
  }
  return true;
}

Result<host::PluginSet> load_plugins(const std::string& directory, const std::vector<std::string>& names) {
  std::vector<host::PluginFile> files;
  for (const std::string& name : names) {
    CHRONIK_TRY(auto file, host::PluginFile::probe(host::plugin_path(directory, name)));
    files.push_back(std::move(file));
  }
  CHRONIK_TRY(auto set, host::PluginSet::resolve(std::move(files)));
  CHRONIK_CHECK(set.load());
  return set;
}

}  // namespace chronik::sim
