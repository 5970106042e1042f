#include "metadata/catalog/topic_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "metadata/catalog/catalog.h"
#include "metadata/catalog/rules.h"
#include "metadata/wire/convert.h"

namespace chronik::metadata {
namespace {

constexpr size_t kRememberedDeletions = 1'024;

std::string normalized(std::string_view name) {
  std::string out(name);
  std::replace(out.begin(), out.end(), '.', '_');
  return out;
}

ItemResult refused(const Verdict& verdict) { return {verdict.code, verdict.message, {}, 0}; }

ItemResult done(const Topic& topic) {
  return {CHR_OK, {}, topic.id, static_cast<uint32_t>(topic.partitions.size())};
}

// What the leader of one partition adds to its topic's digest.
uint64_t digest_of(const Uuid& topic, size_t partition, const PartitionState& state) {
  return Digest("leader")
      .id(topic)
      .number(partition)
      .number(static_cast<uint64_t>(static_cast<int64_t>(state.leader)))
      .number(state.term)
      .value();
}

uint64_t digest_of(const Topic& topic) {
  Digest digest("topic");
  digest.id(topic.id).text(topic.name).number(static_cast<uint64_t>(topic.replication_factor));
  for (const int32_t node : topic.replicas) digest.number(static_cast<uint64_t>(static_cast<int64_t>(node)));
  for (const uint32_t end : topic.ends) digest.number(end);
  for (const auto& [partition, ongoing] : topic.reassignments) {
    digest.text("move").number(static_cast<uint64_t>(partition)).number(ongoing.target.size());
    for (const auto* nodes : {&ongoing.target, &ongoing.also_removing})
      for (const int32_t node : *nodes) digest.number(static_cast<uint64_t>(static_cast<int64_t>(node)));
  }
  for (const auto& [key, value] : topic.configs) digest.text(key).text(value);
  uint64_t sum = digest.value();
  for (size_t i = 0; i < topic.partitions.size(); ++i) sum += digest_of(topic.id, i, topic.partitions[i]);
  return sum;
}

// ---- a topic as bytes ----

void to_wire(const Topic& from, wire::Topic* to) {
  to->set_id(convert::id(from.id));
  to->set_name(from.name);
  to->set_replication_factor(from.replication_factor);
  to->mutable_replicas()->Add(from.replicas.begin(), from.replicas.end());
  for (const PartitionState& state : from.partitions) {
    wire::PartitionLeader* leader = to->add_partitions();
    leader->set_leader(state.leader);
    leader->set_term(state.term);
  }
  to->mutable_ends()->Add(from.ends.begin(), from.ends.end());
  for (const auto& [partition, ongoing] : from.reassignments) {
    wire::Move* out = to->add_moves();
    out->set_partition(partition);
    out->mutable_target()->Add(ongoing.target.begin(), ongoing.target.end());
    out->mutable_others()->Add(ongoing.also_removing.begin(), ongoing.also_removing.end());
  }
  convert::to_wire(from.configs, to->mutable_configs());
}

// Whether the replicas, where they end and the moves belong to the partitions that there are.
bool fits_together(const Topic& topic) {
  if (topic.replication_factor < 1 || topic.partitions.empty()) return false;
  for (const auto& [partition, ongoing] : topic.reassignments)
    if (partition < 0 || static_cast<size_t>(partition) >= topic.partitions.size() || ongoing.target.empty())
      return false;
  if (topic.ends.empty())
    return topic.replicas.size() == topic.partitions.size() * static_cast<size_t>(topic.replication_factor);
  uint32_t before = 0;
  for (const uint32_t end : topic.ends) {
    if (end <= before) return false;
    before = end;
  }
  return topic.ends.size() == topic.partitions.size() && before == topic.replicas.size();
}

Result<Topic> from_wire(const wire::Topic& from) {
  Topic out;
  CHRONIK_TRY(out.id, convert::id(from.id()));
  out.name = from.name();
  out.replication_factor = from.replication_factor();
  CHRONIK_TRY(out.replicas, convert::node_ids(from.replicas()));
  CHRONIK_TRY(out.configs, convert::from_wire(from.configs()));
  for (const wire::PartitionLeader& leader : from.partitions()) {
    out.partitions.push_back({leader.leader(), leader.term()});
  }
  out.ends.assign(from.ends().begin(), from.ends().end());
  for (const wire::Move& ongoing : from.moves()) {
    OngoingReassignment& to = out.reassignments[ongoing.partition()];
    CHRONIK_TRY(to.target, convert::node_ids(ongoing.target()));
    CHRONIK_TRY(to.also_removing, convert::node_ids(ongoing.others()));
  }
  if (out.id.zero() || out.name.empty() || out.name.size() > kMaxNameBytes || !fits_together(out))
    return std::unexpected(convert::corrupt("a topic whose parts do not fit together"));
  return out;
}

}  // namespace

// ---- topics and partitions ----

void TopicTable::apply(const CreateTopics& command, Change* change) {
  for (const NewTopic& item : command.items) change->out->items.push_back(create_topic(item, change));
}

void TopicTable::apply(const DeleteTopics& command, Change* change) {
  for (const DeletedTopic& item : command.items) change->out->items.push_back(delete_topic(item, change));
}

void TopicTable::apply(const CreatePartitions& command, Change* change) {
  for (const MorePartitions& item : command.items) change->out->items.push_back(add_partitions(item, change));
}

ItemResult TopicTable::create_topic(const NewTopic& item, Change* change) {
  if (item.verdict.code != CHR_OK) return refused(item.verdict);
  if (const Verdict verdict = check(change->catalog, item); verdict.code != CHR_OK) return refused(verdict);
  if (const Topic* existing = find(item.id)) return done(*existing);
  Topic topic;
  topic.id = item.id;
  topic.name = item.name;
  topic.replication_factor = item.replication_factor;
  topic.replicas = item.replicas;
  topic.partitions.resize(static_cast<size_t>(item.partitions));
  topic.configs = item.configs;
  std::sort(topic.configs.begin(), topic.configs.end());
  insert_topic(std::move(topic), change->generation);
  version_ = change->version;
  change->out->changed = true;
  return done(*find(item.id));
}

ItemResult TopicTable::delete_topic(const DeletedTopic& item, Change* change) {
  if (item.verdict.code != CHR_OK) return refused(item.verdict);
  const auto found = by_id_.find(item.id);
  if (found == by_id_.end()) return {CHR_E_NOT_FOUND, "this topic does not exist", item.id, 0};
  const ByName::iterator topic = found->second;
  const ItemResult result = done(*topic->second);
  partitions_ -= topic->second->partitions.size();
  digest_ -= topic->second->digest;
  normalized_.erase(normalized(topic->first));
  std::erase_if(disputed_, [&](const auto& partition) { return partition.first == item.id; });
  by_name_.erase(topic);
  by_id_.erase(found);
  published_ids_.reset();
  deleted_.push_back(item.id);
  if (deleted_.size() > kRememberedDeletions) deleted_.pop_front();
  change->out->deleted.push_back(item.id);
  version_ = change->version;
  change->out->changed = true;
  return result;
}

ItemResult TopicTable::add_partitions(const MorePartitions& item, Change* change) {
  if (item.verdict.code != CHR_OK) return refused(item.verdict);
  if (const Verdict verdict = check(change->catalog, item); verdict.code != CHR_OK) return refused(verdict);
  Topic& topic = edit(item.id, change->generation);
  partitions_ += static_cast<uint64_t>(item.total) - topic.partitions.size();
  version_ = change->version;
  topic.append_replicas(item.replicas, static_cast<size_t>(topic.factor()));
  topic.partitions.resize(static_cast<size_t>(item.total));
  renew_digest(&topic);
  change->out->changed = true;
  return done(topic);
}

void TopicTable::insert_topic(Topic topic, uint64_t generation) {
  topic.digest = digest_of(topic);
  topic.generation = generation;
  digest_ += topic.digest;
  partitions_ += topic.partitions.size();
  for (size_t p = 0; p < topic.partitions.size(); ++p)
    if (topic.partitions[p].is_disputed()) disputed_.emplace(topic.id, static_cast<int32_t>(p));
  normalized_[normalized(topic.name)] = topic.name;
  const Uuid id = topic.id;
  std::string name = topic.name;
  const auto [at, is_new] = by_name_.emplace(std::move(name), std::make_shared<Topic>(std::move(topic)));
  by_id_[id] = at;
  published_ids_.reset();
}

Topic& TopicTable::edit(const Uuid& id, uint64_t generation) {
  std::shared_ptr<Topic>& topic = by_id_.at(id)->second;
  if (topic->generation != generation) {
    topic = std::make_shared<Topic>(*topic);
    topic->generation = generation;
    edited_.push_back(id);
  }
  return *topic;
}

void TopicTable::renew_digest(Topic* topic) {
  digest_ -= topic->digest;
  topic->digest = digest_of(*topic);
  digest_ += topic->digest;
}

// ---- who leads ----

void TopicTable::apply(const SyncBatch& command, Change* change) {
  for (const Assignment& assignment : command.assignments) assign_leader(assignment, change);
}

// Raft has one leader in a term. Where two nodes say that they are, the log of one was lost or copied, and
// nobody can tell which: the partition has no leader that clients could be sent to until there is a newer
// term. Everything else goes on.
void TopicTable::assign_leader(const Assignment& assignment, Change* change) {
  const Topic* current = find(assignment.topic);
  if (current == nullptr) return;  // deleted meanwhile
  const auto at = static_cast<size_t>(assignment.partition);
  if (at >= current->partitions.size()) return;
  const PartitionState before = current->partitions[at];
  const bool same_term = assignment.term == before.term;
  if (same_term && (assignment.leader == before.leader || before.is_disputed())) return;
  if (assignment.term < before.term || same_term) ++change->out->fenced;
  if (assignment.term < before.term) return;
  if (same_term) change->out->disputes.push_back({assignment, before.leader});
  const PartitionState after{same_term ? -1 : assignment.leader, assignment.term};
  Topic& topic = edit(assignment.topic, change->generation);
  const uint64_t difference = digest_of(topic.id, at, after) - digest_of(topic.id, at, before);
  topic.partitions[at] = after;
  topic.digest += difference;
  digest_ += difference;
  if (after.is_disputed())
    disputed_.emplace(topic.id, assignment.partition);
  else if (before.is_disputed())
    disputed_.erase({topic.id, assignment.partition});
  change->out->changed = true;
}

int32_t TopicTable::rival_of(const Assignment& assignment) const {
  const Topic* topic = find(assignment.topic);
  const auto at = static_cast<size_t>(assignment.partition);
  if (topic == nullptr || at >= topic->partitions.size()) return -1;
  const PartitionState shown = topic->partitions[at];
  return shown.term == assignment.term && shown.leader != assignment.leader ? shown.leader : -1;
}

// ---- looking ----

const Topic* TopicTable::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second.get();
}

