// What a group holds, as numbers that two storages can be compared by.
#pragma once

#include <chronik/storage_admin.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace chronik::host {

// Plain numbers, as it goes from one process to another.
struct GroupDigest {
  uint64_t first_index = 0;
  uint64_t last_index = 0;
  uint64_t entries = 0;
  uint64_t bytes = 0;
  uint64_t keys = 0;
  uint32_t checksum = 0;  // CRC32C over keys, values, headers and payloads
  uint32_t reserved = 0;

  friend bool operator==(const GroupDigest&, const GroupDigest&) = default;
};

// A group as the storage lists it.
struct ListedGroup {
  uint64_t id = 0;
  std::string name;
  uint64_t first_index = 0;
  uint64_t last_index = 0;
  uint64_t entries = 0;
  uint64_t bytes = 0;
};

// Of an opened folder, by name. CORRUPT: some of them are damaged; the message names them.
Result<std::vector<ListedGroup>> list_groups(const StorageAdmin& admin);

// Reads a group from end to end. read: told of each entry's bytes. CORRUPT: it is damaged, or does not hold
// what it says.
Result<GroupDigest> digest_group(const StorageAdmin& admin, const ListedGroup& group,
                                 const std::function<void(uint64_t bytes)>& read);

// Adds a group to the checksum of all, in the order of their names.
uint32_t extend_checksum(uint32_t sum, std::string_view name, const GroupDigest& digest);

// How two digests of one group differ: "entries 5 and 4, ..."; empty: they do not.
std::string describe_difference(const GroupDigest& a, const GroupDigest& b);

}  // namespace chronik::host
