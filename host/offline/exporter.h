// The reading side of a copy: all groups of a storage that is not started, sent through a socket. Memory is
// bounded by the number of groups and the largest entry.
#pragma once

#include <chronik/storage_admin.hpp>

#include <cstdint>
#include <string>

namespace chronik::host {

// Plain numbers, of kTotals and kGroup.
struct ExportSizes {
  uint64_t groups = 0;
  uint64_t entries = 0;
  uint64_t bytes = 0;  // of payload
};

// Hears what the other side has already (kHave, kGo), and sends what it lacks: kTotals; for each group
// kGroup, all its keys, and the entries behind the last one that it has; kEnd. CORRUPT: damage, of which the
// message says where.
Status export_groups(const StorageAdmin& admin, int socket);

// Reads all of it, and sends kDigest for each group, in the order of their names; kEnd. who: for progress,
// "storage-lmdb".
Status export_digests(const StorageAdmin& admin, const std::string& who, int socket);

}  // namespace chronik::host
