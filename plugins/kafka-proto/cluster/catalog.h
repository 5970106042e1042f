// Catalog: an image of the catalog of metadata, held for as long as this lives.
#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "kafka-proto/cluster/services.h"

namespace chronik::kafka {

// The level of chronik.version that brought records, and frames of InSync.
inline constexpr int16_t kRecordsLevel = 2;

class Catalog {
 public:
  explicit Catalog(const Services& services)
      : features_(services.features),
        records_(services.records),
        topic_changes_(services.topic_changes),
        controller_(services.metadata.controller()),
        image_(services.metadata.catalog()) {}
  Catalog(const Catalog&) = delete;
  Catalog& operator=(const Catalog&) = delete;

  uint64_t version() const { return image_.version(); }
  std::string_view cluster_id() const { return image_.cluster_id(); }
  // -1: none is known, and what is not in the catalog may exist. As of before the image.
  int32_t controller() const { return controller_; }
  uint32_t topic_count() const { return image_.topics(); }
  // Empty: there is none.
  std::optional<chr_topic> topic_at(uint32_t i) const;
  std::optional<chr_topic> topic(std::string_view name) const;
  std::optional<chr_topic> topic(const chr_uuid& id) const;
  std::optional<chr_partition> partition(const chr_topic& topic, int32_t partition) const;
  std::vector<std::pair<std::string_view, std::string_view>> configs(const chr_topic& topic) const;
  std::vector<chr_broker> brokers() const;
  uint32_t broker_count() const { return image_.brokers(); }
  // Whether metadata tells what became of topics since an older image, leaders aside.
  using TopicChanged = std::function<void(const chr_topic_change& change)>;
  bool tells_changes() const { return topic_changes_.table != nullptr; }
  void each_change_since(const Catalog& before, const TopicChanged& changed) const;
  // What this node knows of each feature, and what is finalized.
  std::vector<chr_feature> features() const;
  // The level of the feature chronik.version that the cluster agreed to write.
  int16_t level() const;
  // Keys that begin with the prefix, and their values.
  std::vector<std::pair<std::string_view, std::string_view>> records(std::string_view space,
                                                                     std::string_view prefix) const;
  // The value of this key. Empty: there is none.
  std::optional<std::string_view> record(std::string_view space, std::string_view key) const;
  // Keys from this one on, at most so many, and their values.
  std::vector<std::pair<std::string_view, std::string_view>> records_from(std::string_view space,
                                                                          std::string_view key,
                                                                          size_t max) const;

 private:
  std::optional<chr_record> seek(std::string_view space, std::string_view key) const;

  Service<chr_features_v1> features_;
  Service<chr_records_v1> records_;
  Service<chr_topic_changes_v1> topic_changes_;
  int32_t controller_;
  CatalogImage image_;
};

}  // namespace chronik::kafka
