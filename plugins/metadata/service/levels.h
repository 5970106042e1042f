// Levels: which feature levels the nodes know. Each tells each other one when their link comes up, and is
// answered, since the other end may not have listened yet when it told. What a node said counts until the
// link goes: it may come back as another build. Nodes of before levels drop what they are told, with a line
// in their log, and say nothing. Home shard only.
#pragma once

#include <map>

#include "metadata/catalog/rules.h"
#include "metadata/service/peers.h"

namespace chronik::metadata {

class Levels {
 public:
  Levels(Host host, Peers* peers);
  Levels(const Levels&) = delete;
  Levels& operator=(const Levels&) = delete;

  void link_changed(int32_t peer, bool up);
  void receive_frame(int32_t from, const FeaturesFrame& frame);
  // Every now and then, less and less often: tells those that said nothing, since frames may be lost.
  void tell_again();
  // This node, and those that said what they know.
  const std::map<int32_t, std::vector<ToldRange>>& known() const { return known_; }

 private:
  void tell_features(int32_t peer, bool answer);

  const Host host_;
  Peers* const peers_;
  std::map<int32_t, std::vector<ToldRange>> known_;
  std::map<int32_t, uint32_t> silent_;  // linked, and said nothing yet: how often it was to be told again
};

}  // namespace chronik::metadata
