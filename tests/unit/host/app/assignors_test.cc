// Assignors that a configuration selects, this tree's and one that was built out of tree, as a plugin finds them that
// requires the service.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <chronik/assignor.hpp>
#include <chronik/testing/fake_host.hpp>
#include <fstream>

#include "host/app/plan.h"
#include "host/loader/instances.h"

namespace chronik::host {
namespace {

namespace fs = std::filesystem;

class AssignorsOfANode : public ::testing::Test {
 protected:
  AssignorsOfANode() {
    std::string name = (fs::temp_directory_path() / "chronik-assignors-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~AssignorsOfANode() override { fs::remove_all(folder_); }

  // A node of nothing but what stands in the text.
  std::unique_ptr<NodePlan> plan(const std::string& assignors) {
    std::ofstream file(folder_ / "node.toml");
    file << "plugin_dir = \"" CHRONIK_PLUGIN_DIR "\"\nplugins = [\"" CHRONIK_MUSEUM_DIR
            "/museum-needs-assignors.so\"]\n";
    for (const char* slot : {"storage", "retry", "raft", "metadata", "kafka"})
      file << "[" << slot << "]\nplugin = \"none\"\n";
    file << assignors;
    file.close();
    return std::make_unique<NodePlan>(PlanOptions{folder_ / "node.toml", {}, {}});
  }

  fs::path folder_;
};

std::string ids(const PluginSet& set) {
  std::string out;
  for (size_t i = 0; i < set.size(); ++i) out += set[i].id() + " ";
  return out;
}

TEST_F(AssignorsOfANode, AreFoundByNameWhoeverBuiltThem) {
  const auto node = plan("[assignor]\nplugins = [\"assignor-range\", \"" ASSIGNOR_NEAREST
                         "\", \"assignor-uniform\"]\n[assignor.nearest]\nslack = 50\n");
  ASSERT_TRUE(node->ok()) << node->diagnostics().render("");
  const PluginSet& set = node->set();
  EXPECT_EQ(ids(set), "assignor-range assignor-nearest assignor-uniform museum-needs-assignors ");
  EXPECT_EQ(node->plugin(*set.find("assignor-nearest")).json, "{\"slack\":50}");

  testing::FakeHost host;
  host.config_int("slack", 50);
  Instances instances(set);
  chr_error error = make_abi_error();
  for (size_t i = 0; i < set.size(); ++i) {
    ASSERT_TRUE(instances.create(i, host.core(), node->plugin(i).json));
    ASSERT_EQ(instances.start(i, i + 1, &error), CHR_OK) << error.message;
    ASSERT_TRUE(instances.check_services(i, Instances::Missing::kRefused));
  }
  const size_t consumer = *set.find("museum-needs-assignors");
  for (const std::string name : {"uniform", "range", "nearest"}) {
    void* self = nullptr;
    const std::string id = CHR_ASSIGNOR_ID ":" + name;
    const void* table = instances.acquire(consumer, id, &self);
    ASSERT_NE(table, nullptr) << name;
    host.provide(id.c_str(), table, self);
  }
  const auto assignors = Assignors::acquire(Host(host.core()), {"uniform", "range", "nearest"});
  ASSERT_TRUE(assignors) << assignors.error().message;
  for (const std::string& name : assignors->names()) {
    AssignorGroup group;
    const uint32_t topic = group.add_topic({{1}}, 7);
    for (const char* member : {"a", "b", "c"}) group.add_member({.id = member, .topics = {&topic, 1}});
    const auto assignment = assignors->assign(name, group);
    ASSERT_TRUE(assignment) << assignment.error().message;
    EXPECT_EQ(assignment->partitions(), 7u) << name;
  }
  instances.destroy_all();
}

TEST_F(AssignorsOfANode, AreLeftOutByDefaultWhereNobodyAsksThem) {
  const auto node = plan("");
  EXPECT_FALSE(node->ok());
  EXPECT_NE(node->diagnostics().render("").find(
                "museum-needs-assignors requires chronik.assignor/1, which no selected plugin provides"),
            std::string::npos)
      << node->diagnostics().render("");
}

TEST_F(AssignorsOfANode, AreMadeForTheirList) {
  const auto node = plan("[assignor]\nplugins = [\"" CHRONIK_MUSEUM_DIR "/museum-needs-assignors.so\"]\n");
  EXPECT_NE(
      node->diagnostics().render("").find(
          "museum-needs-assignors.so\" is not made for [assignor]: its manifest names no table; one for "
          "this list says config = \"assignor.NAME\", also where it has no keys"),
      std::string::npos)
      << node->diagnostics().render("");
}

}  // namespace
}  // namespace chronik::host