const Topic* TopicTable::find(const Uuid& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second->second.get();
}

const std::string* TopicTable::colliding(std::string_view name) const {
  const auto found = normalized_.find(normalized(name));
  return found == normalized_.end() || found->second == name ? nullptr : &found->second;
}

bool TopicTable::was_deleted(const Uuid& id) const {
  return std::find(deleted_.begin(), deleted_.end(), id) != deleted_.end();
}

// Counted for all nodes at once, after a change of topics and where somebody asks.
uint64_t TopicTable::replicas_on(int32_t node) const {
  if (counted_version_ != version_) {
    replicas_.clear();
    each([this](const Topic& topic) {
      for (size_t p = 0; p < topic.partitions.size(); ++p)
        topic.each_that_may_hold(p, [this](int32_t holder) { ++replicas_[holder]; });
    });
    counted_version_ = version_;
  }
  const auto found = replicas_.find(node);
  return found == replicas_.end() ? 0 : found->second;
}

// ---- digest, image, snapshot ----

void TopicTable::add_to(Digest* digest) const {
  digest->number(by_name_.size()).number(deleted_.size()).id(deleted_.empty() ? Uuid{} : deleted_.back());
}

void TopicTable::publish(Image* image, uint64_t generation) {
  publish_topics(generation);
  image->topics_version = version_;
  image->topics = published_;
  image->by_id = published_ids_;
}

