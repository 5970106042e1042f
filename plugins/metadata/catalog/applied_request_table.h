// Which requests of each node the catalog has applied. A node sends a request again when it
// does not know what became of it; what comes a second time, perhaps behind changes of others, does nothing.
// Part of the state: the same on every node, in snapshots and in the digest.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "metadata/catalog/table.h"

namespace chronik::metadata {

class AppliedRequestTable : public Table {
 public:
  static constexpr size_t kRemembered = 10'000;  // of a session, the newest
  static constexpr size_t kSessions = 2;         // of a node: some may be on their way while it restarts

  struct Session {
    uint64_t id = 0;
    uint64_t forgotten = 0;  // up to this number it is not known any more which were applied
    std::set<uint64_t> numbers;
  };

  // What is new is remembered from now on.
  Seen note_request(const RequestId& request);
  // Forgets those of nodes that were removed.
  void apply(const ChangeNodes&, Change* change);

  uint64_t digest() const { return digest_; }
  const std::map<int32_t, std::vector<Session>>& by_node() const { return by_node_; }  // the newest last
  void save(wire::SnapshotHead* head) const;
  Status load(const wire::SnapshotHead& head, SnapshotReader* in);

 private:
  // Behind those of the node that are there.
  Status restore_session(int32_t node, Session session);
  Session& session(const RequestId& request);
  static uint64_t digest_of(int32_t node, const Session& session);

  std::map<int32_t, std::vector<Session>> by_node_;
  uint64_t digest_ = 0;  // the sum over all of them
};

}  // namespace chronik::metadata
