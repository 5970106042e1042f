// Rules between keys of the bundled plugins, and of several tables: what a start refuses, check refuses with
// the same words, and all of it at once.
#include <gtest/gtest.h>

#include <fstream>

#include "process.h"

namespace chronik::host {
namespace {

using testing::Output;
using testing::Process;
using testing::TemporaryFolder;

class Check : public ::testing::Test {
 protected:
  Output run(const std::string& command, const std::string& toml, const std::vector<std::string>& set = {}) {
    std::ofstream(folder_.path() / "node.toml") << toml;
    std::vector<std::string> arguments = {command, "--config", "node.toml"};
    for (const std::string& text : set) arguments.insert(arguments.end(), {"--set", text});
    return Process(arguments, {"CHRONIK_PLUGIN_DIR=" CHRONIK_PLUGINS}, folder_.path()).finish();
  }
  // Refused by both, with these errors and no others.
  void refused(const std::string& toml, const std::vector<std::string>& errors,
               const std::vector<std::string>& set = {}) {
    const Output checked = run("check", toml, set);
    EXPECT_EQ(checked.code, 78) << checked.err;
    for (const std::string& error : errors)
      EXPECT_NE(checked.err.find(error), std::string::npos) << error << "\nin\n" << checked.err;
    const std::string count = std::to_string(errors.size()) + (errors.size() == 1 ? " error," : " errors,");
    EXPECT_NE(checked.err.find("\n" + count), std::string::npos) << checked.err;
    const Output started = run("start", toml, set);
    EXPECT_EQ(started.code, 78);
    EXPECT_EQ(started.err, checked.err);
    EXPECT_FALSE(std::filesystem::exists(folder_.path() / "data"));
  }
  void good(const std::string& toml) {
    const Output checked = run("check", toml);
    EXPECT_EQ(checked.code, 0) << checked.err;
  }

