// AdminRoutes: the HTTP routes that plugins bring, behind chronik.host.admin/1.
// The promises stand in chronik/draft/admin.h.
#pragma once

#include <chronik/draft/admin.h>

#include "host/http/http_server.h"
#include "host/runtime/runtime.h"

#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

namespace chronik::host {

// Thread-safe unless a function says otherwise. Runtime and http outlive it.
class AdminRoutes {
 public:
  AdminRoutes(Runtime& runtime, HttpServer& http) : runtime_(runtime), http_(http) {}
  AdminRoutes(const AdminRoutes&) = delete;
  AdminRoutes& operator=(const AdminRoutes&) = delete;

  // On the shard that fn shall run on. `plugin` says whose route it is, in the list of routes.
  Status add_route(const void* owner, std::string_view plugin, std::string_view path, chr_admin_fn fn,
                   void* context);
  void respond(uint64_t request, int32_t status, std::string_view content_type, std::string_view body);
  // Control thread: no fn of this owner is called once it returns. The runtime is running.
  void close(const void* owner);

 private:
  struct Route {
    const void* owner;
    std::string path;
    uint32_t shard;
    chr_admin_fn fn;
    void* context;
    bool open = true;  // its shard only
  };
  void take_request(const std::shared_ptr<Route>& route, uint64_t id, HttpRequest request);
  void call_route(const Route& route, uint64_t id, const HttpRequest& request);

  Runtime& runtime_;
  HttpServer& http_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<Route>> routes_;
};

}  // namespace chronik::host
