// What a change must satisfy, checked on the leader before it proposes and again when the command is applied,
// since another one may have come first.
#pragma once

#include "catalog/catalog.h"

namespace chronik::metadata {

// Kafka's rule for topic names.
Verdict check_name(std::string_view name);
// A topic whose replicas are placed. A topic that exists under the same id passes: it is a second attempt.
Verdict check(const Catalog& catalog, const NewTopic& item);
Verdict check(const Catalog& catalog, const MorePartitions& item);

// Completes a request on the leader: gives each item its verdict, finds ids, places replicas where the caller
// did not.
void resolve(const Catalog& catalog, Body* body);

// Whether any item passed; true for bodies without items.
bool any_accepted(const Body& body);
// The verdicts as results, for a request that is not proposed.
std::vector<ItemResult> verdicts(const Body& body);

}  // namespace chronik::metadata