  TemporaryFolder folder_;
};

TEST_F(Check, TheIntervalsOfRaftGoTogether) {
  refused("data_dir = \"data\"\n[raft]\nelection_timeout = \"100ms\"\n",
          {"node.toml:3:20: error: raft.heartbeat_interval (150ms) is more than a third of election_timeout "
           "(100ms); lower it, or raise election_timeout to 450ms or more\n    3 | election_timeout = "
           "\"100ms\""});
  refused("data_dir = \"data\"\n",
          {"--set raft.heartbeat_interval=2s: error: raft.heartbeat_interval (2000ms) is more than a third"},
          {"raft.heartbeat_interval=2s"});
  good("[raft]\nelection_timeout = \"450ms\"\n");
}

TEST_F(Check, TheSizesOfAStoreGoTogether) {
  const std::string head = "data_dir = \"data\"\n[storage]\n";
  refused(head + "map_size = \"1GiB\"\nmax_size = \"2GiB\"\n",
          {"node.toml:4:12: error: storage.max_size (2GiB) is above map_size (1GiB), which is the most that "
           "the store can hold; raise map_size, or lower max_size"});
  refused(
      head + "max_size = \"1MiB\"\n",
      {"node.toml:3:12: error: storage.max_size (1MiB) is below 8MiB, the least that a store works with"});
  refused(head + "max_size = \"32MiB\"\npreallocate = \"33MiB\"\n",
          {"node.toml:4:15: error: storage.preallocate (33MiB) is above what the store may take (32MiB); "
           "lower it, "
           "or raise max_size"});
  refused(head + "map_size = \"16MiB\"\npreallocate = \"17MiB\"\n", {"lower it, or raise map_size"});
  good(head + "max_size = \"32MiB\"\n");
  good(head + "max_size = \"-1\"\nmap_size = \"8MiB\"\n");
}

TEST_F(Check, ClientsMustBeAbleToConnect) {
  const std::string head = "data_dir = \"data\"\n[kafka]\n";
  refused(head + "listen = []\n",
          {"node.toml:3:10: error: kafka.listen is empty, so no client could connect"});
  refused(head + "advertise = \"a.example.com:0\"\n",
          {"node.toml:3:13: error: kafka.advertise (\"a.example.com:0\") needs a port"});
  refused(head + "listen = [\"0.0.0.0:9092\"]\nadvertise = \"0.0.0.0:9092\"\n",
          {"node.toml:4:13: error: kafka.advertise (\"0.0.0.0:9092\") is a wildcard"});
  refused(head + "listen = [\"0.0.0.0:9092\"]\n", {"node.toml:3:10: error: kafka.listen is a wildcard"});
}

TEST_F(Check, AnAddressIsTakenOnce) {
  const std::string head = "data_dir = \"data\"\nnode_id = 1\n";
  refused(head + "[kafka]\nlisten = [\"127.0.0.1:9092\", \"127.0.0.1:9092\"]\n",
          {"node.toml:4:29: error: kafka.listen: \"127.0.0.1:9092\" is given twice; leave one out"});
  refused(head + "[kafka]\nlisten = [\"0.0.0.0:9644\"]\nadvertise = \"a:9644\"\n",
          {"node.toml:4:11: error: kafka.listen: \"0.0.0.0:9644\" takes the port of \"127.0.0.1:9644\" "
           "(http.listen); choose another port"});
  refused(head + "[http]\nlisten = \"127.0.0.1:9092\"\n",
          {"node.toml:4:10: error: http.listen: \"127.0.0.1:9092\" takes the port of \"127.0.0.1:9092\" "
           "(kafka.listen)"});
  refused(head + "[[peer]]\nid = 1\nraft = \"127.0.0.1:9092\"\n[[peer]]\nid = 2\nraft = \"127.0.0.1:9644\"\n",
          {"node.toml:4:6: error: peer.raft: \"127.0.0.1:9092\" takes the port of"});
  good(head + "[kafka]\nlisten = [\"127.0.0.1:0\", \"127.0.0.1:0\", \"[::1]:9092\", \"127.0.0.2:9092\"]\n");
}

TEST_F(Check, AWrongPluginHidesNoKeyOfItsTable) {
  refused(
      "data_dir = \"data\"\n[storage]\nplugin = \"storage-lmbd\"\nmap_sise = \"1GiB\"\nqueue_bytes = \"1\"\n"
      "map_size = \"1GiB\"\nmax_size = \"2GiB\"\n",
      {"/storage-lmbd.so does not exist; did you mean \"storage-lmdb\"?\n    3 | plugin = \"storage-lmbd\"\n "
       "     |          ^~~~~~~~~~~~~~\n"
       "      = the keys of [storage] are read as those of storage-lmdb\n",
       "node.toml:4:1: error: unknown key storage.map_sise; did you mean storage.map_size?",
       "node.toml:5:15: error: storage.queue_bytes: \"1\" has no unit",
       "node.toml:7:12: error: storage.max_size (2GiB) is above map_size"});
}

TEST_F(Check, AMisplacedPluginHidesNoKeyOfItsTable) {
  refused(
      "data_dir = \"data\"\n[storage]\nplugin = \"raft\"\nmap_sise = \"1GiB\"\n[raft]\nplugin = 7\nmax_apend "
      "= 1\n",
      {"node.toml:3:10: error: storage.plugin: the plugin \"raft\" is made for [raft], not for [storage]",
       "node.toml:4:1: error: unknown key storage.map_sise",
       "node.toml:6:10: error: raft.plugin: expected a string",
       "node.toml:7:1: error: unknown key raft.max_apend; did you mean raft.max_append?"});
}

TEST_F(Check, KeysThatNobodyKnowsAreSaidNotToBeJudged) {
  refused("data_dir = \"data\"\n[storage]\nplugin = \"tapes\"\ndrive = \"/dev/st0\"\n",
          {"= the keys of [storage] are not judged before that is right"});
}

TEST_F(Check, AMissingPluginHidesNoTableOfAnother) {
  refused("data_dir = \"data\"\nplugins = [\"audit\"]\n[audit]\nlevel = 3\n[kafka]\nlisten_on = []\n",
          {"node.toml:2:11: error: plugins: there is no plugin \"audit\"",
           "node.toml:6:1: error: unknown key kafka.listen_on"});
}

TEST_F(Check, AllAtOnce) {
  refused(
      "data_dir = \"data\"\nnode_id = 3\n[raft]\nelection_timeout = \"100ms\"\nmax_apend = 1\n"
      "[storage]\nplugin = \"storage-lmbd\"\nmax_size = \"1MiB\"\npreallocate = \"2TiB\"\n"
      "[kafka]\nlisten = [\"127.0.0.1:9092\", \"127.0.0.1:9092\"]\nadvertise = \"a:0\"\n"
      "[[peer]]\nid = 1\nraft = \"a:1\"\n[[peer]]\nid = 2\nraft = \"b:1\"\n[[peer]]\nid = 2\nraft = "
      "\"c:1\"\n",
      {"node.toml:4:20: error: raft.heartbeat_interval", "node.toml:5:1: error: unknown key raft.max_apend",
       "node.toml:7:10: error: storage.plugin: there is no plugin",
       "node.toml:8:12: error: storage.max_size (1MiB)",
       "node.toml:9:15: error: storage.preallocate: 2TiB is above the greatest value",
       "node.toml:11:29: error: kafka.listen: \"127.0.0.1:9092\" is given twice",
       "node.toml:12:13: error: kafka.advertise (\"a:0\") needs a port",
       "node.toml:20:6: error: peer.id: two peers have the id 2"});
}

TEST_F(Check, AssignorsStandInAList) {
  const std::string head = "data_dir = \"data\"\n[assignor]\nplugins = ";
  const std::string range_alone = "[kafka]\ngroup_consumer_assignors = [\"range\"]\n";
  good("[assignor]\nplugins = [\"assignor-range\"]\n[assignor.range]\n" + range_alone);
  refused(
      head + "[\"assignor-range\", \"assignor-uniform\", \"assignor-range\"]\n",
      {"node.toml:3:11: error: assignor.plugins: the plugin assignor-range is selected twice; name it once"});
  refused(head + "[\"assignor-rang\"]\n", {"; did you mean \"assignor-range\"?"});
  refused(head + "[\"retry-exponential\"]\n",
          {"the plugin \"retry-exponential\" is made for [retry], not for [assignor]"});
  refused("plugins = [\"assignor-range\"]\n" + head + "[]\n",
          {"node.toml:1:11: error: plugins: the plugin \"assignor-range\" is made for [assignor]; select it "
           "there: "
           "plugins = [..., \"assignor-range\"]"});
  refused(head + "[\"assignor-range\"]\n[assignor.range]\nsticky = true\n" + range_alone,
          {"node.toml:5:1: error: unknown key assignor.range.sticky"});
  refused(head + "\"assignor-range\"\n[assignor.range]\n[assignor.mine]\nslack = 1\n",
          {"node.toml:3:11: error: assignor.plugins: "});
}

TEST_F(Check, AssignorsThatAreAskedAreSelected) {
  const std::string head = "data_dir = \"data\"\n";
  refused(head + "[assignor]\nplugins = [\"assignor-range\"]\n",
          {"node.toml:3:11: error: kafka.group_consumer_assignors names \"uniform\", which no plugin of "
           "assignor.plugins provides; they provide: range"});
  refused(head + "[kafka]\ngroup_consumer_assignors = [\"range\", \"mine\", \"other\"]\n",
          {"node.toml:3:38: error: kafka.group_consumer_assignors names \"mine\", \"other\", which no plugin "
           "of assignor.plugins provides; they provide: range, uniform"});
}

TEST_F(Check, TheNameOfAnAssignorIsTakenOnce) {
  refused("data_dir = \"data\"\n[assignor]\nplugins = [\"assignor-range\", \"" CHRONIK_MUSEUM_DIR
          "/museum-twin-range.so\"]\n",
          {"node.toml:3:11: error: assignor.plugins: two plugins provide chronik.assignor/1:range: "
           "assignor-range and "
           "museum-twin-range; select one of them"});
}

}  // namespace
}  // namespace chronik::host
