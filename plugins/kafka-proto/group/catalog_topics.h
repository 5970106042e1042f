// CatalogTopics: an image of the catalog as consumer groups look at topics. Immutable; any shard.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka-proto/cluster/catalog.h"
#include "kafka-proto/group/core/topic_view.h"

namespace chronik::kafka {

class CatalogTopics final : public group::TopicView {
 public:
  explicit CatalogTopics(const Services& services);

  std::optional<Topic> find(std::string_view name) const override;
  std::string_view name_of(const chr_uuid& id) const override;
  // That of the catalog, which is the same on each node.
  int64_t version() const override { return static_cast<int64_t>(catalog_.version()); }
  void each_name(const std::function<void(std::string_view)>& fn) const override;
  std::vector<std::string> racks(const chr_uuid& id, int32_t partition) const override;

  // Whether a group that knows this one has to look at its topics again. Leaders and configs are nothing to it, and
  // where replicas are only where nodes have racks.
  bool differs_from(const Catalog& now) const;

 private:
  using Racks = std::map<int32_t, std::string>;

  static Racks racks_of_nodes(const Catalog& catalog);
  int64_t racks_hash(const chr_topic& topic) const;
  std::vector<std::string> racks(const chr_topic& topic, int32_t partition) const;

  const Catalog catalog_;
  const Racks racks_;  // of the nodes that have one
};

}  // namespace chronik::kafka
