// CatalogMetrics: what operators see of the catalog's size, and of catalogs that differ.
#pragma once

#include <chronik/host.hpp>

#include "metadata/catalog/catalog.h"

namespace chronik::metadata {

class CatalogMetrics {
 public:
  explicit CatalogMetrics(Host host)
      : host_(host),
        topics_(host.gauge("chronik_metadata_topics", "Topics in the catalog.")),
        partitions_(host.gauge("chronik_metadata_partitions", "Partitions in the catalog.")),
        nodes_(host.gauge("chronik_metadata_nodes", "Nodes in the catalog.")),
        mismatches_(host.counter("chronik_meta_digest_mismatch_total",
                                 "Nodes whose catalog differed from this one at the same entry.")) {}

  void show_size(const Catalog& catalog) const {
    host_.set(topics_, static_cast<double>(catalog.topics().size()));
    host_.set(partitions_, static_cast<double>(catalog.topics().partitions()));
    host_.set(nodes_, static_cast<double>(catalog.nodes().size()));
  }
  void count_mismatch() const { host_.add(mismatches_); }

 private:
  const Host host_;
  const uint64_t topics_, partitions_, nodes_, mismatches_;
};

}  // namespace chronik::metadata
