// Where a coordinator is: the partition of a key in the topic of its kind, as Kafka's clients and tools work it out.
#pragma once

#include <cstdint>
#include <string_view>

namespace chronik::kafka {

// Java's String.hashCode() of the text: over its UTF-16. What is no UTF-8 counts as Java reads it, as U+FFFD.
int32_t java_hash(std::string_view utf8);

// partitions is positive.
inline int32_t partition_of_key(std::string_view key, int32_t partitions) {
  return (java_hash(key) & INT32_MAX) % partitions;
}

}  // namespace chronik::kafka
