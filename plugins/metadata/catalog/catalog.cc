#include "metadata/catalog/catalog.h"

#include <fmt/format.h>

#include <algorithm>

#include "metadata/catalog/digest.h"
#include "metadata/catalog/features.h"
#include "metadata/catalog/rules.h"

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

uint64_t digest_of_removed(const std::set<int32_t>& nodes) {
  uint64_t sum = 0;
  for (const int32_t node : nodes)
    sum += Digest("removed").number(static_cast<uint64_t>(static_cast<int64_t>(node))).value();
  return sum;
}

}  // namespace

Outcome Catalog::apply(const Command& command) {
  Outcome out;
  const uint64_t remembered = applied_.digest();
  out.seen = note(command);
  if (out.seen == Seen::kNew) std::visit([&](const auto& body) { apply(body, &out); }, command.body);
  if (applied_.digest() != remembered) out.changed = true;  // a version is one state
  if (out.changed) ++version_;
  return out;
}

// Nobody waits for what has no node; and what changes nothing may come as often as it likes.
Seen Catalog::note(const Command& command) {
  if (command.request.node < 0 || level() < kRecordsLevel) return Seen::kNew;
  const auto* records = std::get_if<ChangeRecords>(&command.body);
  if (records != nullptr && std::ranges::all_of(records->items, &RecordChange::is_barrier)) return Seen::kNew;
  return applied_.note(command.request);
}

void Catalog::apply(const InitCluster& command, Outcome* out) {
  if (!cluster_id_.empty()) return;  // two leaders may both have proposed one: the first in the log counts
  cluster_id_ = command.cluster_id;
  for (const FeatureLevel& feature : command.levels) set_level(feature, out);
  out->changed = true;
}

void Catalog::apply(const CreateTopics& command, Outcome* out) {
  for (const NewTopic& item : command.items) out->items.push_back(create(item, out));
}

void Catalog::apply(const DeleteTopics& command, Outcome* out) {
  for (const DeletedTopic& item : command.items) out->items.push_back(remove(item, out));
}

void Catalog::apply(const CreatePartitions& command, Outcome* out) {
  for (const MorePartitions& item : command.items) out->items.push_back(extend(item, out));
}

void Catalog::apply(const AllocateProducerIds&, Outcome* out) {
  out->first_producer_id = next_producer_id_;
  out->producer_ids = kProducerIdBlock;
  next_producer_id_ += kProducerIdBlock;
  out->changed = true;
}

void Catalog::apply(const SyncBatch& command, Outcome* out) {
  for (const Node& node : command.nodes) set_node(node, out);
  for (const Assignment& assignment : command.assignments) assign(assignment, out);
}

ItemResult Catalog::create(const NewTopic& item, Outcome* out) {
  if (item.verdict.code != CHR_OK) return refused(item.verdict);
  if (const Verdict verdict = check(*this, item); verdict.code != CHR_OK) return refused(verdict);
  if (const Topic* existing = find(item.id)) return done(*existing);
  Topic topic;
  topic.id = item.id;
  topic.name = item.name;
  topic.replication_factor = item.replication_factor;
  topic.replicas = item.replicas;
  topic.partitions.resize(static_cast<size_t>(item.partitions));
  topic.configs = item.configs;
  std::sort(topic.configs.begin(), topic.configs.end());
  insert(std::move(topic));
  topics_version_ = version_ + 1;
  out->changed = true;
  return done(*find(item.id));
}

ItemResult Catalog::remove(const DeletedTopic& item, Outcome* out) {
  if (item.verdict.code != CHR_OK) return refused(item.verdict);
  const auto found = by_id_.find(item.id);
  if (found == by_id_.end()) return {CHR_E_NOT_FOUND, "this topic does not exist", item.id, 0};
  const ByName::iterator topic = found->second;
  const ItemResult result = done(*topic->second);
  partitions_ -= topic->second->partitions.size();
  parts_digest_ -= topic->second->digest;
  normalized_.erase(normalized(topic->first));
  std::erase_if(disputed_, [&](const auto& partition) { return partition.first == item.id; });
  by_name_.erase(topic);
  by_id_.erase(found);
  published_ids_.reset();
  deleted_.push_back(item.id);
  if (deleted_.size() > kRememberedDeletions) deleted_.pop_front();
  out->deleted.push_back(item.id);
  topics_version_ = version_ + 1;
  out->changed = true;
  return result;
}

ItemResult Catalog::extend(const MorePartitions& item, Outcome* out) {
  if (item.verdict.code != CHR_OK) return refused(item.verdict);
  if (const Verdict verdict = check(*this, item); verdict.code != CHR_OK) return refused(verdict);
  Topic& topic = edit(by_id_.at(item.id));
  parts_digest_ -= topic.digest;
  partitions_ += static_cast<uint64_t>(item.total) - topic.partitions.size();
  topics_version_ = version_ + 1;
  topic.append_replicas(item.replicas, static_cast<size_t>(topic.factor()));
  topic.partitions.resize(static_cast<size_t>(item.total));
  topic.digest = digest_of(topic);
  parts_digest_ += topic.digest;
  out->changed = true;
  return done(topic);
}

int32_t Catalog::rival_of(const Assignment& assignment) const {
  const Topic* topic = find(assignment.topic);
  const auto at = static_cast<size_t>(assignment.partition);
  if (topic == nullptr || at >= topic->partitions.size()) return -1;
  const PartitionState shown = topic->partitions[at];
  return shown.term == assignment.term && shown.leader != assignment.leader ? shown.leader : -1;
}

