#include "kafka-proto/handlers/fetch_sessions.h"
#include "kafka-proto/messages/fetch.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

namespace chronik::kafka {
namespace {

constexpr int32_t kInitialEpoch = 0;  // a new session is wanted
constexpr int32_t kFinalEpoch = -1;   // none is wanted any more
constexpr int16_t kFirstVersion = 7;  // with sessions
constexpr int16_t kFirstIdVersion = 13;
constexpr int64_t kIdleMs = 120'000;  // a session that was not used for so long makes room for a new one

FetchTarget make_target(const FetchRequest::Topic& topic, const FetchRequest::Partition& partition) {
  FetchTarget out;
  out.topic_id = topic.topic_id;
  out.topic = topic.topic;
  out.partition = partition.partition;
  out.current_leader_epoch = partition.current_leader_epoch;
  out.fetch_offset = partition.fetch_offset;
  out.last_fetched_epoch = partition.last_fetched_epoch;
  out.max_bytes = partition.partition_max_bytes;
  return out;
}

void place(std::vector<FetchTarget>& targets) {
  for (size_t i = 0; i < targets.size(); ++i) targets[i].position = i;
}

// Which partition of which topic, for lookups among the partitions of one request. Ordered: clients choose
// the ids, and could choose those that a hash table has in one bucket.
struct TargetName {
  chr_uuid topic_id;
  std::string_view topic;
  int32_t partition;
  bool operator<(const TargetName& other) const {
    const int ids = std::memcmp(topic_id.b, other.topic_id.b, sizeof topic_id.b);
    return ids != 0 ? ids < 0 : std::tie(topic, partition) < std::tie(other.topic, other.partition);
  }
};
TargetName name_of(const FetchTarget& target) { return {target.topic_id, target.topic, target.partition}; }

// A partition that a request names again keeps its place, and what was said last counts, as in Kafka's
// LinkedHashMap: it is read once.
std::vector<FetchTarget> all_targets(const FetchRequest& request) {
  std::vector<FetchTarget> out;
  std::map<TargetName, size_t> places;
  for (const FetchRequest::Topic& topic : request.topics) {
    for (const FetchRequest::Partition& partition : topic.partitions) {
      const TargetName name{topic.topic_id, topic.topic, partition.partition};
      const auto [place, is_new] = places.try_emplace(name, out.size());
      FetchTarget target = make_target(topic, partition);
      is_new ? out.push_back(std::move(target)) : void(out[place->second] = std::move(target));
    }
  }
  return out;
}

// What a request does to a partition: a new target, or nothing where it is forgotten.
using Changes = std::map<TargetName, std::optional<FetchTarget>>;

// Applies the changes that an incremental request names to what its session knows. All but linear in both.
void change(std::vector<FetchTarget>& targets, const FetchRequest& request) {
  std::vector<FetchTarget> named = all_targets(request);
  Changes changes;
  for (const FetchRequest::Topic& topic : request.topics) {
    for (const FetchRequest::Partition& partition : topic.partitions)
      changes.insert_or_assign(TargetName{topic.topic_id, topic.topic, partition.partition},
                               make_target(topic, partition));
  }
  for (const FetchRequest::ForgottenTopic& topic : request.forgotten_topics_data) {
    for (const int32_t partition : topic.partitions)
      changes.insert_or_assign(TargetName{topic.topic_id, topic.topic, partition}, std::nullopt);
  }
  if (changes.empty()) return;
  std::erase_if(targets, [&](FetchTarget& target) {
    const auto found = changes.find(name_of(target));
    if (found == changes.end()) return false;
    if (!found->second.has_value()) return true;
    found->second->reported_high_watermark = target.reported_high_watermark;
    found->second->reported_log_start = target.reported_log_start;
    found->second->reported_error = target.reported_error;
    target = std::move(*found->second);
    changes.erase(found);
    return false;
  });
  // What is left is new; it comes in the order of the request.
  for (FetchTarget& target : named) {
    const auto found = changes.find(name_of(target));
    if (found == changes.end() || !found->second.has_value()) continue;
    changes.erase(found);
    targets.push_back(std::move(target));
  }
}

}  // namespace

void FetchScope::remember() const {
  if (session_ == nullptr) return;
  const std::lock_guard lock(session_->mutex_);
  for (const FetchTarget& told : targets) {
    // Another request of this session may have changed the list meanwhile: then its answer tells all anew.
    if (told.position >= session_->targets_.size()) continue;
    FetchTarget& known = session_->targets_[told.position];
    if (!known.names(told)) continue;
    known.reported_high_watermark = told.reported_high_watermark;
    known.reported_log_start = told.reported_log_start;
    known.reported_error = told.reported_error;
    known.served = told.served;
  }
  // Those of which there were records go behind the others, as Kafka has it: who is left out is next.
  std::ranges::stable_partition(session_->targets_, [](const FetchTarget& known) { return !known.served; });
  for (FetchTarget& known : session_->targets_) known.served = false;
}

FetchScope FetchSessions::begin(const FetchRequest& request, int16_t version, int64_t now_ms,
                                uint32_t random) {
  const bool fresh = request.session_epoch == kInitialEpoch || request.session_epoch == kFinalEpoch;
  if (version < kFirstVersion || fresh) return full(request, version, now_ms, random);
  return next(request, version, now_ms);
}

FetchScope FetchSessions::full(const FetchRequest& request, int16_t version, int64_t now_ms,
                               uint32_t random) {
  FetchScope scope;
  scope.targets = all_targets(request);
  place(scope.targets);
  if (version < kFirstVersion) return scope;
  if (request.session_id != 0) remove(request.session_id);
  if (request.session_epoch == kFinalEpoch) return scope;
  scope.session_ = create(version >= kFirstIdVersion, scope.targets.size(), now_ms, random);
  if (scope.session_ == nullptr) return scope;  // there is no room: go on without one
  const std::lock_guard lock(scope.session_->mutex_);
  scope.session_->targets_ = scope.targets;
  scope.session_id = scope.session_->id();
  return scope;
}

FetchScope FetchSessions::next(const FetchRequest& request, int16_t version, int64_t now_ms) {
  FetchScope scope;
  const std::shared_ptr<FetchSession> session = find(request.session_id);
  if (session == nullptr) {
    scope.error = ErrorCode::kFetchSessionIdNotFound;
    return scope;
  }
  {
    const std::lock_guard lock(session->mutex_);
    if (session->next_epoch_ != request.session_epoch) {
      scope.error = ErrorCode::kInvalidFetchSessionEpoch;
    } else if (session->by_id_ != (version >= kFirstIdVersion)) {
      scope.error = ErrorCode::kFetchSessionTopicIdError;
    }
    if (scope.error != ErrorCode::kNone) return scope;
    session->next_epoch_ = session->next_epoch_ == INT32_MAX ? 1 : session->next_epoch_ + 1;
    session->last_used_ms_ = now_ms;
    change(session->targets_, request);
    place(session->targets_);
    scope.targets = session->targets_;
  }
  const bool has_room = count(*session, scope.targets.size());
  if (scope.targets.empty() || !has_room) {
    // Nothing is left to fetch, or it became too large: then the client asks in full again.
    if (!has_room) scope.error = ErrorCode::kFetchSessionIdNotFound;
    scope.targets.clear();
    remove(session->id());
    return scope;
  }
  scope.session_ = session;
  scope.session_id = session->id();
  scope.incremental = true;
  return scope;
}

// Brings the total up to date. False: there is no room for so many.
bool FetchSessions::count(FetchSession& session, size_t targets) {
  const std::lock_guard lock(mutex_);
  if (!sessions_.contains(session.id())) return true;  // it was removed meanwhile, and counts no more
  const size_t before = std::exchange(session.counted_, targets);
  targets_ += targets - before;
  return targets <= before || (targets <= kMaxOfOne && targets_ <= kMaxTargets);
}

std::shared_ptr<FetchSession> FetchSessions::find(int32_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return nullptr;
  ages_.splice(ages_.end(), ages_, found->second->age_);
  return found->second;
}

void FetchSessions::remove(int32_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  targets_ -= found->second->counted_;
  ages_.erase(found->second->age_);
  sessions_.erase(found);
}

// Under the lock. Only sessions that nobody uses give way.
bool FetchSessions::make_room(size_t targets, int64_t now_ms) {
  while (sessions_.size() >= most_ || targets_ + targets > kMaxTargets) {
    if (ages_.empty()) return false;
    const auto oldest = sessions_.find(ages_.front());
    if (now_ms - oldest->second->last_used_ms_ < kIdleMs) return false;
    targets_ -= oldest->second->counted_;
    sessions_.erase(oldest);
    ages_.pop_front();
  }
  return true;
}

std::shared_ptr<FetchSession> FetchSessions::create(bool by_id, size_t targets, int64_t now_ms,
                                                    uint32_t random) {
  const std::lock_guard lock(mutex_);
  if (targets > kMaxOfOne || !make_room(targets, now_ms)) return nullptr;
  auto id = static_cast<int32_t>(random & 0x7fffffff);
  while (id == 0 || sessions_.contains(id)) id = id == INT32_MAX ? 1 : id + 1;
  auto session = std::make_shared<FetchSession>(id, by_id);
  session->last_used_ms_ = now_ms;
  session->counted_ = targets;
  targets_ += targets;
  session->age_ = ages_.insert(ages_.end(), id);
  sessions_[id] = session;
  return session;
}

size_t FetchSessions::size() const {
  const std::lock_guard lock(mutex_);
  return sessions_.size();
}

}  // namespace chronik::kafka
