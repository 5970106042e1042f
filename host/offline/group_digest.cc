#include "host/offline/group_digest.h"

#include <chronik/crc32c.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace chronik::host {
namespace {

constexpr size_t kNamedGroups = 5;

void extend(uint32_t* sum, const void* p, uint64_t n) {
  *sum = crc32c::extend(*sum, static_cast<const uint8_t*>(p), n);
}
// With its size, so that what stands side by side cannot be taken for something else.
void extend_sized(uint32_t* sum, const void* p, uint64_t n) {
  extend(sum, &n, sizeof n);
  extend(sum, p, n);
}

}  // namespace

Result<std::vector<ListedGroup>> list_groups(const StorageAdmin& admin) {
  std::vector<ListedGroup> groups;
  std::string damaged;
  size_t n = 0;
  CHRONIK_CHECK(admin.groups([&](const chr_storage_group& g) {
    if (g.state == CHR_OK) {
      groups.push_back(
          {g.group, std::string(from_abi(g.name)), g.first_index, g.last_index, g.entries, g.bytes});
    } else if (++n <= kNamedGroups) {
      damaged += fmt::format("{}{} ({})", damaged.empty() ? "" : ", ", g.group,
                             g.name.n == 0 ? "name not known" : from_abi(g.name));
    }
    return true;
  }));
  if (n != 0)
    return fail(Code::kCorrupt, fmt::format("{} of its groups are damaged: {}{}", n, damaged,
                                            n > kNamedGroups ? ", ..." : ""));
  std::ranges::sort(groups, {}, &ListedGroup::name);
  return groups;
}

Result<GroupDigest> digest_group(const StorageAdmin& admin, const ListedGroup& group,
                                 const std::function<void(uint64_t bytes)>& read) {
  GroupDigest digest;
  CHRONIK_CHECK(admin.keys(group.id, {}, [&](std::string_view key, const chr_slice& value) {
    ++digest.keys;
    extend_sized(&digest.checksum, key.data(), key.size());
    extend_sized(&digest.checksum, value.p, value.n);
    return true;
  }));
  CHRONIK_CHECK(admin.entries(group.id, 0, [&](const chr_entry& entry) {
    if (digest.entries++ == 0) digest.first_index = entry.header.index;
    digest.last_index = entry.header.index;
    digest.bytes += entry.payload.n;
    extend(&digest.checksum, &entry.header, sizeof entry.header);
    extend_sized(&digest.checksum, entry.payload.p, entry.payload.n);
    read(entry.payload.n);
    return true;
  }));
  GroupDigest listed = digest;
  listed.first_index = group.first_index;
  listed.last_index = group.last_index;
  listed.entries = group.entries;
  listed.bytes = group.bytes;
  if (listed == digest) return digest;
  return fail(Code::kCorrupt, fmt::format("group {} ({}) does not hold what its bounds say: {}", group.id,
                                          group.name, describe_difference(listed, digest)));
}

uint32_t extend_checksum(uint32_t sum, std::string_view name, const GroupDigest& digest) {
  extend_sized(&sum, name.data(), name.size());
  extend(&sum, &digest, sizeof digest);
  return sum;
}

std::string describe_difference(const GroupDigest& a, const GroupDigest& b) {
  const std::array<std::pair<std::string_view, uint64_t GroupDigest::*>, 5> fields = {
      {{"first index", &GroupDigest::first_index},
       {"last index", &GroupDigest::last_index},
       {"entries", &GroupDigest::entries},
       {"bytes", &GroupDigest::bytes},
       {"keys", &GroupDigest::keys}}};
  std::string out;
  for (const auto& [name, field] : fields) {
    if (a.*field != b.*field)
      out += fmt::format("{}{} {} and {}", out.empty() ? "" : ", ", name, a.*field, b.*field);
  }
  if (a.checksum != b.checksum)
    out += fmt::format("{}checksum {:08x} and {:08x}", out.empty() ? "" : ", ", a.checksum, b.checksum);
  return out;
}

}  // namespace chronik::host
