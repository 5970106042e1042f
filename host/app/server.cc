#include "host/app/server.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "host/app/signals.h"
#include "host/http/node_routes.h"
#include "host/runtime/module_name.h"

namespace chronik::host {
namespace {

using std::chrono::steady_clock;

constexpr std::string_view kComponent = "node";
constexpr std::chrono::minutes kStartPatience{30};  // a recovery reads the whole log in the worst case

// Connections and LMDB readers need descriptors; the soft limit is often 1024.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

double seconds_since(steady_clock::time_point begin) {
  return std::chrono::duration<double>(steady_clock::now() - begin).count();
}

std::string join(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : ",") + item;
  return out;
}

}  // namespace

Server::Server(const NodePlan& plan, std::function<bool()> is_stopping)
    : plan_(plan), is_stopping_(std::move(is_stopping)), watchdog_(logger_, is_stopping_) {
  logger_.set_level(level_from_name(plan.config().log_level));
  logger_.set_format(plan.config().log_format == "json" ? LogFormat::kJson : LogFormat::kLogfmt);
}

Server::~Server() {
  if (instances_) instances_->destroy_all();
  if (links_) links_->stop();
  if (runtime_) runtime_->stop();
}

Status Server::start() {
  log_beginning();
  raise_descriptor_limit();
  CHRONIK_CHECK(open_data());
  add_process_metrics(metrics_, CHRONIK_VERSION);
  health_.set(kComponent, "start", CHR_HEALTH_NOT_READY, "the node is starting");
  RuntimeOptions options;
  options.shards = plan_.config().shards;
  runtime_ = std::make_unique<Runtime>(options, logger_, metrics_);
  connections_ = std::make_unique<Connections>(*runtime_);
  CHRONIK_TRY(files_, FileService::open(*runtime_, file_io_of(plan_.config().file_io)));
  runtime_->start();
  watch_shards(health_, *runtime_);
  CHRONIK_CHECK(start_http());
  CHRONIK_CHECK(open_links());
  CHRONIK_CHECK(make_hosts());
  CHRONIK_CHECK(start_plugins());
  links_->start();
  health_.forget(kComponent);
  return {};
}

void Server::log_beginning() {
  const HostConfig& config = plan_.config();
  logger_.info(kComponent,
               fmt::format("chronik-server {} starts as node {}", CHRONIK_VERSION, config.node_id),
               Fields()
                   .add("config", plan_.diagnostics().file())
                   .add("data_dir", config.data_dir.string())
                   .add("http", config.http_listen));
  for (size_t i = 0; i < plan_.set().size(); ++i) {
    const Manifest& m = plan_.set()[i].manifest();
    logger_.info(
        kComponent, fmt::format("plugin {} {}", m.id, m.version),
        Fields().add("file", plan_.set()[i].file().path().string()).add("provides", join(m.provides)));
  }
}

Status Server::open_data() {
  const HostConfig& config = plan_.config();
  CHRONIK_CHECK(data_.open({config.data_dir, config.node_id, plan_.data_plugin()}));
  if (data_.lost_data()) {
    logger_.warn(
        kComponent,
        fmt::format("{} holds nothing of what this node kept before; it goes on as a new incarnation",
                    plan_.data_plugin()),
        Fields().add("incarnation", to_text(data_.incarnation())));
  }
  return {};
}

Status Server::open_links() {
  const HostConfig& config = plan_.config();
  LinkOptions options;
  options.node = config.node_id;
  options.incarnation = data_.incarnation();
  options.cluster_id = data_.cluster_id();
  options.on_trouble = [this](int32_t peer, const std::string& trouble) {
    health_.set("link", fmt::format("node {}", peer),
                trouble.empty() ? CHR_HEALTH_READY : CHR_HEALTH_DEGRADED, trouble);
  };
  for (const ConfiguredPeer& peer : config.peers) {
    if (peer.id == config.node_id) {
      options.listen = peer.raft;
    } else {
      options.peers.push_back({peer.id, peer.raft});
    }
  }
  links_ = std::make_unique<Links>(*runtime_, std::move(options));
  return links_->listen();
}

