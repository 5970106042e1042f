// CoordinatorLink: a connection to whoever coordinates a group, looked for again when that is over.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/groups/connection.h"

namespace chronik::bench {

class CoordinatorLink {
 public:
  static constexpr milliseconds kRetry{20};

  CoordinatorLink(Loop& loop, std::vector<Address> bootstrap, std::string group)
      : loop_(loop), bootstrap_(std::move(bootstrap)), group_(std::move(group)) {}
  ~CoordinatorLink() { close(); }
  CoordinatorLink(const CoordinatorLink&) = delete;
  CoordinatorLink& operator=(const CoordinatorLink&) = delete;

  // found() when connected, perhaps at once; asks one broker after the other until then.
  void find(std::function<void()> found);
  // done(null): there is no connection, or it has ended.
  template <class Api>
  void call(int16_t version, const typename Api::Request& request,
            std::function<void(const typename Api::Response*)> done) {
    if (!is_connected()) return done(nullptr);
    connection_->call<Api>(version, request, [alive = alive_, done = std::move(done)](const auto* answer) {
      if (*alive) done(answer);
    });
  }
  bool is_connected() const { return connection_ != nullptr && connection_->is_open(); }
  // The node's id.
  int node() const { return node_; }
  // It is not the coordinator any more.
  void lose();
  // Calls nobody from now on.
  void close();

 private:
  void ask();
  void ask_later();
  void take(const Address& address, int node);

  Loop& loop_;
  const std::vector<Address> bootstrap_;
  const std::string group_;
  size_t next_ = 0;  // of bootstrap_
  bool is_lost_ = false;
  int node_ = -1;
  Address address_;  // of connection_
  std::shared_ptr<Connection> connection_;
  std::vector<std::function<void()>> found_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// Whether the coordinator is to be looked for again, or asked again.
bool is_coordinator_gone(kafka::ErrorCode error);

}  // namespace chronik::bench