// Takes as long as what was edited, but where topics came or went.
void TopicTable::publish_topics(uint64_t generation) {
  if (published_ids_) {
    for (const Uuid& id : edited_) {
      const auto at = std::ranges::lower_bound(*published_ids_, id, {}, &std::pair<Uuid, uint32_t>::first);
      published_.replace(at->second, by_id_.at(id)->second, generation);
    }
    return edited_.clear();
  }
  edited_.clear();
  published_.clear();
  auto ids = std::make_shared<std::vector<std::pair<Uuid, uint32_t>>>();
  ids->reserve(by_name_.size());
  for (const auto& [name, topic] : by_name_) {
    ids->emplace_back(topic->id, static_cast<uint32_t>(published_.size()));
    published_.push_back(topic, generation);
  }
  std::sort(ids->begin(), ids->end());
  published_ids_ = std::move(ids);
}

void TopicTable::save(wire::SnapshotHead* head) const {
  for (const Uuid& deleted : deleted_) head->add_deleted(convert::id(deleted));
  head->set_topics(by_name_.size());
}

void TopicTable::save_rows(SnapshotWriter* out) const {
  for (const auto& [name, topic] : by_name_) {
    if (!out->is_going()) return;
    wire::Topic message;
    to_wire(*topic, &message);
    out->put(message);
  }
}

Status TopicTable::load(const wire::SnapshotHead& head, SnapshotReader* in) {
  version_ = head.catalog_version();
  for (const std::string& deleted : head.deleted()) {
    CHRONIK_TRY(const Uuid id, convert::id(deleted));
    deleted_.push_back(id);
  }
  for (uint64_t i = 0; i < head.topics(); ++i) {
    CHRONIK_TRY(const wire::Topic message, in->take_message<wire::Topic>());
    CHRONIK_TRY(Topic topic, from_wire(message));
    if (by_name_.contains(topic.name) || by_id_.contains(topic.id) || colliding(topic.name) != nullptr)
      return fail(Code::kCorrupt, fmt::format("the snapshot holds topic {} twice", topic.name));
    insert_topic(std::move(topic), Image::kFirstGeneration);
  }
  return {};
}

}  // namespace chronik::metadata
