// ClassicMembers: the members of a group of the classic protocol as its leader knows them, those included that
// have an id and are not in the group yet (KIP-394).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka-proto/group/core/classic_protocols.h"
#include "kafka-proto/group/core/classic_requests.h"
#include "kafka-proto/group/core/classic_sessions.h"
#include "kafka-proto/group/core/classic_subscription.h"
#include "kafka-proto/group/core/outcome.h"

namespace chronik::kafka::group {

struct ClassicMember {
  ClassicMember() = default;
  ClassicMember(const ClassicMember&) = delete;
  ClassicMember& operator=(const ClassicMember&) = delete;

  std::string id;
  std::optional<std::string> instance_id;
  std::string client_id, client_host;
  int32_t rebalance_timeout_ms = 0;
  std::vector<Protocol> protocols;  // no two of one name
  std::string assignment;
  bool is_new = false;     // nothing has been answered to it yet
  bool owes_sync = false;  // it has not sent SyncGroup in this generation
  Reply<JoinResult> join;  // of its waiting JoinGroup; null: none waits
  Reply<SyncResult> sync;  // likewise
  ClassicSessions::Session session;

  bool is_static() const { return instance_id.has_value(); }
  // A member that waits for the others is alive, except one that never had an answer: its client may have
  // given up, and would not be missed.
  bool waits() const { return !is_new && (join || sync); }
};

class ClassicMembers {
 public:
  using Map = std::map<std::string, ClassicMember, std::less<>>;

  const Map& all() const { return members_; }
  Map& all() { return members_; }
  bool empty() const { return members_.empty(); }
  size_t size() const { return members_.size(); }
  size_t joining() const { return joining_; }
  size_t owing_sync() const { return owing_sync_; }
  const ClassicProtocols& protocols() const { return protocols_; }
  ClassicSessions& sessions() { return sessions_; }
  const ClassicSessions& sessions() const { return sessions_; }

  ClassicMember* find(std::string_view id);
  const std::string* find_static(std::string_view instance_id) const;
  // NONE, or why nobody of this id and instance is here.
  ErrorCode check(std::string_view id, const std::optional<std::string>& instance_id) const;

  // Its id is new, and so is its instance; it names no protocol twice.
  ClassicMember& add(std::string id, JoinRequest&& request);
  ClassicMember& add(const ClassicGroupRecord::Member& recorded, const std::string& protocol);
  // Takes what the member says of itself now.
  void update(ClassicMember& member, JoinRequest&& request);
  // The same instance under another id. The replies of the old one have been answered.
  ClassicMember& replace(ClassicMember& old, std::string new_id);
  void remove(ClassicMember& member);
  int32_t max_rebalance_timeout_ms() const;
  // By the members' votes; empty: there are none.
  std::string choose_protocol() const;
  // The one before if it has joined, or the first that has; null: nobody has.
  const ClassicMember* choose_leader(std::string_view before) const;
  // And nobody is about to.
  bool have_all_joined() const { return joining_ == members_.size() && pending_.empty(); }

  // Waits for the others. Null ends it.
  void set_join(ClassicMember& member, Reply<JoinResult> reply);
  Reply<JoinResult> take_join(ClassicMember& member);
  void set_owes_sync(ClassicMember& member, bool owes);

  // ---- ids that were handed out, and have not joined ----

  void add_pending(std::string id, int32_t session_timeout_ms, int64_t now_ms);
  bool is_pending(std::string_view id) const { return pending_.find(id) != pending_.end(); }
  bool remove_pending(std::string_view id);
  size_t pending() const { return pending_.size(); }

 private:
  ClassicMember& insert(std::string id);

  Map members_;
  std::map<std::string, std::string, std::less<>> statics_;  // instance -> member id
  std::map<std::string, ClassicSessions::Session, std::less<>> pending_;
  ClassicSessions sessions_;
  ClassicProtocols protocols_;
  size_t joining_ = 0;
  size_t owing_sync_ = 0;
};

// What the members subscribe to by their metadata of this protocol, in a group of this type.
Subscription subscription_of(const ClassicMembers& members, std::string_view type, std::string_view protocol);

}  // namespace chronik::kafka::group
