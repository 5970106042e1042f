// One simulated node: the plugin instances of a process, the host services that they see,
// and a disk that outlives them.
#pragma once

#include "host/config/settings.h"
#include "host/loader/instances.h"
#include "sim/base/machine.h"
#include "sim/disk/host_files.h"
#include "sim/disk/interposed_files.h"
#include "sim/host/memory.h"
#include "sim/host/metrics.h"
#include "sim/host/ops.h"

#include <chronik/host_services.h>

#include <memory>
#include <vector>

namespace chronik::sim {

class Net;
class Links;
class Node;

// Changes the services that plugins get from one another: checkers watch there,
// planted bugs break things there.
struct Interposer {
  virtual ~Interposer() = default;
  // inner: what `acquire` found, or what the interposer before this one made of it. Both may be replaced.
  virtual const void* wrap(Node& node, std::string_view service, const void* inner, void** instance) = 0;
  // The node's storage has started, and whoever uses it starts once go_on was called.
  virtual void storage_started(Node&, std::function<void()> go_on) { go_on(); }
  // The node's instances are gone, or were never there: forget what belonged to them.
  virtual void node_gone(Node& node) = 0;
};

struct NodeOptions {
  // Values of the plugins' tables by full key ("raft.election_timeout"), as they would stand in a flag.
  std::vector<std::pair<std::string, std::string>> config;
  std::vector<chr_peer> peers;  // all nodes; texts outlive the node
  bool fatal_is_failure = true;
};

}  // namespace chronik::sim

// The host as one plugin instance (or the harness in a plugin's place) sees it.
struct chr_host {
  chronik::sim::Node* node = nullptr;
  size_t index = SIZE_MAX;  // in the plugin set; SIZE_MAX: the harness
  std::string name;
  chr_host_v1 core{};
  chronik::host::TableValues config;
  chr_node_info info{};
  // Its blocking jobs run one after another, as on one thread: a job runs in one go here, so what it guards
  // with a lock or a flag would not keep a second one out for as long as the first one takes.
  uint64_t jobs_until = 0;
  uint64_t job_order[chronik::sim::kMaxShards] = {};
};

namespace chronik::sim {

class Node final : public Machine {
 public:
  enum class State { kDown, kStarting, kRunning, kStopping };

  Node(World& world, uint32_t id, const host::PluginSet& set, NodeOptions options, Net& net, Links& links,
       std::vector<Interposer*> interposers);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // Creates and starts every plugin, in order.
  void boot();
  // Everything in memory is gone at once. power_loss: so are unsynced writes, wholly or in part.
  void crash(bool power_loss);
  // A clean stop in reverse order, then kDown.
  void stop();
  // The disk is lost, and with it what the node is: it never starts again.
  void retire();
  // The disk is replaced by an empty one: a new incarnation.
  void wipe();

  World& world() override { return world_; }
  uint32_t id() const override { return id_; }
  State state() const { return state_; }
  bool running() const { return state_ == State::kRunning; }
  // Its disk was damaged, and it noticed, or lost: it does not start until the disk is replaced.
  bool quarantined() const { return quarantined_; }
  uint64_t boots() const { return boots_; }

  // What the harness calls services with: a host of its own on this node, in a plugin's place.
  chr_host& harness() { return *harness_; }
  // A service of a plugin of this node, past all interposers or through them (wrapped).
  const void* service(std::string_view id, void** instance, bool wrapped);

  Current at_shard(uint32_t shard) override {
    return {id_, static_cast<int32_t>(shard), 0, order_[shard].data()};
  }
  Current at_control() { return {id_, -1, 0, order_[kMaxShards].data()}; }

