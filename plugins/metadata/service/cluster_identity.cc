#include "metadata/service/cluster_identity.h"

#include <fmt/format.h>

#include <array>

#include "metadata/catalog/features.h"

namespace chronik::metadata {

Uuid new_uuid(const Host& host) {
  std::array<uint8_t, 16> random;
  host.random(random.data(), random.size());
  return Uuid::from_random(random);
}

void ClusterIdentity::name_cluster() {
  if (!replica_->leads() || proposed_ || !replica_->catalog().cluster_id().empty()) return;
  const Status proposed =
      replica_->propose(Command{{}, InitCluster{to_text(new_uuid(host_)), newest_levels()}},
                        [this](const Status&) { proposed_ = false; });
  proposed_ = proposed.has_value();
  if (!proposed) host_.warn("The cluster id could not be proposed: " + proposed.error().message);
}

void ClusterIdentity::adopt_cluster() {
  const std::string& cluster_id = replica_->catalog().cluster_id();
  if (cluster_id.empty() || cluster_id == bound_to_ || !adopting_.empty()) return;
  adopting_ = cluster_id;
  home_->blocking([this, cluster_id] {
    const Status adopted = host_.adopt_cluster(cluster_id);
    home_->post([this, cluster_id, adopted] { finish_adoption(cluster_id, adopted); });
  });
}

void ClusterIdentity::finish_adoption(const std::string& cluster_id, const Status& adopted) {
  adopting_.clear();
  if (adopted) {
    bound_to_ = cluster_id;
    host_.info("Cluster " + cluster_id);
    adopted_();
  } else if (adopted.error().code == Code::kFenced) {
    host_.fatal(fmt::format(
        "the data directory belongs to another cluster than {}, which __meta names: {}; start this "
        "node with the data directory of its cluster, or with an empty one",
        cluster_id, adopted.error().message));
  } else {
    host_.fatal(fmt::format("the data directory cannot be bound to cluster {}: {}", cluster_id,
                            adopted.error().message));
  }
}

}  // namespace chronik::metadata
