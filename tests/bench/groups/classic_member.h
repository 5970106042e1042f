// ClassicMember: joins a classic group, syncs, sends heartbeats, joins again, as clients do; fetches nothing.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bench/groups/coordinator_link.h"
#include "bench/groups/embedded_protocol.h"
#include "kafka-proto/messages/join_group.h"
#include "kafka-proto/messages/sync_group.h"

namespace chronik::bench {

// What all members of a benchmark are, and did.
struct ClassicMembers {
  Loop& loop;
  std::vector<Address> bootstrap;
  std::string topic;
  int32_t partitions = 0;
  bool is_cooperative = false;
  milliseconds heartbeat_interval{3'000};  // a client's default

  Clock::time_point last_join_sent{};
  Clock::time_point last_join_answered{};
  uint64_t generations_joined = 0;  // by each member
  uint64_t heartbeats = 0;
};

class ClassicMember {
 public:
  // instance: empty, or of a static member.
  ClassicMember(ClassicMembers& all, std::string group, std::string instance = {});
  ~ClassicMember() { stop(); }
  ClassicMember(const ClassicMember&) = delete;
  ClassicMember& operator=(const ClassicMember&) = delete;

  void join();
  // Whether it has what the newest generation that it knows of assigns to it, and has nothing to give away.
  bool is_settled() const { return is_settled_; }
  bool leads() const { return leads_; }
  int32_t generation() const { return generation_; }
  const std::string& id() const { return id_; }
  const std::string& group() const { return group_; }
  const Partitions& assigned() const { return assigned_; }
  CoordinatorLink& link() { return link_; }
  // Within the group's session: at once, not at the next interval.
  void heartbeat();
  // Asks for its assignment, as a member of its generation: then(null) where that is not answered.
  void look(const std::function<void(const kafka::SyncGroupResponse*)>& then);
  // done(nothing): the connection has ended.
  void commit(int32_t partition, int64_t offset, std::function<void(std::optional<kafka::ErrorCode>)> done);
  void leave(const std::function<void()>& left);
  // Without a word.
  void stop();

 private:
  void send_join();
  void joined(const kafka::JoinGroupResponse* answer);
  void sync(const kafka::JoinGroupResponse& joined);
  void synced(const kafka::SyncGroupResponse* answer);
  // What clients do about an error: false where there is none.
  bool recover(const kafka::ErrorCode* error);
  void heartbeat_later(milliseconds delay);

  ClassicMembers& all_;
  const std::string group_, instance_;
  CoordinatorLink link_;
  std::string id_;
  int32_t generation_ = -1;
  Partitions assigned_;
  bool is_settled_ = false;
  bool leads_ = false;
  bool is_first_heartbeat_ = true;
  Loop::Timer timer_{};
};

// All are settled, in one generation, and each partition has one of them.
bool is_shared_out(const std::vector<const ClassicMember*>& members, int32_t partitions);

}  // namespace chronik::bench
