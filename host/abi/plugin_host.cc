#include "host/abi/plugin_host.h"

#include "host/abi/plugin_services.h"
#include "host/http/admin_routes.h"
#include "host/link/links.h"
#include "host/net/connection.h"
#include "host/net/connections.h"
#include "host/net/listener.h"
#include "host/observe/health.h"
#include "host/observe/logger.h"
#include "host/runtime/buffer_pool.h"

namespace chronik::host {

PluginHost::PluginHost(Runtime& runtime, Health& health, PluginHostOptions options)
    : runtime_(runtime),
      health_(health),
      options_(std::move(options)),
      core_(PluginServices::core(this, options_.abi_minor)),
      buffer_owner_(runtime.buffers().add_owner()) {
  const NodeIdentity& node = options_.node;
  for (const NodeIdentity::Peer& peer : node.peers) peers_.push_back({peer.id, 0, to_abi(peer.address)});
  node_.struct_size = sizeof node_;
  node_.id = node.id;
  node_.directory = to_abi(node.directory);
  node_.peers = peers_.data();
  node_.n_peers = static_cast<uint32_t>(peers_.size());
  node_.new_node = node.new_node ? 1 : 0;
  node_.incarnation = node.incarnation;
  node_.rack = to_abi(node.rack);
  health_.set(id(), "start", CHR_HEALTH_NOT_READY, "not started yet");
}

PluginHost::~PluginHost() { health_.forget(id()); }

void PluginHost::started() { health_.set(id(), "start", CHR_HEALTH_READY); }

Result<uint16_t> PluginHost::listen(std::string_view address, const chr_protocol_v1* protocol,
                                    void* instance) {
  if (options_.connections == nullptr) return fail(Code::kUnsupported, "this host serves no connections");
  auto target = std::make_shared<ListenTarget>();
  target->owner = this;
  target->plugin = id();
  target->protocol = protocol;
  target->instance = instance;
  CHRONIK_TRY(auto listener, Listener::open(*options_.connections, address, id(), std::move(target)));
  const uint16_t port = listener->port();
  listeners_.push_back(std::move(listener));
  return port;
}

void PluginHost::close_listeners() {
  if (options_.admin != nullptr) options_.admin->close(this);
  for (const auto& listener : listeners_) listener->close();
}

void PluginHost::close_connections() {
  if (options_.links != nullptr) options_.links->close_channels(this);
  for (const auto& listener : listeners_) listener->refuse_late();
  if (!listeners_.empty()) options_.connections->close_all(this);
}

std::vector<const void*> PluginHost::retainers() const { return runtime_.buffers().retainers(buffer_owner_); }

int64_t PluginHost::live_buffers() const { return runtime_.buffers().live(buffer_owner_); }

}  // namespace chronik::host
