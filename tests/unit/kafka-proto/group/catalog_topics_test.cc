// What consumer groups see of the catalog, and what makes them look again.
#include "kafka-proto/group/catalog_topics.h"

#include <gtest/gtest.h>
#include <chronik/testing/fake_metadata.hpp>
#include <chronik/testing/fake_topic_changes.hpp>

namespace chronik::kafka::testing {
namespace {

class CatalogTopicsTest : public ::testing::Test {
 protected:
  CatalogTopicsTest() {
    services.metadata = chronik::Metadata::acquire(services.host).value_or(chronik::Metadata());
    services.topic_changes.table =
        services.host.acquire<chr_topic_changes_v1>(CHR_TOPIC_CHANGES_ID, &services.topic_changes.self);
  }
  bool differs(const CatalogTopics& topics) { return topics.differs_from(Catalog(services)); }
  void set_broker(int32_t id, const std::string& rack) { metadata.set_broker({id, "127.0.0.1", 9092, rack}); }

  chronik::testing::FakeHost host{1, 1, 1};
  chronik::testing::FakeMetadata metadata{&host};
  chronik::testing::FakeTopicChanges changes{&host, &metadata};
  Services services{Host(host.core())};
};

TEST_F(CatalogTopicsTest, TopicsAreFoundByNameAndById) {
  const chr_uuid id = metadata.add_topic("orders", 3);
  const CatalogTopics topics(services);
  ASSERT_TRUE(topics.find("orders").has_value());
  EXPECT_EQ(topics.find("orders")->partitions, 3);
  EXPECT_EQ(topics.find("orders")->racks_hash, 0);
  EXPECT_EQ(topics.name_of(id), "orders");
  EXPECT_EQ(topics.name_of(chr_uuid{}), "");
  EXPECT_FALSE(topics.find("none").has_value());
  std::vector<std::string> names;
  topics.each_name([&](std::string_view name) { names.emplace_back(name); });
  EXPECT_EQ(names, (std::vector<std::string>{"orders"}));
}

TEST_F(CatalogTopicsTest, GroupsLookAgainWhereTopicsComeAndGoAndAtNothingElse) {
  metadata.add_topic("orders", 3);
  const CatalogTopics before(services);
  EXPECT_FALSE(differs(before));
  metadata.set_leader("orders", 0, 1, 9);
  EXPECT_FALSE(differs(before));
  metadata.add_topic("more");
  EXPECT_TRUE(differs(before));
  const CatalogTopics now(services);
  EXPECT_GT(now.version(), before.version());
  EXPECT_FALSE(differs(now));
  metadata.remove_topic("more");
  EXPECT_TRUE(differs(now));
}

TEST_F(CatalogTopicsTest, RacksAreOfTheReplicas) {
  set_broker(1, "a");
  const chr_uuid id = metadata.add_topic("orders", 2);
  const CatalogTopics before(services);
  EXPECT_EQ(before.racks(id, 0), (std::vector<std::string>{"a"}));
  EXPECT_TRUE(before.racks(id, 7).empty());
  const int64_t hash = before.find("orders")->racks_hash;
  EXPECT_NE(hash, 0);
  EXPECT_EQ(CatalogTopics(services).find("orders")->racks_hash, hash);
  set_broker(1, "b");
  EXPECT_TRUE(differs(before));
  EXPECT_NE(CatalogTopics(services).find("orders")->racks_hash, hash);
}

}  // namespace
}  // namespace chronik::kafka::testing
