#include "metadata/service/levels.h"

#include <bit>

#include "metadata/catalog/features.h"

namespace chronik::metadata {

Levels::Levels(Host host, Peers* peers) : host_(host), peers_(peers) {
  std::vector<ToldRange>& own = known_[host_.node().id];
  for (const FeatureRange& feature : known_features())
    own.push_back({std::string(feature.name), feature.min, feature.max});
}

void Levels::link_changed(int32_t peer, bool up) {
  if (!up) {
    known_.erase(peer);
    silent_.erase(peer);
    return;
  }
  if (!known_.contains(peer)) silent_.try_emplace(peer, 0);
  tell_features(peer, false);
}

void Levels::tell_features(int32_t peer, bool answer) {
  peers_->tell(peer, FeaturesFrame{known_.at(host_.node().id), answer});
}

void Levels::receive_frame(int32_t from, const FeaturesFrame& frame) {
  if (from == host_.node().id) return;
  known_[from] = frame.features;
  silent_.erase(from);
  if (!frame.answer) tell_features(from, true);
}

void Levels::tell_again() {
  for (auto& [peer, times] : silent_)
    if (std::has_single_bit(++times)) tell_features(peer, false);
}

}  // namespace chronik::metadata
