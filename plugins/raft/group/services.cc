#include "raft/group/services.h"

#include <algorithm>

namespace chronik::raft {

void Watchers::add(chr_role_fn fn, void* context) {
  auto watcher = std::make_shared<Watcher>();
  watcher->fn = fn;
  watcher->context = context;
  const std::lock_guard lock(mutex_);
  watchers_.push_back(std::move(watcher));
}

void Watchers::remove(chr_role_fn fn, void* context) {
  std::shared_ptr<Watcher> found;
  {
    const std::lock_guard lock(mutex_);
    const auto at = std::find_if(watchers_.begin(), watchers_.end(), [&](const auto& watcher) {
      return watcher->fn == fn && watcher->context == context;
    });
    if (at == watchers_.end()) return;
    found = *at;
    watchers_.erase(at);
  }
  const std::lock_guard lock(found->running);  // waits for a callback that runs just now
  found->active = false;
}

void Watchers::tell_all(const chr_group_id& id, const chr_role& role, bool usable) const {
  std::vector<std::shared_ptr<Watcher>> all;
  {
    const std::lock_guard lock(mutex_);
    all = watchers_;
  }
  for (const auto& watcher : all) call(watcher.get(), id, role, usable);
}

void Watchers::tell_one(chr_role_fn fn, void* context, const chr_group_id& id, const chr_role& role,
                        bool usable) const {
  std::shared_ptr<Watcher> found;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& watcher : watchers_)
      if (watcher->fn == fn && watcher->context == context) found = watcher;
  }
  if (found) call(found.get(), id, role, usable);
}

void Watchers::call(Watcher* watcher, const chr_group_id& id, const chr_role& role, bool usable) {
  const std::lock_guard lock(watcher->running);
  if (watcher->active) watcher->fn(watcher->context, &id, &role, usable ? 1 : 0);
}

}  // namespace chronik::raft