Status Server::adopt_cluster(std::string_view id) {
  CHRONIK_CHECK(data_.adopt_cluster(id));
  links_->set_cluster_id(std::string(id));
  return {};
}

NodeIdentity Server::identity(const std::string& directory) const {
  const HostConfig& config = plan_.config();
  NodeIdentity node;
  node.id = config.node_id;
  node.directory = directory;
  node.new_node = data_.new_node();
  node.incarnation = data_.incarnation();
  node.rack = config.rack;
  for (const ConfiguredPeer& peer : config.peers) node.peers.push_back({peer.id, peer.raft});
  if (node.peers.empty()) node.peers.push_back({config.node_id, {}});
  return node;
}

Status Server::make_hosts() {
  const PluginSet& set = plan_.set();
  instances_ = std::make_unique<Instances>(set);
  for (size_t i = 0; i < set.size(); ++i) {
    CHRONIK_TRY(const std::filesystem::path directory, data_.plugin_directory(set[i].id()));
    values_.push_back(std::make_unique<TableConfig>(plan_.plugin(i).values));
    PluginHostOptions options;
    options.id = set[i].id();
    options.abi_minor = std::min<uint32_t>(set[i].table().abi_minor, CHR_ABI_MINOR);
    options.config = values_.back().get();
    options.node = identity(directory.string());
    options.resolve = [this, i](std::string_view service, void** instance) {
      return instances_->acquire(i, service, instance);
    };
    options.adopt_cluster = [this](std::string_view id) { return adopt_cluster(id); };
    options.connections = connections_.get();
    options.links = links_.get();
    options.admin = admin_.get();
    CHRONIK_TRY(options.files, files_->open_folder(set[i].id(), directory.string()));
    hosts_.push_back(std::make_unique<PluginHost>(*runtime_, health_, std::move(options)));
    CHRONIK_CHECK(instances_->create(i, hosts_.back()->core(), plan_.plugin(i).json));
    const uint64_t info =
        metrics_.define(CHR_METRIC_GAUGE, "chronik_plugin_info",
                        label("id", set[i].id()) + "," + label("version", set[i].manifest().version),
                        "Plugins that this node runs.");
    metrics_.set(info, 1);
  }
  return {};
}

// Starts, and where stop_all or a failed start asks for it stops, one plugin.
Status Server::await(size_t i, const Runtime::Call& call) {
  if (instances_->state(i) == Instances::State::kCreated) {
    logger_.debug(kComponent, "starting " + hosts_[i]->id());
    const Watchdog::Watch watch(watchdog_, hosts_[i]->id(), "starting");
    const Status status = runtime_->call(call, kStartPatience, is_stopping_);
    if (status) hosts_[i]->started();
    return status;
  }
  if (!stopping_) {
    deadline_ = steady_clock::now() + std::chrono::nanoseconds(plan_.config().drain_timeout_ns);
    stopping_ = true;
  }
  logger_.debug(kComponent, "stopping " + hosts_[i]->id());
  hosts_[i]->close_listeners();
  const auto left =
      std::max(deadline_ - steady_clock::now(), steady_clock::duration(std::chrono::milliseconds(100)));
  const Watchdog::Watch watch(watchdog_, hosts_[i]->id(), "stopping");
  const Status status = runtime_->call(call, left);
  if (!status) {
    unclean_ = true;
    logger_.error(kComponent, fmt::format("{} failed to stop: {}{}", hosts_[i]->id(), status.error().message,
                                          what_it_may_wait_for(i)));
  }
  hosts_[i]->close_connections();
  return status;
}

// A plugin often cannot stop because one below it owes it an answer.
std::string Server::what_it_may_wait_for(size_t i) const {
  std::string out;
  for (const std::string& service : plan_.set()[i].manifest().requires_) {
    if (const auto provider = plan_.set().provider(service))
      out += fmt::format("{}{} ({})", out.empty() ? "; it may wait for " : ", ", hosts_[*provider]->id(),
                         service);
  }
  return out;
}

Status Server::start_plugins() {
  return instances_->start_all([this](size_t i, const Runtime::Call& call) { return await(i, call); });
}

