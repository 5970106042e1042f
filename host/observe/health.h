// Health: whether this node is ready (its parts say so) and alive (its loops turn).
#pragma once

#include <chronik/host_services.h>

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chronik::host {

// Thread-safe.
class Health {
 public:
  // Returns why something does not live, or nothing. Called from the HTTP thread.
  using Probe = std::function<std::optional<std::string>()>;

  // State (CHR_HEALTH_*) of one part of a component, with the reason in words.
  void set(std::string_view component, std::string_view part, int32_t state, std::string_view reason = {});
  void forget(std::string_view component);
  void add_probe(Probe probe);

  // Nothing is NOT_READY.
  bool ready() const;
  // {"ready":false,"reasons":[{"component":"raft","part":"start","state":"not_ready","reason":"..."}]}:
  // what is not READY.
  std::string ready_json() const;
  // What does not live; empty when all is well.
  std::vector<std::string> deaths() const;

 private:
  struct State {
    int32_t state;
    std::string reason;
  };
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, State> states_;
  std::vector<Probe> probes_;
};

}  // namespace chronik::host