// Raft has one leader in a term. Where two nodes say that they are, the log of one was lost or copied, and
// nobody can tell which: the partition has no leader that clients could be sent to until there is a newer
// term. Everything else goes on.
void Catalog::assign(const Assignment& assignment, Outcome* out) {
  const auto found = by_id_.find(assignment.topic);
  if (found == by_id_.end()) return;  // deleted meanwhile
  const Topic& current = *found->second->second;
  const auto at = static_cast<size_t>(assignment.partition);
  if (at >= current.partitions.size()) return;
  const PartitionState before = current.partitions[at];
  const bool same_term = assignment.term == before.term;
  if (same_term && (assignment.leader == before.leader || before.is_disputed())) return;
  if (assignment.term < before.term || same_term) ++out->fenced;
  if (assignment.term < before.term) return;
  if (same_term) out->disputes.push_back({assignment, before.leader});
  const PartitionState after{same_term ? -1 : assignment.leader, assignment.term};
  Topic& topic = edit(found->second);
  const uint64_t change = digest_of(topic.id, at, after) - digest_of(topic.id, at, before);
  topic.partitions[at] = after;
  topic.digest += change;
  parts_digest_ += change;
  if (after.is_disputed())
    disputed_.emplace(topic.id, assignment.partition);
  else if (before.is_disputed())
    disputed_.erase({topic.id, assignment.partition});
  out->changed = true;
}

void Catalog::insert(Topic topic) {
  topic.digest = digest_of(topic);
  topic.generation = generation_;
  parts_digest_ += topic.digest;
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

Topic& Catalog::edit(ByName::iterator topic) {
  if (topic->second->generation != generation_) {
    topic->second = std::make_shared<Topic>(*topic->second);
    topic->second->generation = generation_;
    edited_.push_back(topic->second->id);
  }
  return *topic->second;
}

ImageRef Catalog::publish() {
  auto* image = new Image;
  ImageRef owned = ImageRef::adopt(image);
  image->version = version_;
  image->digest = digest();
  image->topics_version = topics_version_;
  image->cluster_id = cluster_id_;
  publish_topics();
  image->topics = published_topics_;
  image->by_id = published_ids_;
  if (!published_nodes_) {
    auto nodes = std::make_shared<std::vector<Node>>();
    for (const auto& [id, node] : nodes_) nodes->push_back(node);
    published_nodes_ = std::move(nodes);
  }
  image->nodes = published_nodes_;
  if (!published_records_) published_records_ = std::make_shared<const Records::Spaces>(records_.spaces());
  image->records = published_records_;
  ++generation_;
  return owned;
}

// Takes as long as what was edited, but where topics came or went.
void Catalog::publish_topics() {
  if (published_ids_) {
    for (const Uuid& id : edited_) {
      const auto at = std::ranges::lower_bound(*published_ids_, id, {}, &std::pair<Uuid, uint32_t>::first);
      published_topics_.replace(at->second, by_id_.at(id)->second, generation_);
    }
    return edited_.clear();
  }
  edited_.clear();
  published_topics_.clear();
  auto ids = std::make_shared<std::vector<std::pair<Uuid, uint32_t>>>();
  ids->reserve(by_name_.size());
  for (const auto& [name, topic] : by_name_) {
    ids->emplace_back(topic->id, static_cast<uint32_t>(published_topics_.size()));
    published_topics_.push_back(topic, generation_);
  }
  std::sort(ids->begin(), ids->end());
  published_ids_ = std::move(ids);
}

uint64_t Catalog::digest() const {
  return parts_digest_ +
         Digest("catalog")
             .text(cluster_id_)
             .number(version_)
             .number(static_cast<uint64_t>(next_producer_id_))
             .number(by_name_.size())
             .number(deleted_.size())
             .id(deleted_.empty() ? Uuid{} : deleted_.back())
             .value() +
         digest_of_removed(removed_nodes_) + records_.digest() + applied_.digest();
}

const Topic* Catalog::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second.get();
}

const Topic* Catalog::find(const Uuid& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second->second.get();
}

const std::string* Catalog::colliding(std::string_view name) const {
  const auto found = normalized_.find(normalized(name));
  return found == normalized_.end() || found->second == name ? nullptr : &found->second;
}

bool Catalog::was_deleted(const Uuid& id) const {
  return std::find(deleted_.begin(), deleted_.end(), id) != deleted_.end();
}

Catalog::Scalars Catalog::scalars() const {
  return {cluster_id_, version_, next_producer_id_, {deleted_.begin(), deleted_.end()}, removed_nodes_};
}

void Catalog::restore(Scalars scalars) {
  cluster_id_ = std::move(scalars.cluster_id);
  version_ = topics_version_ = scalars.version;
  next_producer_id_ = scalars.next_producer_id;
  deleted_.assign(scalars.deleted.begin(), scalars.deleted.end());
  removed_nodes_ = std::move(scalars.removed_nodes);
}

Status Catalog::restore(Topic topic) {
  if (by_name_.contains(topic.name) || by_id_.contains(topic.id) || colliding(topic.name) != nullptr)
    return fail(Code::kCorrupt, fmt::format("the snapshot holds topic {} twice", topic.name));
  insert(std::move(topic));
  return {};
}

Status Catalog::restore(const std::string& space, Record record) {
  if (records_.find(space, record.key) != nullptr)
    return fail(Code::kCorrupt, fmt::format("the snapshot holds record {}/{} twice", space, record.key));
  records_.put(space, std::move(record), generation_);
  return {};
}

Status Catalog::restore(Node node) {
  const int32_t id = node.id;
  parts_digest_ += digest_of(node);
  if (!nodes_.emplace(id, std::move(node)).second)
    return fail(Code::kCorrupt, fmt::format("the snapshot holds node {} twice", id));
  return {};
}

}  // namespace chronik::metadata
