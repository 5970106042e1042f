// Names of topics: which are legal, and which brokers keep for themselves.
#pragma once

#include <string>
#include <string_view>

namespace chronik::kafka {

// Kafka's rules for topic names; empty: fine, otherwise what is wrong.
std::string topic_name_problem(std::string_view name);

// Topics that brokers keep for themselves: clients do not write to them.
bool is_internal_topic(std::string_view name);
// Kafka's catalog, which is no topic here: no client makes one of that name.
inline constexpr std::string_view kCatalogTopic = "__cluster_metadata";

}  // namespace chronik::kafka