Status Server::start_http() {
  http_ = std::make_unique<HttpServer>(HttpOptions{.listen = plan_.config().http_listen}, logger_);
  add_standard_routes(*http_, metrics_, health_);
  add_plugins_route(*http_, plan_.set());
  admin_ = std::make_unique<AdminRoutes>(*runtime_, *http_);
  CHRONIK_TRY(const uint16_t port, http_->start());
  logger_.info(kComponent, "serving HTTP",
               Fields().add("listen", plan_.config().http_listen).add("port", port));
  return {};
}

Status Server::stop() {
  health_.set(kComponent, "stop", CHR_HEALTH_NOT_READY, "the node is stopping");
  deadline_ = steady_clock::now() + std::chrono::nanoseconds(plan_.config().drain_timeout_ns);
  stopping_ = true;
  Status status;
  if (instances_) {
    status = instances_->stop_all([this](size_t i, const Runtime::Call& call) { return await(i, call); });
  }
  // Where a plugin did not stop, its callbacks may still come: nothing of it is freed.
  if (status && unclean_) status = fail(Code::kFailed, "a plugin failed to stop after its start had failed");
  if (!status) return status;
  if (instances_) instances_->destroy_all();
  if (http_) http_->stop();
  if (links_) links_->stop();
  if (runtime_) runtime_->stop();
  tell_leaks();
  return {};
}

// A lease may have been handed on: whoever retained it last did not release it.
void Server::tell_leaks() {
  for (const auto& host : hosts_) {
    std::map<std::string, int64_t> kept;
    for (const void* code : host->retainers()) ++kept[plugin_at(code)];
    for (const auto& [who, buffers] : kept) {
      if (who.empty() || who == host->id()) {
        logger_.warn(kComponent,
                     fmt::format("Plugin misbehaviour: {} has stopped but {} of its buffers are still leased",
                                 host->id(), buffers));
      } else {
        logger_.warn(kComponent,
                     fmt::format("Plugin misbehaviour: {} has stopped but {} buffers of {}, which it "
                                 "was the last to retain, are still leased",
                                 who, buffers, host->id()));
      }
    }
  }
}

// The plugin that this code belongs to; empty: none of them.
std::string Server::plugin_at(const void* code) const {
  const std::string name = module_name(code);
  return plan_.set().find(name) ? name : std::string();
}

namespace {

// Whether it became ready before a signal came.
bool becomes_ready(Server& server, StopSignals& signals, steady_clock::time_point begin) {
  constexpr std::chrono::milliseconds kLook{10};
  constexpr double kPatience = 10;  // seconds, then it says what it waits for
  bool warned = false;
  while (!server.health().ready()) {
    if (signals.wait_for(kLook)) return false;
    if (warned || seconds_since(begin) < kPatience) continue;
    warned = true;
    server.logger().warn(kComponent, "not ready yet", Fields().add("readyz", server.health().ready_json()));
  }
  server.logger().info(kComponent, fmt::format("ready in {:.1f}s", seconds_since(begin)));
  return true;
}

}  // namespace

int run_node(const NodePlan& plan, const std::function<void()>& on_ready) {
  const auto begin = steady_clock::now();
  StopSignals signals;
  Server server(plan, [&] { return signals.requested(); });
  Logger& log = server.logger();
  if (const Status started = server.start(); !started) {
    const bool asked = started.error().code == Code::kCancelled && signals.requested();
    if (asked) {
      log.info(kComponent, "stopped by a signal: " + started.error().message);
    } else {
      log.error(kComponent, "start failed: " + started.error().message);
    }
    if (const Status stopped = server.stop(); !stopped) std::_Exit(1);
    return asked ? 0 : 1;
  }
  if (becomes_ready(server, signals, begin) && on_ready && !signals.requested()) on_ready();
  const int signal = signals.wait();
  log.info(kComponent,
           fmt::format("stopping on {}; a second signal stops at once", signal == 15 ? "SIGTERM" : "SIGINT"));
  const auto stop_begin = steady_clock::now();
  if (const Status stopped = server.stop(); !stopped) {
    log.error(kComponent, "the stop was not clean: " + stopped.error().message);
    std::_Exit(1);
  }
  log.info(kComponent, fmt::format("stopped in {:.1f}s", seconds_since(stop_begin)));
  return 0;
}

}  // namespace chronik::host
