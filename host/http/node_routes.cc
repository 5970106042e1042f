#include "host/http/node_routes.h"

#include "host/http/http_server.h"
#include "host/loader/plugin_set.h"
#include "host/observe/health.h"
#include "host/observe/json.h"
#include "host/observe/metrics.h"

#include <fmt/format.h>

#include <string>
#include <vector>

namespace chronik::host {
namespace {

std::string plugins_json(const PluginSet& set) {
  std::string out = "{\"plugins\":[";
  for (size_t i = 0; i < set.size(); ++i) {
    const Manifest& m = set[i].manifest();
    std::string provides;
    for (const std::string& service : m.provides)
      provides += (provides.empty() ? "" : ",") + json_text(service);
    out += fmt::format("{}{{\"id\":{},\"version\":{},\"table\":{},\"provides\":[{}]}}", i == 0 ? "" : ",",
                       json_text(m.id), json_text(m.version), json_text(m.config), provides);
  }
  return out + "]}\n";
}

}  // namespace

void add_standard_routes(HttpServer& server, Metrics& metrics, const Health& health) {
  server.route("/metrics", "metrics as Prometheus text", [&metrics](std::string_view) {
    return HttpResponse{200, "text/plain; version=0.0.4; charset=utf-8", metrics.expose()};
  });
  server.route("/livez", "200 while every event loop turns", [&health](std::string_view) {
    const std::vector<std::string> deaths = health.deaths();
    if (deaths.empty()) return HttpResponse{200, "text/plain; charset=utf-8", "ok\n"};
    HttpResponse response{503, "text/plain; charset=utf-8", {}};
    for (const std::string& death : deaths) response.body += death + "\n";
    return response;
  });
  server.route("/readyz", "200 when this node can serve, else 503 and the reasons",
               [&health](std::string_view) {
                 return HttpResponse{health.ready() ? 200u : 503u, "application/json", health.ready_json()};
               });
  server.route("/v1", "this list", [&server](std::string_view) {
    return HttpResponse{200, "application/json", server.routes_json()};
  });
}

void add_plugins_route(HttpServer& server, const PluginSet& set) {
  server.route("/v1/plugins", "The plugins that this node runs.",
               [plugins = plugins_json(set)](std::string_view) {
                 return HttpResponse{.status = 200, .content_type = "application/json", .body = plugins};
               });
}

}  // namespace chronik::host
