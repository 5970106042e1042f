// Several nodes, their links and clients, in one virtual time.
#pragma once

#include "sim/host/node.h"
#include "sim/net/links.h"
#include "sim/net/net.h"

#include <memory>
#include <vector>

namespace chronik::sim {

class Cluster {
 public:
  // set is loaded and, like the interposers, outlives the cluster. Interposers wrap in order: the last one is
  // next to the caller. config: values of plugins' tables by full key, with "{node}" for the node's id.
  Cluster(World& world, const host::PluginSet& set,
          const std::vector<std::pair<std::string, std::string>>& config,
          std::vector<Interposer*> interposers, bool fatal_is_failure = true);
  ~Cluster();

  World& world() { return world_; }
  uint32_t size() const { return static_cast<uint32_t>(nodes_.size()); }
  Node& node(uint32_t id) { return *nodes_[id - 1]; }  // from 1 on
  Links& links() { return links_; }
  Net& net() { return net_; }

  void boot_all(const std::vector<uint32_t>& but = {});
  // All that can: without those whose disk is damaged.
  bool all_running() const;
  uint32_t running() const;
  // Runs events until that virtual time, or until the run failed. True: time is over, nothing failed.
  bool run_until(uint64_t time);
  bool run_for(uint64_t time) { return run_until(world_.loop.now() + time); }
  // Until `done`, looked at every `step`; false if `limit` passes first or the run failed.
  bool run_while(uint64_t limit, uint64_t step, const std::function<bool()>& done);

  // Called after every event.
  std::function<void()> after_event;

 private:
  World& world_;
  Net net_;
  Links links_;
  std::vector<std::string> addresses_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

// "node-2:9092": where clients find a node.
std::string kafka_address(uint32_t node);

// The plugins named, from this directory, resolved and loaded.
Result<host::PluginSet> load_plugins(const std::string& directory, const std::vector<std::string>& names);

}  // namespace chronik::sim
