// ClusterIdentity: the cluster's id, from the proposal of the first leader of __meta to the data directory of
// this node. Home shard only.
//
//   state    | catalog has an id | next
//   unnamed  | no                | name_cluster() on the leader proposes one, with the newest levels
//   named    | yes               | adopt_cluster() binds the data directory to it, on a blocking thread
//   adopted  | yes               | nothing; where the directory belongs to another cluster, the node ends
#pragma once

#include <chronik/host.hpp>
#include <functional>
#include <string>

#include "metadata/service/home_shard.h"
#include "metadata/service/replica.h"

namespace chronik::metadata {

// A new random one.
Uuid new_uuid(const Host& host);

class ClusterIdentity {
 public:
  // adopted: the data directory is bound.
  ClusterIdentity(Host host, HomeShard* home, Replica* replica, std::function<void()> adopted)
      : host_(host), home_(home), replica_(replica), adopted_(std::move(adopted)) {}
  ClusterIdentity(const ClusterIdentity&) = delete;
  ClusterIdentity& operator=(const ClusterIdentity&) = delete;

  void name_cluster();
  void adopt_cluster();
  bool is_adopted() const { return !bound_to_.empty(); }

 private:
  void finish_adoption(const std::string& cluster_id, const Status& adopted);

  const Host host_;
  HomeShard* const home_;
  Replica* const replica_;
  const std::function<void()> adopted_;
  std::string bound_to_;   // the cluster of this node's data directory, once that is known
  std::string adopting_;   // what the blocking thread works on
  bool proposed_ = false;  // an id is on its way
};

}  // namespace chronik::metadata
