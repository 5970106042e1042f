// What became of topics between two images: of the plugin, and of the SDK's fake alike.
#include <chronik/draft/topic_changes.h>
#include <gtest/gtest.h>

#include <chronik/testing/fake_metadata.hpp>
#include <chronik/testing/fake_topic_changes.hpp>

#include "metadata/catalog/catalog.h"
#include "tests/unit/metadata/node.h"

namespace chronik::metadata::test {
namespace {

using chronik::testing::FakeMetadata;
using chronik::testing::FakeTopicChanges;

// Follows topics as a subscriber does: from image to image.
class Follower {
 public:
  Follower(const chr_metadata_v1* metadata, void* self, const chr_topic_changes_v1* changes, void* of_changes)
      : metadata_(metadata), self_(self), changes_(changes), of_changes_(of_changes) {}
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;
  ~Follower() {
    if (image_ != nullptr) metadata_->release(self_, image_);
  }

  std::string look() {
    std::string said;
    chr_catalog* now = metadata_->catalog(self_);
    const auto tell = [](void* context, const chr_topic_change* change) {
      *static_cast<std::string*>(context) +=
          std::to_string(change->what) + ":" + std::string(from_abi(change->topic->name)) + ":" +
          std::to_string(change->n_before) + "-" + std::to_string(change->topic->n_partitions) + " ";
    };
    changes_->between(of_changes_, image_, now, tell, &said);
    if (image_ != nullptr) metadata_->release(self_, image_);
    image_ = now;
    return said;
  }

 private:
  const chr_metadata_v1* const metadata_;
  void* const self_;
  const chr_topic_changes_v1* const changes_;
  void* const of_changes_;
  chr_catalog* image_ = nullptr;
};

TEST(TopicChanges, OfThePlugin) {
  TestNode node;
  node.start_as_leader();
  void* of_changes = nullptr;
  const auto* changes =
      static_cast<const chr_topic_changes_v1*>(node.service(CHR_TOPIC_CHANGES_ID, &of_changes));
  Follower follower(node.table, node.self, changes, of_changes);
  EXPECT_EQ(follower.look(), "");
  const auto made = {node.create("b", 2), node.create("a"), node.create("d")};
  node.host.run();
  for (const auto& each : made) EXPECT_EQ(each->code(), CHR_OK);
  EXPECT_EQ(follower.look(), "1:a:0-1 1:b:0-2 1:d:0-1 ");
  node.role("b", 0, 3, 1);  // a leader is no change of a topic
  node.host.advance(50ms);
  EXPECT_EQ(node.leader("b"), (std::pair<int32_t, uint64_t>{1, 3}));
  EXPECT_EQ(follower.look(), "");
  const auto more = node.extend("b", 5);
  const chr_uuid gone = node.topic("a")->id;
  const auto removed = node.remove({gone, node.topic("d")->id});
  node.host.run();
  const auto again = node.create("a", 3);
  const chr_config_change change{to_abi("retention.ms"), to_abi("1"), 0, 0};
  const chr_topic_configs configs{node.topic("b")->id, &change, 1, 0};
  const auto configured = node.begin(1, [&](chr_change_result* results, uint64_t token) {
    return node.table->alter_configs(node.self, &configs, 1, 0, kSecond, results, token, nullptr);
  });
  node.host.run();
  EXPECT_EQ(configured->code(), CHR_OK);
  EXPECT_EQ(follower.look(), "2:a:1-1 1:a:0-3 12:b:2-5 2:d:1-1 ");
  EXPECT_EQ(follower.look(), "");
  const int32_t target = 1;
  const chr_reassignment ongoing{
      node.topic("b")->id, 4, 0, &target, 1, 0};  // where it is: nothing became of it
  const auto moved = node.begin(1, [&](chr_change_result* results, uint64_t token) {
    return node.table->alter_reassignments(node.self, &ongoing, 1, kSecond, results, token, nullptr);
  });
  node.host.run();
  EXPECT_EQ(moved->code(), CHR_OK);
  EXPECT_EQ(follower.look(), "");
}

TEST(TopicChanges, OfTheFake) {
  FakeHost host;
  FakeMetadata metadata(&host);
  FakeTopicChanges fake(&host, &metadata);
  void* self = nullptr;
  void* of_changes = nullptr;
  const auto* table = Host(host.core()).acquire<chr_metadata_v1>(CHR_METADATA_ID, &self);
  const auto* changes = Host(host.core()).acquire<chr_topic_changes_v1>(CHR_TOPIC_CHANGES_ID, &of_changes);
  Follower follower(table, self, changes, of_changes);
  metadata.add_topic("a");
  metadata.add_topic("b", 2);
  EXPECT_EQ(follower.look(), "1:a:0-1 1:b:0-2 ");
  metadata.set_leader("b", 0, 2, 9);
  EXPECT_EQ(follower.look(), "");
  metadata.remove_topic("a");
  metadata.add_topic("a", 3, 1, {{"k", "v"}});
  metadata.remove_topic("b");
  EXPECT_EQ(follower.look(), "2:a:1-1 1:a:0-3 2:b:2-2 ");
}

TEST(TopicChanges, AReassignmentIsAMove) {
  TestNode node;
  node.start_as_leader();
  void* of_changes = nullptr;
  const auto* changes =
      static_cast<const chr_topic_changes_v1*>(node.service(CHR_TOPIC_CHANGES_ID, &of_changes));
  Catalog catalog;
  const auto apply = [&](Body body) { catalog.apply(Command{{}, std::move(body)}); };
  apply(SyncBatch{{}, {Node{1, "h", 1, "", {}}, Node{2, "h", 1, "", {}}}});
  apply(CreateTopics{{{{}, Uuid{{1}}, "a", 2, 1, {1, 1}, {}}, {{}, Uuid{{2}}, "b", 1, 1, {1}, {}}}});
  ImageRef image = catalog.publish();
  const auto look = [&] {
    std::string said;
    ImageRef now = catalog.publish();
    const auto abi = [](const ImageRef& of) {
      return reinterpret_cast<chr_catalog*>(const_cast<Image*>(of.get()));
    };
    const auto tell = [](void* context, const chr_topic_change* change) {
      *static_cast<std::string*>(context) +=
          std::to_string(change->what) + ":" + std::string(from_abi(change->topic->name)) + " ";
    };
    changes->between(of_changes, abi(image), abi(now), tell, &said);
    image = now;
    return said;
  };
  apply(AlterReassignments{{{{}, Uuid{{1}}, 1, false, false, {2}}}});
  EXPECT_EQ(look(), "16:a ");
  apply(SyncBatch{{{Uuid{{1}}, 0, 7, 2}}, {}});
  EXPECT_EQ(look(), "");
  apply(FinishReassignments{{{{}, Uuid{{1}}, 1, {2}}}});
  EXPECT_EQ(look(), "16:a ");
}

}  // namespace
}  // namespace chronik::metadata::test
