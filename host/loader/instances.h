// The instances of one node's plugins, from create to destroy. The owner (a server's app, or the simulator
// once per node) supplies a chr_host_v1 for each instance and decides when each step happens and how
// completions arrive; this class keeps the order honest and the plugin's failures contained: an exception
// that escapes becomes an error.
//
// All functions are for the control thread, except acquire(), which may be called from a plugin's start().
#pragma once

#include "host/loader/plugin_set.h"

#include <functional>

namespace chronik::host {

class Instances {
 public:
  enum class State { kNone, kCreated, kStarting, kRunning, kStopping, kStopped, kDestroyed };

  // set is loaded and outlives this object.
  explicit Instances(const PluginSet& set);
  // Instances that still exist are abandoned, not destroyed:
  // only the owner knows when no callback can follow.
  ~Instances() = default;
  Instances(const Instances&) = delete;
  Instances& operator=(const Instances&) = delete;

  size_t size() const { return set_.size(); }
  const PluginSet& set() const { return set_; }
  State state(size_t i) const { return entries_[i].state; }

  // ---- single steps, for an owner that drives time itself ----

  // host lives until destroy(i). json is the plugin's table in canonical form.
  Status create(size_t i, const chr_host_v1* host, std::string_view json);
  // The status of the plugin's start or stop; CHR_PENDING: the owner calls started(i) or stopped(i) when the
  // token was completed. Any other status than CHR_PENDING has done that already.
  chr_status start(size_t i, uint64_t token, chr_error* error);
  void started(size_t i, chr_status status);
  chr_status stop(size_t i, uint64_t token, chr_error* error);
  void stopped(size_t i);
  void destroy(size_t i);

  // chr_host_v1.acquire for plugin i: the table of a service that i's manifest requires or has as optional,
  // with its name or without, from an instance that runs; nullptr otherwise.
  const void* acquire(size_t i, std::string_view service, void** instance);
  // A service for the owner itself, who needs no manifest.
  const void* find_service(std::string_view service, void** instance);
  // The same of an instance that exists, started or not.
  const void* service_at(size_t i, std::string_view service, void** instance) const;
  // Whether the tables of all that plugin i provides are what they should be; start_all() looks too.
  enum class Missing { kAllowed, kRefused };
  Status check_services(size_t i, Missing missing) const;

  // ---- everything at once, for an owner that can wait ----

  // Makes the call with a fresh token of instance i; where it is pending, waits for the completion. Returns
  // how it ended.
  using Await =
      std::function<Status(size_t i, const std::function<chr_status(uint64_t token, chr_error*)>& call)>;

  // Starts in order. At the first failure stops what runs, the failed one included, and returns that failure,
  // with the plugin's id in its message.
  Status start_all(const Await& await);
  // Stops what runs in reverse order; goes on after a failure and returns the first one.
  Status stop_all(const Await& await);
  // Destroys in reverse order what exists.
  void destroy_all();

 private:
  struct Entry {
    chr_plugin* instance = nullptr;
    State state = State::kNone;
  };

  const void* service_of(size_t provider, std::string_view service, void** instance);
  const void* table_of(size_t provider, std::string_view service, void** instance) const;

  const PluginSet& set_;
  std::vector<Entry> entries_;
};

}  // namespace chronik::host
