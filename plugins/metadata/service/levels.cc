#include "service/levels.h"

#include <utility>

#include "catalog/features.h"

namespace chronik::metadata {

Levels::Levels(Host host, Peers* peers) : host_(host), peers_(peers) {
  std::vector<ToldRange>& own = known_[host_.node().id];
  for (const FeatureRange& feature : known_features())
    own.push_back({std::string(feature.name), feature.min, feature.max});
}

void Levels::link_changed(int32_t peer, bool up) {
  if (up) return tell(peer, false);
  known_.erase(peer);
  untold_.erase(peer);
}

void Levels::tell(int32_t peer, bool answer) {
  if (!peers_->send(peer, FeaturesFrame{known_.at(host_.node().id), answer})) untold_.insert(peer);
}

void Levels::told(int32_t from, const FeaturesFrame& frame) {
  if (from == host_.node().id) return;
  known_[from] = frame.features;
  if (!frame.answer) tell(from, true);
}

void Levels::tell_again() {
  for (const int32_t peer : std::exchange(untold_, {})) tell(peer, false);
}

}  // namespace chronik::metadata