  // ---- behind the tables of services.cc ----
  const void* acquire(chr_host* host, const char* service, void** instance);
  void complete(chr_host* host, const chr_done& done) override;
  void fatal(chr_host* host, std::string_view message);
  void misbehaved(const chr_host* host, std::string_view what) override;
  void post(uint32_t shard, chr_fn fn, void* context);
  uint64_t timer_start(chr_host* host, uint64_t delay_ns, chr_fn fn, void* context);
  void timer_cancel(uint64_t timer);
  void blocking(chr_host* host, chr_fn fn, void* context);
  Ops& ops() { return ops_; }
  Memory& memory() { return memory_; }
  chr_slice alloc(uint64_t n) override { return memory_.alloc(n); }
  Metrics& metrics() { return metrics_; }
  Disk& disk() { return disk_; }
  HostFiles& host_files() { return host_files_; }
  InterposedFiles* interposed_files() { return interposed_files_.get(); }  // nullptr: it has none
  // One bit in front of each place of a file where these bytes lie; false: there is none.
  bool flip_before(const std::string& bytes, uint64_t which);
  Rng& random() { return random_; }
  Net& net() { return net_; }
  Links& links() { return links_; }
  const std::vector<chr_peer>& peers() const override { return options_.peers; }
  const chr_uuid& incarnation() const override { return incarnation_; }
  chr_status adopt_cluster(std::string_view cluster_id, chr_error* error);

  // Monotonic time on this node, whose clock may run fast or slow.
  uint64_t local_ns() const {
    return static_cast<uint64_t>(static_cast<double>(world_.now()) * clock_rate) + clock_base_;
  }
  int64_t unix_ms() const {
    return world_.options.unix_ms + static_cast<int64_t>(world_.now() / kMillisecond) + wall_skew_ms;
  }

  // Called once every plugin has started, and when the node went down.
  std::function<void(Node&)> on_running, on_down;
  std::function<void()> on_down_once;
  // Called when a clean stop begins; the plugins stop once go_on was called. For
  // harness code that uses services.
  std::function<void(Node&, std::function<void()> go_on)> on_stopping;
  double clock_rate = 1.0;
  int64_t wall_skew_ms = 0;
  uint64_t job_ns = 5'000;  // mean time until a blocking job begins

 private:
  struct Timer {
    chr_fn fn = nullptr;
    void* context = nullptr;
    uint32_t generation = 1;
    int32_t shard = 0;
    bool armed = false;
  };
  struct Completion {
    chr_done done{};
    std::string message;
    uint32_t slot = 0;
  };

  static void run_post(const Event& event, bool alive);
  static void run_timer(const Event& event, bool alive);
  static void run_job(const Event& event, bool alive);
  static void run_completion(const Event& event, bool alive);
  static void run_fatal(const Event& event, bool alive);
  static void CHR_CALL on_started(void* context, const chr_done* done);
  static void CHR_CALL on_stopped(void* context, const chr_done* done);

  uint64_t arrival(uint32_t shard);
  void create_instances();
  void start_next();
  void plugin_started(chr_status status, std::string_view message);
  // Each interposer in turn looks at the storage that has just started.
  void show_storage(size_t interposer);
  void plugin_done();
  bool may_refuse_to_start(chr_status status, std::string_view message);
  void end_soon();
  void stop_next();
  void gone();
  host::TableValues values_for(const host::LoadedPlugin& plugin) const;

  World& world_;
  const uint32_t id_;
  const host::PluginSet& set_;
  const NodeOptions options_;
  Net& net_;
  Links& links_;
  const std::vector<Interposer*> interposers_;

  // What a disk holds.
  Disk disk_;
  HostFiles host_files_;
  std::string directory_;  // of its real files; empty: it has none
  std::unique_ptr<InterposedFiles> interposed_files_;
  chr_uuid incarnation_{};
  std::string cluster_id_;
  bool fresh_ = true;
  bool quarantined_ = false;
  uint64_t wipes_ = 0;

  // What a process holds.
  State state_ = State::kDown;
  uint64_t boots_ = 0;
  uint64_t clock_base_ = 0;
  Rng random_, schedule_;
  Memory memory_;
  Metrics metrics_;
  Ops ops_;
  std::vector<Timer> timers_;
  std::vector<uint32_t> spare_timers_;
  std::vector<Completion> completions_;
  std::vector<uint32_t> spare_completions_;
  std::array<std::array<uint64_t, kMaxShards>, kMaxShards + 1> order_{};
  std::vector<std::unique_ptr<chr_host>> hosts_;
  std::unique_ptr<chr_host> harness_;
  std::unique_ptr<host::Instances> instances_;
  size_t step_ = 0;               // the plugin that starts or stops
  bool held_ = false;             // the next one waits: for this one, or for the interposers
  uint64_t refusals_before_ = 0;  // those of the disk for want of room, before this start
};

// Fills host.core: services.cc.
void bind_services(chr_host& host);

}  // namespace chronik::sim
