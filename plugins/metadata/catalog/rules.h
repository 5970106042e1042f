// What a change must satisfy, checked on the leader before it proposes and again when the command is applied,
// since another one may have come first.
#pragma once

#include <set>

#include "metadata/catalog/catalog.h"

namespace chronik::metadata {

// What the leader knows of nodes beside the catalog when it completes a request.
struct ClusterView {
  std::set<int32_t> live;      // itself and those whose link is up; empty: nothing is known, all are
  std::set<int32_t> expected;  // those that are configured, of which some may not be in the catalog yet
  std::set<int32_t> voters{};  // of __meta
  // The feature levels that this node and those that are linked have said they know.
  std::map<int32_t, std::vector<ToldRange>> features{};
};

// Kafka's rule for topic names.
Verdict check_name(std::string_view name);
// A topic whose replicas are placed. A topic that exists under the same id passes: it is a second attempt.
Verdict check(const Catalog& catalog, const NewTopic& item);
Verdict check(const Catalog& catalog, const MorePartitions& item);
Verdict check(const Catalog& catalog, const Reassignment& item);
Verdict check(const Catalog& catalog, const FinishedReassignment& item);
Verdict check(const Catalog& catalog, const NodeChange& item);
Verdict check(const Catalog& catalog, const AlteredConfigs& item);
Verdict check(const Catalog& catalog, const RecordChange& item);
// How many configs there may be, and how long they are.
Verdict check_configs(const Configs& configs);

// Completes a request on the leader: gives each item its verdict, finds ids, places replicas where the caller
// did not. UNAVAILABLE: nodes that the item needs are expected, and did not register yet.
void resolve(const Catalog& catalog, const ClusterView& view, Body* body);

// Whether any item passed; true for bodies without items.
bool any_accepted(const Body& body);
// Whether any item is UNAVAILABLE as of now.
bool any_early(const Body& body);
// The verdicts as results, for a request that is not proposed.
std::vector<ItemResult> verdicts(const Body& body);

}  // namespace chronik::metadata
