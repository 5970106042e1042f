// Fetch sessions (KIP-227): the broker remembers what a client fetches, so that requests and answers carry
// only changes.
//
// Any shard; the cache and each session have a lock of their own, held for lookups and bookkeeping only. The
// cache is bounded in sessions and in partitions over all sessions: a client that finds no room is served
// without a session. So is one that asks for very many partitions: each Fetch of a session costs as much as
// it has partitions, however short it is.
#pragma once

#include <chronik/abi.h>

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "kafka-proto/messages/fetch.h"
#include "kafka-proto/wire/errors.h"

namespace chronik::kafka {

// One partition of a Fetch: what the client wants, and what the session told it last.
struct FetchTarget {
  chr_uuid topic_id{};
  std::string topic;  // empty from version 13 on
  int32_t partition = 0;
  int32_t current_leader_epoch = -1;
  int64_t fetch_offset = 0;
  int32_t last_fetched_epoch = -1;
  int32_t max_bytes = 0;
  size_t position = 0;  // in the session's list
  int64_t reported_high_watermark = -1;
  int64_t reported_log_start = -1;
  bool reported_error = false;
  bool served = false;  // the last answer had records of it: the others come first

  bool names(const FetchTarget& other) const {
    return partition == other.partition && topic == other.topic && same(topic_id, other.topic_id);
  }
};

class FetchSession {
 public:
  FetchSession(int32_t id, bool by_id) : id_(id), by_id_(by_id) {}
  int32_t id() const { return id_; }

 private:
  friend class FetchSessions;
  friend class FetchScope;
  const int32_t id_;
  const bool by_id_;  // topics by id (version 13 on) or by name
  std::mutex mutex_;  // of the next two
  int32_t next_epoch_ = 1;
  std::vector<FetchTarget> targets_;
  std::atomic<int64_t> last_used_ms_{0};
  // Under the cache's lock.
  size_t counted_ = 0;                // of its targets, in the cache's total
  std::list<int32_t>::iterator age_;  // in the cache's list
};

// What one Fetch request asks for, once its session is known.
class FetchScope {
 public:
  ErrorCode error = ErrorCode::kNone;
  int32_t session_id = 0;    // for the answer
  bool incremental = false;  // only partitions with news are answered
  std::vector<FetchTarget> targets;

  // After the answer was made: targets' told_* fields are what the client knows now.
  void remember() const;

 private:
  friend class FetchSessions;
  std::shared_ptr<FetchSession> session_;
};

class FetchSessions {
 public:
  static constexpr size_t kMaxTargets = 200'000;  // over all sessions
  static constexpr size_t kMaxOfOne = 10'000;

  explicit FetchSessions(size_t most) : most_(most) {}

  // Finds, makes, changes or ends the session that a request speaks of. random: for the id of a new session.
  FetchScope begin(const FetchRequest& request, int16_t version, int64_t now_ms, uint32_t random);
  size_t size() const;

 private:
  std::shared_ptr<FetchSession> find(int32_t id);
  void remove(int32_t id);
  bool make_room(size_t targets, int64_t now_ms);
  std::shared_ptr<FetchSession> create(bool by_id, size_t targets, int64_t now_ms, uint32_t random);
  FetchScope full(const FetchRequest& request, int16_t version, int64_t now_ms, uint32_t random);
  FetchScope next(const FetchRequest& request, int16_t version, int64_t now_ms);
  bool count(FetchSession& session, size_t targets);

  const size_t most_;
  mutable std::mutex mutex_;  // of what follows; never taken under a session's
  size_t targets_ = 0;
  std::unordered_map<int32_t, std::shared_ptr<FetchSession>> sessions_;
  std::list<int32_t> ages_;  // ids, the longest unused first
};

}  // namespace chronik::kafka
