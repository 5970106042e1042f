#include "sim/host/node.h"

#include "sim/net/links.h"
#include "sim/net/net.h"

#include <chronik/storage.h>
#include <fmt/format.h>
#include <chronik/host.hpp>

#include <cstring>

namespace chronik::sim {

Node::Node(World& world, uint32_t id, const host::PluginSet& set, NodeOptions options, Net& net, Links& links,
           std::vector<Interposer*> interposers)
    : world_(world),
      id_(id),
      set_(set),
      options_(std::move(options)),
      net_(net),
      links_(links),
      interposers_(std::move(interposers)),
      disk_(world.stream("disk", id)),
      host_files_(*this, id, disk_),
      schedule_(world.stream("schedule", id)),
      memory_(world.options.poison, world.options.fill) {
  if (world.options.real_files) {
    directory_ = fmt::format("node-{}", id);
    interposed_files_ = std::make_unique<InterposedFiles>(world, id, disk_, directory_);
  }
  wipe();
}

Node::~Node() {
  if (state_ != State::kDown) crash(false);
}

void Node::wipe() {
  Rng rng = world_.stream("incarnation", id_ * 1000 + wipes_++);
  for (auto& byte : incarnation_.b) byte = static_cast<uint8_t>(rng.next());
  if (interposed_files_) interposed_files_->remove_all();
  host_files_.remove_all();
  const DiskCosts costs = disk_.costs;
  disk_ = Disk(world_.stream("disk", id_ * 1000 + wipes_));
  disk_.costs = costs;
  disk_.fills_up = world_.stream("file system").chance(0.5);
  cluster_id_.clear();
  fresh_ = true;
  quarantined_ = false;
}

// ---- life
// --------------------------------------------------------------------------------------------------------

host::TableValues Node::values_for(const host::LoadedPlugin& plugin) const {
  host::TableValues values;
  const auto schema = host::schema_from_abi(plugin.manifest().config, plugin.id(), plugin.schema());
  if (!schema) {
    world_.log(id_, plugin.id(), CHR_LOG_ERROR, schema.error().message, {});
    return values;
  }
  for (const host::KeySchema& key : schema->keys) {
    std::optional<host::Value> value = host::default_value(key);
    for (const auto& [name, text] : options_.config) {
      if (name != schema->full_name(key)) continue;
      auto given = host::check_text(key, text);
      if (!given) {
        world_.fail("config", fmt::format("{} = {}: {}", name, text, given.error().message));
        continue;
      }
      value = *given;
    }
    if (value) values.set(key.name, key, *value);
  }
  return values;
}

void Node::create_instances() {
  instances_ = std::make_unique<host::Instances>(set_);
  for (size_t i = 0; i < set_.size(); ++i) {
    auto host = std::make_unique<chr_host>();
    host->node = this;
    host->index = i;
    host->name = set_[i].id();
    host->config = values_for(set_[i]);
    bind_services(*host);
    hosts_.push_back(std::move(host));
  }
  harness_ = std::make_unique<chr_host>();
  harness_->node = this;
  harness_->name = "harness";
  bind_services(*harness_);
  const auto describe = [this](chr_host& host) {
    host.info = {sizeof(chr_node_info),
                 static_cast<int32_t>(id_),
                 to_abi(directory_),
                 options_.peers.data(),
                 static_cast<uint32_t>(options_.peers.size()),
                 fresh_ ? 1u : 0u,
                 incarnation_,
                 {nullptr, 0}};
  };
  for (const auto& host : hosts_) describe(*host);
  describe(*harness_);
}

void Node::boot() {
  if (state_ != State::kDown || quarantined_) return;
  state_ = State::kStarting;
  ++boots_;
  world_.trace.note(world_.now(), id_, Kind::kBoot, boots_);
  random_ = world_.stream("random", id_ * 1'000'000 + boots_);
  Rng base = world_.stream("clock", id_ * 1'000'000 + boots_);
  clock_base_ = base.below(1'000'000 * kSecond);  // a monotonic clock starts anywhere
  if (interposed_files_) interposed_files_->process_begins();
  host_files_.process_begins();
  create_instances();
  fresh_ = false;
  const Enter enter(world_, at_control());
  for (size_t i = 0; i < set_.size(); ++i) {
    const auto status = instances_->create(i, &hosts_[i]->core, hosts_[i]->config.json());
    if (!status) {
      world_.fail("boot", fmt::format("node {}: {} was not created: {}", id_, hosts_[i]->name,
                                      status.error().message));
      return;
    }
  }
  links_.node_up(*this);
  step_ = 0;
  held_ = false;
  refusals_before_ = disk_.refusals();
  start_next();
}

void Node::start_next() {
  while (state_ == State::kStarting && !held_ && step_ < set_.size()) {
    const Enter enter(world_, at_control());
    const uint64_t token = ops_.begin(harness_.get(), -1, &Node::on_started, this);
    chr_error error = make_abi_error();
    held_ = true;
    const chr_status status = instances_->start(step_, token, &error);
    if (status == CHR_PENDING) return;
    held_ = false;
    ops_.abandon(token);
    plugin_started(status, error.message);
  }
}

void CHR_CALL Node::on_started(void* context, const chr_done* done) {
  auto& node = *static_cast<Node*>(context);
  node.held_ = false;
  node.instances_->started(node.step_, done->code);
  node.plugin_started(done->code, from_abi(done->message));
  node.start_next();
}

void Node::plugin_started(chr_status status, std::string_view message) {
  if (status != CHR_OK && may_refuse_to_start(status, message)) {
    step_ = set_.size() + 1;
    return;
  }
  if (status != CHR_OK) {
    world_.fail("boot",
                fmt::format("node {}: {} did not start: {} {}", id_, hosts_[step_]->name, status, message));
    step_ = set_.size() + 1;
    return;
  }
  held_ = set_[step_].manifest().provides_service(CHR_STORAGE_ID);
  held_ ? show_storage(0) : plugin_done();
}

void Node::show_storage(size_t interposer) {
  if (interposer < interposers_.size()) {
    return interposers_[interposer]->storage_started(*this, [this, interposer, boot = boots_] {
      if (boots_ == boot && state_ == State::kStarting) show_storage(interposer + 1);
    });
  }
  held_ = false;
  plugin_done();
  start_next();
}

void Node::plugin_done() {
  if (++step_ < set_.size()) return;
  state_ = State::kRunning;
  if (on_running) on_running(*this);
}

// A damaged disk must be noticed, a disk that fails be believed, and a full one may
// be too full to begin with.
bool Node::may_refuse_to_start(chr_status status, std::string_view message) {
  // One damaged record of a file costs its group, and a store goes on.
  const bool contained =
      interposed_files_ != nullptr && set_[step_].manifest().provides_service(CHR_STORAGE_ID);
  const bool damaged = status == CHR_E_CORRUPT && disk_.damaged() && !contained;
  // By the time that it says so there may be room again.
  const bool was_full = disk_.capacity != UINT64_MAX || disk_.refusals() != refusals_before_;
  const bool full = status == CHR_E_NO_SPACE && was_full;
  if (!damaged && !full && !disk_.failed()) return false;
  quarantined_ = damaged;
  world_.log(id_, hosts_[step_]->name, CHR_LOG_ERROR, message, "refused=1");
  end_soon();
  return true;
}

// As a supervisor does it: a node that ended starts again.
void Node::end_soon() {
  world_.loop.call(world_.now(), [this, boot = boots_] {
    if (boots_ != boot || state_ == State::kDown) return;
    crash(quarantined_ || disk_.sync_failed());
    if (!quarantined_) world_.loop.call(world_.now() + kSecond, [this] { this->boot(); });
  });
}

void Node::stop() {
  if (state_ != State::kRunning) return;
  state_ = State::kStopping;
  world_.trace.note(world_.now(), id_, Kind::kStop, 0);
  net_.stop_listening(*this);
  step_ = set_.size();
  if (!on_stopping) return stop_next();
  on_stopping(*this, [this, boot = boots_] {
    world_.loop.call(world_.now(), [this, boot] {
      if (boots_ == boot) stop_next();
    });
  });
}

void Node::stop_next() {
  while (state_ == State::kStopping && step_ > 0) {
    const Enter enter(world_, at_control());
    const uint64_t token = ops_.begin(harness_.get(), -1, &Node::on_stopped, this);
    chr_error error = make_abi_error();
    const chr_status status = instances_->stop(step_ - 1, token, &error);
    if (status == CHR_PENDING) return;
    ops_.abandon(token);
    if (status != CHR_OK) {
      world_.fail("stop", fmt::format("node {}: {}: {}", id_, hosts_[step_ - 1]->name, error.message));
      return;
    }
    --step_;
  }
  if (state_ != State::kStopping) return;
  gone();
  disk_.stopped(world_.now());
}

void CHR_CALL Node::on_stopped(void* context, const chr_done* done) {
  auto& node = *static_cast<Node*>(context);
  if (done->code != CHR_OK) {
    node.world_.fail("stop", fmt::format("node {}: {} did not stop: {}", node.id_,
                                         node.hosts_[node.step_ - 1]->name, from_abi(done->message)));
  }
  node.instances_->stopped(node.step_ - 1);
  --node.step_;
  // The event that runs now belongs to this node: go on behind it.
  node.world_.loop.call(node.world_.now(), [&node, boot = node.boots_] {
    if (node.boots_ == boot) node.stop_next();
  });
}

void Node::crash(bool power_loss) {
  if (state_ == State::kDown) return;
  world_.trace.note(world_.now(), id_, Kind::kCrash, power_loss ? 1 : 0);
  const bool cache_is_lost = power_loss || disk_.sync_failed();
  power_loss ? disk_.crash(world_.now()) : disk_.kill(world_.now());
  host_files_.process_dies(world_.now(), cache_is_lost);
  if (interposed_files_) interposed_files_->process_dies();
  gone();
}

bool Node::flip_before(const std::string& bytes, uint64_t which) {
  const bool in_files = interposed_files_ && interposed_files_->flip_before(bytes, which);
  return host_files_.flip_before(bytes, which) || in_files;
}

void Node::retire() {
  crash(true);
  quarantined_ = true;
}

void Node::gone() {
  state_ = State::kDown;
  links_.node_down(*this);
  net_.node_down(*this);
  world_.loop.drop(id_);
  {
    const Enter enter(world_, at_control());
    instances_->destroy_all();
  }
  if (interposed_files_) interposed_files_->process_is_gone();
  host_files_.process_ends();
  instances_.reset();
  for (Interposer* interposer : interposers_) interposer->node_gone(*this);
  world_.loop.drop(id_);  // what destructors posted
  ops_.clear();
  timers_.clear();
  spare_timers_.clear();
  completions_.clear();
  spare_completions_.clear();
  metrics_.clear();
  memory_.reclaim();
  hosts_.clear();
  harness_.reset();
  if (on_down) on_down(*this);
  if (const auto once = std::exchange(on_down_once, nullptr)) once();
}

// ---- services between plugins
// --------------------------------------------------------------------------------------

const void* Node::acquire(chr_host* host, const char* service, void** instance) {
  if (host->index == SIZE_MAX) return this->service(service, instance, true);
  const void* table = instances_->acquire(host->index, service, instance);
  if (table == nullptr) return nullptr;
  for (Interposer* interposer : interposers_) table = interposer->wrap(*this, service, table, instance);
  return table;
}

const void* Node::service(std::string_view id, void** instance, bool wrapped) {
  if (instances_ == nullptr) return nullptr;
  const void* table = instances_->find_service(id, instance);
  if (table == nullptr || !wrapped) return table;
  for (Interposer* interposer : interposers_) table = interposer->wrap(*this, id, table, instance);
  return table;
}

chr_status Node::adopt_cluster(std::string_view cluster_id, chr_error* error) {
  if (cluster_id_.empty()) cluster_id_ = cluster_id;
  if (cluster_id_ == cluster_id) return CHR_OK;
  return report(error, CHR_E_FENCED,
                fmt::format("this data directory belongs to cluster {}, not to {}", cluster_id_, cluster_id));
}

void Node::misbehaved(const chr_host* host, std::string_view what) {
  if (state_ == State::kDown) return;
  world_.fail("plugin-misbehaviour", fmt::format("node {}: {}: {}", id_, host->name, what));
}

// A disk that failed may end its node, which goes on from what is durable.
void Node::fatal(chr_host* host, std::string_view message) {
  world_.log(id_, host->name, CHR_LOG_ERROR, message, "fatal=1");
  if (disk_.failed()) return end_soon();
  if (options_.fatal_is_failure)
    world_.fail("fatal", fmt::format("node {}: {}: {}", id_, host->name, message));
  world_.loop.add(world_.now(), kHarness, &Node::run_fatal, this, nullptr, boots_);
}

void Node::run_fatal(const Event& event, bool alive) {
  auto& node = *static_cast<Node*>(event.a);
  if (alive && node.boots_ == event.c) node.crash(false);
}

}  // namespace chronik::sim
