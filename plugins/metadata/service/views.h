// Views: the newest image of the catalog, for any thread,
// and the watchers that are told when it or a leader changes.
#pragma once

#include <chronik/metadata.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "metadata/model/image.h"
#include "metadata/service/home_shard.h"

namespace chronik::metadata {

class Views {
 public:
  Views(Host host, HomeShard* home);

  // On the home shard.
  void publish(ImageRef image);
  void set_controller(int32_t node) { controller_.store(node, std::memory_order_relaxed); }
  // [any]
  ImageRef current() const;
  // [any] The leader of __meta, as clients are told; -1: none is known, or what it has to say is not.
  int32_t controller() const { return controller_.load(std::memory_order_relaxed); }
  // [any] Watchers are told on their shards, once for any number of changes that they have not looked at.
  void notify();

  // [shard] of the watcher.
  void watch(chr_catalog_fn fn, void* context) { watch(fn, context, std::nullopt); }
  // The watcher is told of changes of one space of records only.
  void watch(chr_catalog_fn fn, void* context, std::optional<std::string> space);
  void unwatch(chr_catalog_fn fn, void* context);

 private:
  struct Watcher {
    chr_catalog_fn fn;
    void* context;
    uint32_t shard;
    std::optional<std::string> space;
    bool active = true;  // its shard's
    std::atomic<bool> call_is_posted = false;
  };
  void tell_watcher(const std::shared_ptr<Watcher>& watcher);

  const Host host_;
  HomeShard* const home_;
  mutable std::mutex mutex_;
  ImageRef current_;
  std::atomic<int32_t> controller_{-1};
  std::vector<std::shared_ptr<Watcher>> watchers_;
};

}  // namespace chronik::metadata
