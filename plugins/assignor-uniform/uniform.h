// Kafka's uniform of KIP-848: as many partitions for everybody, and nobody loses one without need. Pure.
#pragma once

#include <chronik/draft/assignor.h>

#include <cstdint>
#include <span>

namespace chronik::assignor {

// Where all members subscribe to the same topics, the numbers of their partitions differ by one at most, and no
// more partitions move than that takes. Otherwise so do those of members who could hand each other a partition.
void assign_uniform(const chr_assignor_group& group, std::span<uint32_t> owners);

}  // namespace chronik::assignor
