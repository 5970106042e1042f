// The client of chronik.assignor/1, with a fake behind it.
#include <gtest/gtest.h>

#include <chronik/assignor_plugin.hpp>
#include <chronik/testing/fake_assignor.hpp>

namespace chronik {
namespace {

constexpr chr_uuid kOrders{{1}}, kClicks{{2}}, kEmpty{{3}};
constexpr uint32_t kAll[] = {0, 1, 2}, kFirst[] = {0}, kBackwards[] = {1, 0}, kUnknown[] = {3};

// Two topics of three and two partitions, one of none; a reads all, b the first.
AssignorGroup two_members() {
  AssignorGroup group;
  EXPECT_EQ(group.add_topic(kOrders, 3), 0u);
  EXPECT_EQ(group.add_topic(kClicks, 2), 1u);
  EXPECT_EQ(group.add_topic(kEmpty, 0), 2u);
  EXPECT_EQ(group.add_member({.id = "a", .topics = kAll}), 0u);
  EXPECT_EQ(group.add_member({.id = "b", .topics = kFirst}), 1u);
  return group;
}

std::string text(std::span<const AssignedTopic> topics) {
  std::string out;
  for (const AssignedTopic& topic : topics) {
    out += std::to_string(topic.topic) + ":";
    for (const int32_t p : topic.partitions) out += std::to_string(p) + ",";
    out += " ";
  }
  return out;
}

class AssignorsTest : public ::testing::Test {
 protected:
  std::string failure(AssignorGroup group) {
    const Assignors assignors = *Assignors::acquire(Host(host_.core()), {"deal"});
    const auto assignment = assignors.assign("deal", group);
    return assignment ? "none" : assignment.error().message;
  }

  testing::FakeHost host_;
  testing::FakeAssignor fake_{&host_, "deal"};
};

TEST_F(AssignorsTest, EachMemberGetsItsTopicsInOrder) {
  testing::FakeAssignor other(&host_, "other");
  const auto assignors = Assignors::acquire(Host(host_.core()), {"other", "deal"});
  ASSERT_TRUE(assignors) << assignors.error().message;
  EXPECT_EQ(assignors->names(), (std::vector<std::string>{"other", "deal"}));
  EXPECT_TRUE(assignors->contains("deal"));
  EXPECT_FALSE(assignors->contains("sticky"));
  AssignorGroup group = two_members();
  const auto assignment = assignors->assign("deal", group);
  ASSERT_TRUE(assignment) << assignment.error().message;
  EXPECT_EQ(text(assignment->of(0)), "0:0,2, 1:0,1, ");
  EXPECT_EQ(text(assignment->of(1)), "0:1, ");
  EXPECT_EQ(assignment->partitions_of(0), 4u);
  EXPECT_EQ(assignment->partitions(), 5u);
  EXPECT_EQ(fake_.asked().size(), 1u);
  EXPECT_TRUE(other.asked().empty());
}

TEST_F(AssignorsTest, AnAssignmentOutlivesItsGroupAndMayBeMoved) {
  const Assignors assignors = *Assignors::acquire(Host(host_.core()), {"deal"});
  std::vector<GroupAssignment> kept;
  {
    AssignorGroup group = two_members();
    kept.push_back(*assignors.assign("deal", group));
  }
  const GroupAssignment moved = std::move(kept[0]);
  EXPECT_EQ(text(moved.of(0)), "0:0,2, 1:0,1, ");
}

TEST_F(AssignorsTest, TheAssignorSeesWhatTheGroupHas) {
  const std::string_view racks[] = {"east", "west"};
  AssignorGroup group = two_members();
  const int32_t owned[] = {2, 0, 7, -1};  // the topic has three
  group.add_owned(1, 0, owned);
  group.add_racks(0, 1, racks);
  group.add_racks(1, 0, std::span(racks).first(1));
  group.add_member({.id = "c", .instance_id = "i", .rack = "west", .topics = kFirst});
  fake_.answer = [](const chr_assignor_group& view, std::span<uint32_t>) -> Status {
    EXPECT_TRUE(racks_of(view, 0).empty());
    EXPECT_EQ(racks_of(view, 1).size(), 2u);
    EXPECT_EQ(racks_of(view, 2).size(), 0u);
    EXPECT_EQ(racks_of(view, 3).size(), 1u);
    EXPECT_EQ(racks_of(view, 4).size(), 0u);
    EXPECT_EQ(view.members[0].rack, CHR_ASSIGNOR_NO_RACK);
    EXPECT_EQ(from_abi(view.racks[view.members[2].rack]), "west");
    EXPECT_EQ(from_abi(view.members[2].instance_id), "i");
    return {};
  };
  EXPECT_EQ(failure(std::move(group)), "none");
  ASSERT_EQ(fake_.asked().size(), 1u);
  EXPECT_FALSE(fake_.asked()[0].homogeneous);
  EXPECT_EQ(fake_.asked()[0].owners,
            (std::vector<uint32_t>{1, CHR_ASSIGNOR_NOBODY, 1, CHR_ASSIGNOR_NOBODY, CHR_ASSIGNOR_NOBODY}));
}

TEST_F(AssignorsTest, AGroupIsHomogeneousWhereAllSubscribeToTheSame) {
  AssignorGroup group;
  group.add_topic(kOrders, 1);
  group.add_member({.id = "a", .topics = kFirst});
  group.add_member({.id = "b", .topics = kFirst});
  EXPECT_EQ(failure(std::move(group)), "none");
  EXPECT_EQ(failure(AssignorGroup()), "none");
  EXPECT_TRUE(fake_.asked()[0].homogeneous);
  EXPECT_TRUE(fake_.asked()[1].homogeneous) << "nobody differs";
}

TEST_F(AssignorsTest, WhatAnAssignorMayNotSayIsRefusedByName) {
  const auto answer = [this](uint32_t partition, uint32_t member) {
    fake_.answer = [=](const chr_assignor_group&, std::span<uint32_t> owners) -> Status {
      owners[partition] = member;
      return {};
    };
    return failure(two_members());
  };
  EXPECT_EQ(
      answer(4, 1),
      "the assignor \"deal\" gave partition 1 of topic 02000000000000000000000000000000 to the member \"b\", "
      "who does not subscribe to it");
  EXPECT_EQ(answer(2, 2),
            "the assignor \"deal\" gave partition 2 of topic 01000000000000000000000000000000 to member "
            "number 2 of 2");
  EXPECT_EQ(answer(0, 1), "none") << "partitions may stay without a reader";
  fake_.answer = [](const chr_assignor_group&, std::span<uint32_t>) -> Status {
    return fail(Code::kUnsupported, "racks are not known");
  };
  EXPECT_EQ(failure(two_members()), "the assignor \"deal\" failed: racks are not known");
}

TEST_F(AssignorsTest, AGroupOutOfOrderIsNotAskedAbout) {
  AssignorGroup topics;
  topics.add_topic(kClicks, 1);
  topics.add_topic(kOrders, 1);
  EXPECT_NE(failure(std::move(topics)).find("topics are not ascending by id at number 1"), std::string::npos);
  for (const std::span<const uint32_t> subscription : {std::span<const uint32_t>(kBackwards), {kUnknown}}) {
    AssignorGroup group = two_members();
    group.add_member({.id = "c", .topics = subscription});
    EXPECT_NE(failure(std::move(group)).find("topics of member \"c\" are no ascending numbers"),
              std::string::npos);
  }
  AssignorGroup twice = two_members();
  twice.add_member({.id = "b", .topics = kFirst});
  EXPECT_NE(failure(std::move(twice)).find("members are not ascending by id at \"b\""), std::string::npos);
  EXPECT_TRUE(fake_.asked().empty());
}

TEST_F(AssignorsTest, NamesThatNobodyProvidesAreRefused) {
  const Host host(host_.core());
  const auto unknown = Assignors::acquire(host, {"deal", "sticky"});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().message,
            "no plugin provides the assignor \"sticky\" (chronik.assignor/1:sticky)");
  const auto twice = Assignors::acquire(host, {"deal", "deal"});
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().message, "the assignor \"deal\" is named twice");
  AssignorGroup group = two_members();
  const auto absent = Assignors::acquire(host, {"deal"})->assign("sticky", group);
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, Code::kNotFound);
}

