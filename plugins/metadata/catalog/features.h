// Feature levels: which forms a build knows, and up to which one the cluster agreed to write. A new form, on
// disk or between nodes, is written only where the level that brought it is finalized; until then builds of
// before still read everything. Finalized levels are records of the space kFeatures: name -> level.
#pragma once

#include <span>

#include "metadata/catalog/rules.h"

namespace chronik::metadata {

// Our own feature. Level 1 is what there was before levels: commands and frames up to version 3, snapshots of
// format 2. Level 2 has version 4 (feature levels, records) and format 3. Level 3 changes nothing here: snapshots
// of partitions have sections from it on.
inline constexpr std::string_view kOwnFeature = "chronik.version";
inline constexpr int16_t kRecordsLevel = 2;
inline constexpr std::string_view kFeatures = "chronik.features";

// All that this build knows, by name. Where no level was finalized the lowest counts.
std::span<const FeatureRange> known_features();
// The newest level of each, with which a cluster is formed.
std::vector<FeatureLevel> newest_levels();

// The finalized level of a feature that this build knows.
int16_t finalized_level(const Records::Spaces& spaces, std::string_view feature);
// Empty, or which finalized level this build does not know; it cannot run there.
std::string unknown_level(const Records::Spaces& spaces);

// Gives each item its verdict. All are done or none: where one is refused, the others are CONFLICT.
void resolve_features(const Catalog& catalog, const ClusterView& view, UpdateFeatures* body);

}  // namespace chronik::metadata
