// Recovery: what the file says of the groups comes to the table of groups, and how many pages are live to
// Space. Once, before anything else is done with a store. Blocking.
#pragma once

#include "storage-lmdb/groups.h"
#include "storage-lmdb/lease.h"
#include "storage-lmdb/record.h"
#include "storage-lmdb/space.h"

#include <string>
#include <utility>
#include <vector>

namespace chronik::storage_lmdb {

class Recovery {
 public:
  Recovery(Host host, const Env& env, ReadTransactions& transactions, Space& space, GroupTable& groups)
      : host_(host), env_(env), transactions_(transactions), space_(space), groups_(groups) {}

  // A group that is damaged is set aside with an error in the log, and the others are served; any other
  // error ends the recovery.
  Status run();

 private:
  using Records = std::vector<std::pair<uint64_t, std::string>>;  // ids, and what is stored of the groups

  Result<Records> read_records();
  Status recover_record(uint64_t id, MDB_val value);
  Result<Group> recover_group(MDB_txn* txn, uint64_t id, const GroupRecord& record);
  // Bytes of the group that are gone but lie in the file, roughly.
  Result<uint64_t> count_gone(const Group& group);

  Host host_;
  const Env& env_;
  ReadTransactions& transactions_;
  Space& space_;
  GroupTable& groups_;
};

}  // namespace chronik::storage_lmdb
