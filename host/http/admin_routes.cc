#include "host/http/admin_routes.h"

#include "host/runtime/buffer_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace chronik::host {
namespace {

constexpr std::string_view kPrefix = "/v1/";
constexpr size_t kMaxPath = 256;
constexpr std::string_view kStopping = "this node is stopping; ask another one";

bool is_plain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace

Status AdminRoutes::add_route(const void* owner, std::string_view plugin, std::string_view path,
                              chr_admin_fn fn, void* context) {
  const bool good = path.starts_with(kPrefix) && path.size() > kPrefix.size() && path.back() != '/' &&
                    path.size() <= kMaxPath && is_plain(path) && path.find('?') == std::string_view::npos;
  if (!good || fn == nullptr) {
    return fail(Code::kInvalidArgument,
                fmt::format("\"{:.80}\" is no path for a route: it is like /v1/name, of at most {} bytes",
                            path, kMaxPath));
  }
  const auto shard = static_cast<uint32_t>(runtime_.current_shard());
  auto route = std::make_shared<Route>(Route{owner, std::string(path), shard, fn, context});
  CHRONIK_CHECK(http_.mount(
      std::string(path), fmt::format("answered by the plugin {}", plugin),
      [this, route](uint64_t id, HttpRequest request) { take_request(route, id, std::move(request)); }));
  const std::lock_guard lock(mutex_);
  routes_.push_back(std::move(route));
  return {};
}

void AdminRoutes::take_request(const std::shared_ptr<Route>& route, uint64_t id, HttpRequest request) {
  runtime_.post(route->shard, [this, route, id, request = std::move(request)] {
    if (!route->open) return http_.respond(id, http_error(503, kStopping));
    call_route(*route, id, request);
  });
}

void AdminRoutes::call_route(const Route& route, uint64_t id, const HttpRequest& request) {
  chr_admin_request asked{};
  asked.struct_size = sizeof asked;
  asked.method = to_abi(request.method);
  asked.path = to_abi(request.path);
  asked.query = to_abi(request.query);
  if (!request.body.empty()) {
    Buffer* const buffer = runtime_.buffers().alloc(request.body.size());
    if (buffer == nullptr)
      return http_.respond(id, http_error(503, "this node is out of memory; ask again later"));
    std::memcpy(buffer->bytes(), request.body.data(), request.body.size());
    asked.body = {buffer->bytes(), request.body.size(), buffer->lease()};
  }
  const Lease lease = Lease::adopt(asked.body.lease);
  route.fn(route.context, id, &asked);
}

void AdminRoutes::respond(uint64_t request, int32_t status, std::string_view content_type,
                          std::string_view body) {
  if (status < 200 || status > 599)
    return http_.respond(request,
                         http_error(500, fmt::format("a plugin answered with the status {}", status)));
  const bool plain = std::ranges::all_of(content_type, [](char c) { return c >= ' ' && c <= '~'; });
  http_.respond(request, {static_cast<unsigned>(status),
                          std::string(plain ? content_type : "application/octet-stream"), std::string(body)});
}

void AdminRoutes::close(const void* owner) {
  std::vector<std::shared_ptr<Route>> closing;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& route : routes_)
      if (route->owner == owner) closing.push_back(route);
    std::erase_if(routes_, [owner](const auto& route) { return route->owner == owner; });
  }
  for (const auto& route : closing) {
    http_.unmount(route->path);
    if (runtime_.is_running()) runtime_.run_on(route->shard, [&] { route->open = false; });
  }
}

}  // namespace chronik::host
