#include "metadata/service/views.h"

#include <algorithm>

namespace chronik::metadata {

Views::Views(Host host, HomeShard* home) : host_(host), home_(home) {}

namespace {

// Whether images show a space as it was. A change gives it another object, and so does a snapshot.
bool is_same(const Image* before, const Image& now, const std::string& space) {
  if (before == nullptr) return false;
  if (before->records == now.records) return true;
  const auto old_space = before->records->find(space);
  const auto new_space = now.records->find(space);
  const bool had = old_space != before->records->end();
  if (had != (new_space != now.records->end())) return false;
  return !had || old_space->second == new_space->second;
}

}  // namespace

void Views::publish(ImageRef image) {
  {
    const std::lock_guard lock(mutex_);
    std::swap(current_, image);
    for (const auto& watcher : watchers_)
      if (watcher->space && !is_same(image.get(), *current_, *watcher->space)) tell_watcher(watcher);
  }
  notify();
}

ImageRef Views::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

void Views::notify() {
  const std::lock_guard lock(mutex_);
  for (const auto& watcher : watchers_)
    if (!watcher->space) tell_watcher(watcher);
}

void Views::tell_watcher(const std::shared_ptr<Watcher>& watcher) {
  if (watcher->call_is_posted.exchange(true)) return;
  home_->post_to(watcher->shard, [watcher] {
    watcher->call_is_posted = false;  // before it looks: what changes from now on is told again
    if (watcher->active) watcher->fn(watcher->context);
  });
}

void Views::watch(chr_catalog_fn fn, void* context, std::optional<std::string> space) {
  auto watcher = std::make_shared<Watcher>();
  watcher->fn = fn;
  watcher->context = context;
  watcher->space = std::move(space);
  watcher->shard = static_cast<uint32_t>(std::max(0, host_.current_shard()));
  const std::lock_guard lock(mutex_);
  watchers_.push_back(watcher);
  tell_watcher(watcher);
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
