// The routes that a node answers itself; those of plugins are in admin_routes.h.
#pragma once

namespace chronik::host {

class Health;
class HttpServer;
class Metrics;
class PluginSet;

// /metrics, /livez, /readyz and /v1 (the list of routes). Metrics and health outlive the server.
void add_standard_routes(HttpServer& server, Metrics& metrics, const Health& health);
// /v1/plugins.
void add_plugins_route(HttpServer& server, const PluginSet& set);

}  // namespace chronik::host
