#include "service/views.h"

#include <algorithm>

namespace chronik::metadata {

Views::Views(Host host, Home* home) : host_(host), home_(home) {}

void Views::publish(ImageRef image) {
  {
    const std::lock_guard lock(mutex_);
    std::swap(current_, image);
  }
  notify();
}

ImageRef Views::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

void Views::notify() {
  const std::lock_guard lock(mutex_);
  for (const auto& watcher : watchers_) tell(watcher);
}

void Views::tell(const std::shared_ptr<Watcher>& watcher) {
  if (watcher->told.exchange(true)) return;
  home_->post_to(watcher->shard, [watcher] {
    watcher->told = false;  // before it looks: what changes from now on is told again
    if (watcher->active) watcher->fn(watcher->context);
  });
}

void Views::watch(chr_catalog_fn fn, void* context) {
  auto watcher = std::make_shared<Watcher>();
  watcher->fn = fn;
  watcher->context = context;
  watcher->shard = static_cast<uint32_t>(std::max(0, host_.current_shard()));
  const std::lock_guard lock(mutex_);
  watchers_.push_back(watcher);
  tell(watcher);
}

void Views::unwatch(chr_catalog_fn fn, void* context) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(watchers_.begin(), watchers_.end(), [&](const auto& watcher) {
    return watcher->fn == fn && watcher->context == context;
  });
  if (found == watchers_.end()) return;
  (*found)->active = false;
  watchers_.erase(found);
}

}  // namespace chronik::metadata