class First final : public AssignorPlugin<First> {
 public:
  static constexpr std::string_view kName = "first";
  static Status assign(const chr_assignor_group& group, std::span<uint32_t> owners) {
    if (group.n_members == 0) return fail(Code::kUnavailable, "nobody is there");
    if (group.n_members == 2) throw std::runtime_error("two are too many");
    std::ranges::fill(owners, 0u);
    return {};
  }
};

TEST(AssignorPlugin, IsFoundUnderItsNameAndLetsNothingOut) {
  First plugin;
  void* self = nullptr;
  EXPECT_EQ(plugin.service("chronik.assignor/1", &self), nullptr);
  EXPECT_EQ(plugin.service("chronik.assignor/1:last", &self), nullptr);
  EXPECT_EQ(plugin.service("chronik.assignor/1:firsts", &self), nullptr);
  const auto* table = static_cast<const chr_assignor_v1*>(plugin.service("chronik.assignor/1:first", &self));
  ASSERT_NE(table, nullptr);
  testing::FakeHost host;
  host.provide("chronik.assignor/1:first", table, self);
  const Assignors assignors = *Assignors::acquire(Host(host.core()), {"first"});
  AssignorGroup nobody;
  EXPECT_EQ(assignors.assign("first", nobody).error().message,
            "the assignor \"first\" failed: nobody is there");
  AssignorGroup two = two_members();
  EXPECT_EQ(assignors.assign("first", two).error().message,
            "the assignor \"first\" failed: two are too many");
  AssignorGroup one;
  one.add_topic(kOrders, 2);
  one.add_member({.id = "a", .topics = kFirst});
  EXPECT_EQ(assignors.assign("first", one)->partitions_of(0), 2u);
}

}  // namespace
}  // namespace chronik
