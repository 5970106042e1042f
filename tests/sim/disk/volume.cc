#include "sim/disk/volume.h"

namespace chronik::sim {

bool flip_before(Volume& file, const std::string& bytes, uint64_t which) {
  constexpr uint64_t kBefore = 64;  // where a store keeps what it knows of an entry, or checks it by
  bool found = false;
  const std::string content = file.copy(0, file.size());
  for (size_t at = content.find(bytes); at != std::string::npos; at = content.find(bytes, at + 1)) {
    if (at < kBefore) continue;
    const uint64_t place = at - 1 - which % kBefore;
    const char flipped = static_cast<char>(content[place] ^ (1 << which / kBefore % 8));
    file.write(place, &flipped, 1);
    found = true;
  }
  return found;
}

}  // namespace chronik::sim
