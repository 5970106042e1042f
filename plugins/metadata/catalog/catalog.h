// The catalog as a pure state machine: commands in log order in, the same state and the same outcomes on
// every node. No clock, no randomness, no I/O. Lives on the shard of __meta; other threads read the images it
// publishes.
#pragma once

#include <chronik/result.hpp>

#include <deque>
#include <map>
#include <set>
#include <unordered_map>

#include "metadata/catalog/applied_requests.h"
#include "metadata/catalog/image.h"

namespace chronik::metadata {

class Catalog {
 public:
  Catalog() = default;
  Catalog(const Catalog&) = delete;
  Catalog& operator=(const Catalog&) = delete;
  Catalog(Catalog&&) = default;
  Catalog& operator=(Catalog&&) = default;

  // Applies one command. What is wrong with it is in the outcome, and costs what it is about, nothing else.
  Outcome apply(const Command& command);

  // The state as of now. The caller owns one reference.
  ImageRef publish();

  const std::string& cluster_id() const { return cluster_id_; }
  uint64_t version() const { return version_; }
  uint64_t digest() const;
  const Topic* find(std::string_view name) const;
  const Topic* find(const Uuid& id) const;
  // The topic whose name metrics could not tell from this one ('.' and '_' are the same there), or nullptr.
  const std::string* colliding(std::string_view name) const;
  // Whether a topic of this id was deleted, as far back as the catalog remembers.
  bool was_deleted(const Uuid& id) const;
  const std::map<int32_t, Node>& nodes() const { return nodes_; }
  // Nodes that were removed, and may not come back by themselves.
  const std::set<int32_t>& removed_nodes() const { return removed_nodes_; }
  // How many partitions have, or may have, a replica on a node.
  uint64_t replicas_on(int32_t node) const;
  // When topics were made, deleted, extended, configured or moved last.
  uint64_t topics_version() const { return topics_version_; }
  size_t topics() const { return by_name_.size(); }
  uint64_t partitions() const { return partitions_; }
  // Who is shown as the leader in the term of an assignment, where that is another node; -1: nobody.
  int32_t rival_of(const Assignment& assignment) const;
  // Those of which two nodes said that they lead them in one term; until a newer term nobody is known to.
  const std::set<std::pair<Uuid, int32_t>>& disputed() const { return disputed_; }
  const Records& records() const { return records_; }
  const AppliedRequests& applied() const { return applied_; }
  // The finalized level of our own feature, which says what may be proposed.
  int16_t level() const;

  // What a snapshot holds beside topics and nodes, and how it is put back. restore() refuses what contradicts
  // the rest of the state.
  struct Scalars {
    std::string cluster_id;
    uint64_t version = 0;
    int64_t next_producer_id = 0;
    std::vector<Uuid> deleted;
    std::set<int32_t> removed_nodes;
  };
  Scalars scalars() const;
  void restore(Scalars scalars);
  Status restore(Topic topic);
  Status restore(Node node);
  Status restore(const std::string& space, Record record);
  Status restore(int32_t node, AppliedRequests::Session session) {
    return applied_.restore(node, std::move(session));
  }
  template <class F>
  void each_topic(F&& fn) const {
    for (const auto& [name, topic] : by_name_) fn(*topic);
  }

 private:
  using ByName = std::map<std::string, std::shared_ptr<Topic>, std::less<>>;

  Seen note(const Command& command);
  void apply(const InitCluster& command, Outcome* out);
  void apply(const CreateTopics& command, Outcome* out);
  void apply(const DeleteTopics& command, Outcome* out);
  void apply(const CreatePartitions& command, Outcome* out);
  void apply(const AllocateProducerIds& command, Outcome* out);
  void apply(const AlterReassignments& command, Outcome* out);
  void apply(const FinishReassignments& command, Outcome* out);
  void apply(const ChangeNodes& command, Outcome* out);
  void apply(const AlterConfigs& command, Outcome* out);
  void apply(const UpdateFeatures& command, Outcome* out);
  void apply(const ChangeRecords& command, Outcome* out);
  void apply(const SyncBatch& command, Outcome* out);
  void assign(const Assignment& assignment, Outcome* out);
  void set_node(const Node& node, Outcome* out);
  ItemResult create(const NewTopic& item, Outcome* out);
  ItemResult remove(const DeletedTopic& item, Outcome* out);
  ItemResult extend(const MorePartitions& item, Outcome* out);
  // `touched`: topics whose digest is to be made anew.
  ItemResult reassign(const Reassignment& item, std::set<Uuid>* touched, Outcome* out);
  ItemResult finish(const FinishedReassignment& item, std::set<Uuid>* touched, Outcome* out);
  void redigest(const std::set<Uuid>& topics);
  ItemResult change(const NodeChange& item, Outcome* out);
  ItemResult alter(const AlteredConfigs& item, Outcome* out);
  void set_level(const FeatureLevel& feature, Outcome* out);
  void put_node(Node node, Outcome* out);
  void insert(Topic topic);
  void publish_topics();
  // The topic, copied first if a published image holds it.
  Topic& edit(ByName::iterator topic);

  ByName by_name_;
  std::map<Uuid, ByName::iterator> by_id_;
  std::map<std::string, std::string> normalized_;  // name with '.' as '_' -> name
  std::map<int32_t, Node> nodes_;
  std::set<int32_t> removed_nodes_;
  Records records_;
  AppliedRequests applied_;                      // from the level of records on
  std::set<std::pair<Uuid, int32_t>> disputed_;  // follows from the topics
  std::deque<Uuid> deleted_;  // the newest last; a late second attempt must not bring a topic back
  std::string cluster_id_;
  uint64_t version_ = 0;
  uint64_t topics_version_ = 0;
  int64_t next_producer_id_ = 0;
  mutable uint64_t counted_version_ = UINT64_MAX;  // of topics: when these were counted
  mutable std::unordered_map<int32_t, uint64_t> replicas_;
  uint64_t partitions_ = 0;
  uint64_t parts_digest_ = 0;  // the sum over topics and nodes
  uint64_t generation_ = 1;
  TopicList published_topics_;  // but for those that were edited since
  std::vector<Uuid> edited_;
  std::shared_ptr<const std::vector<std::pair<Uuid, uint32_t>>>
      published_ids_;                                         // reset when topics come and go
  std::shared_ptr<const std::vector<Node>> published_nodes_;  // reset when a node changes
  std::shared_ptr<const Records::Spaces> published_records_;  // reset when a record changes
};

}  // namespace chronik::metadata
