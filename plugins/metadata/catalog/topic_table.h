// Topics: their partitions with who leads them, their replicas and where these go, and their configs.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <unordered_map>

#include "metadata/catalog/table.h"

namespace chronik::metadata {

// Copies what an image may hold before it edits it.
class TopicTable : public Table {
 public:
  const Topic* find(std::string_view name) const;
  const Topic* find(const Uuid& id) const;
  // The topic whose name metrics could not tell from this one ('.' and '_' are the same there), or nullptr.
  const std::string* colliding(std::string_view name) const;
  // Whether a topic of this id was deleted, as far back as the catalog remembers.
  bool was_deleted(const Uuid& id) const;
  // When topics were made, deleted, extended, configured or moved last.
  uint64_t version() const { return version_; }
  size_t size() const { return by_name_.size(); }
  uint64_t partitions() const { return partitions_; }
  // How many partitions have, or may have, a replica on a node.
  uint64_t replicas_on(int32_t node) const;
  // Who is shown as the leader in the term of an assignment, where that is another node; -1: nobody.
  int32_t rival_of(const Assignment& assignment) const;
  // Those of which two nodes said that they lead them in one term; until a newer term nobody is known to.
  const std::set<std::pair<Uuid, int32_t>>& disputed() const { return disputed_; }
  template <class F>
  void each(F&& fn) const {
    for (const auto& [name, topic] : by_name_) fn(*topic);
  }

  void apply(const CreateTopics& command, Change* change);
  void apply(const DeleteTopics& command, Change* change);
  void apply(const CreatePartitions& command, Change* change);
  void apply(const SyncBatch& command, Change* change);
  void apply(const AlterReassignments& command, Change* change);   // topic_reassignments.cc
  void apply(const FinishReassignments& command, Change* change);  // topic_reassignments.cc
  void apply(const AlterConfigs& command, Change* change);         // topic_configs.cc

  void add_to(Digest* digest) const;
  uint64_t digest() const { return digest_; }
  void publish(Image* image, uint64_t generation);
  void save(wire::SnapshotHead* head) const;
  void save_rows(SnapshotWriter* out) const;
  Status load(const wire::SnapshotHead& head, SnapshotReader* in);

 private:
  using ByName = std::map<std::string, std::shared_ptr<Topic>, std::less<>>;

  ItemResult create_topic(const NewTopic& item, Change* change);
  ItemResult delete_topic(const DeletedTopic& item, Change* change);
  ItemResult add_partitions(const MorePartitions& item, Change* change);
  void assign_leader(const Assignment& assignment, Change* change);
  // `touched`: topics whose digest is to be made anew.
  ItemResult reassign(const Reassignment& item, std::set<Uuid>* touched, Change* change);
  ItemResult finish_reassignment(const FinishedReassignment& item, std::set<Uuid>* touched, Change* change);
  ItemResult alter_configs(const AlteredConfigs& item, Change* change);
  void insert_topic(Topic topic, uint64_t generation);
  // The topic, copied first if a published image holds it.
  Topic& edit(const Uuid& id, uint64_t generation);
  void renew_digest(Topic* topic);
  void renew_digests(const std::set<Uuid>& topics, uint64_t generation);
  void publish_topics(uint64_t generation);

  ByName by_name_;
  std::map<Uuid, ByName::iterator> by_id_;
  std::map<std::string, std::string> normalized_;  // name with '.' as '_' -> name
  std::set<std::pair<Uuid, int32_t>> disputed_;    // follows from the topics
  std::deque<Uuid> deleted_;  // the newest last; a late second attempt must not bring a topic back
  uint64_t version_ = 0;
  uint64_t partitions_ = 0;
  uint64_t digest_ = 0;                            // the sum over the topics
  mutable uint64_t counted_version_ = UINT64_MAX;  // when replicas_ were counted
  mutable std::unordered_map<int32_t, uint64_t> replicas_;
  TopicList published_;  // but for those that were edited since
  std::vector<Uuid> edited_;
  // Reset when topics come and go.
  std::shared_ptr<const std::vector<std::pair<Uuid, uint32_t>>> published_ids_;
};

}  // namespace chronik::metadata
