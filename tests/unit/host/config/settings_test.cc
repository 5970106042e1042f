#include "host/config/settings.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "host/config/host_schema.h"
#include "host/config/print.h"

namespace chronik::host {
namespace {

// A configuration with the host's schemas and whatever else a test reads.
class Fixture {
 public:
  explicit Fixture(std::string text, std::vector<EnvironmentVariable> environment = {},
                   std::vector<Override> flags = {})
      : document_(parse_toml(text)) {
    diagnostics_.set_file("node.toml", text);
    settings_ = std::make_unique<Settings>(document_, std::move(flags), std::move(environment), diagnostics_);
    config_ = read_host_config(*settings_, "/etc/chronik/node.toml");
  }
  std::string errors() {
    settings_->report_undeclared();
    return diagnostics_.render("");
  }
  Settings& settings() { return *settings_; }
  const HostConfig& config() const { return config_; }
  std::string messages() {
    settings_->report_undeclared();
    std::string out;
    for (const Diagnostic& d : diagnostics_.all()) out += d.message + "\n";
    return out;
  }

 private:
  TomlDocument document_;
  Diagnostics diagnostics_;
  std::unique_ptr<Settings> settings_;
  HostConfig config_;
};

TEST(Settings, EveryKeyHasADefault) {
  Fixture f("");
  EXPECT_EQ(f.errors(), "0 errors, 0 warnings.\n");
  EXPECT_EQ(f.config().node_id, 1);
  EXPECT_EQ(f.config().data_dir, "/var/lib/chronik");
  EXPECT_EQ(f.config().http_listen, "127.0.0.1:9644");
  EXPECT_EQ(f.config().log_level, "info");
  EXPECT_EQ(f.config().drain_timeout_ns, 30'000'000'000);
  EXPECT_EQ(f.config().file_io, "auto");
  EXPECT_EQ(f.settings().find("storage.plugin")->value->text(), "storage-lmdb");
}

TEST(Settings, PrecedenceIsFlagEnvironmentFileDefault) {
  Fixture f("node_id = 2\n[log]\nlevel = \"warn\"\n[http]\nlisten = \"127.0.0.1:1\"\n",
            {{"CHRONIK_LOG__LEVEL", "debug"}, {"CHRONIK_HTTP__LISTEN", "127.0.0.1:2"}, {"HOME", "/root"}},
            {{"http.listen", "127.0.0.1:3", Origin::kFlag, "--set http.listen=127.0.0.1:3"},
             {"data_dir", "/tmp/dev", Origin::kPreset, "dev"},
             {"node_id", "9", Origin::kPreset, "dev"}});
  EXPECT_EQ(f.errors(), "0 errors, 0 warnings.\n");
  EXPECT_EQ(f.config().node_id, 2);
  EXPECT_EQ(f.config().log_level, "debug");
  EXPECT_EQ(f.config().http_listen, "127.0.0.1:3");
  EXPECT_EQ(f.config().data_dir, "/tmp/dev");
  EXPECT_EQ(f.settings().find("node_id")->source, "node.toml:1");
  EXPECT_EQ(f.settings().find("log.level")->source, "CHRONIK_LOG__LEVEL");
  EXPECT_EQ(f.settings().find("log.format")->origin, Origin::kDefault);
}

TEST(Settings, AnErrorInTheFileIsFoundEvenWhereItIsOverridden) {
  Fixture f("[log]\nlevel = \"loud\"\n", {{"CHRONIK_LOG__LEVEL", "debug"}});
  EXPECT_NE(f.messages().find("log.level: \"loud\" is none of"), std::string::npos);
}

TEST(Settings, ErrorsOfVariablesAndFlagsNameThem) {
  Fixture f("", {{"CHRONIK_NODE_ID", "one"}},
            {{"drain_timeout", "5", Origin::kFlag, "--set drain_timeout=5"}});
  const std::string text = f.errors();
  EXPECT_NE(text.find("CHRONIK_NODE_ID: error: node_id: expected an integer, got \"one\""), std::string::npos)
      << text;
  EXPECT_NE(text.find("--set drain_timeout=5: error: drain_timeout: \"5\" has no unit"), std::string::npos)
      << text;
}

TEST(Settings, UnknownNamesAreErrorsWithSuggestions) {
  Fixture f(
      "nod_id = 1\nlevel = \"info\"\n[htpp]\nlisten = \"x\"\n[log]\nlevle = \"info\"\n[storage]\nplugni = "
      "\"x\"\n",
      {{"CHRONIK_LOG__LEVEl", "x"}, {"CHRONIK_NODE_IDD", "1"}, {"CHRONIK_PORT", "tcp://10.0.0.1"}},
      {{"log.lvl", "x", Origin::kFlag, "--set log.lvl=x"}});
  const std::string text = f.messages();
  for (const char* expected :
       {"unknown key nod_id; did you mean node_id?", "unknown key level; did you mean log.level?",
        "unknown table htpp; did you mean http?", "unknown key log.levle; did you mean log.level?",
        "unknown key storage.plugni; did you mean storage.plugin?",
        "unknown key log.lvl; did you mean log.level?", "did you mean CHRONIK_LOG__LEVEL?",
        "did you mean CHRONIK_NODE_ID?"}) {
    EXPECT_NE(text.find(expected), std::string::npos) << expected << "\nin\n" << text;
  }
  EXPECT_EQ(text.find("CHRONIK_PORT"), std::string::npos) << "Kubernetes sets that one";
}

TEST(Settings, AValueInPlaceOfATableIsExplained) {
  Fixture f("storage = \"storage-lmdb\"\n");
  EXPECT_NE(f.messages().find("storage is a table, not a string: write [storage] and its keys below"),
            std::string::npos);
}

TEST(Settings, ATableThatCannotBeJudgedIsLeftAlone) {
  Fixture f("[kafka]\nlisten = [\"a:1\"]\n", {{"CHRONIK_KAFKA__LISTEN", "a:1"}});
  f.settings().leave_alone("kafka");
  EXPECT_EQ(f.errors(), "0 errors, 0 warnings.\n");
}

TEST(Settings, PluginTablesBecomeCanonicalJson) {
  Fixture f("[kafka]\nlisten = [\"a:1\"]\ntls.enabled = true\n", {{"CHRONIK_KAFKA__PAUSE", "2s"}});
  TableSchema schema{.table = "kafka", .declared_by = "kafka-proto 1", .doc = {}, .keys = {}};
  for (const auto& [name, type] :
       {std::pair{"listen", KeyType::kAddress}, std::pair{"tls.enabled", KeyType::kBool},
        std::pair{"pause", KeyType::kDuration}, std::pair{"absent", KeyType::kString}}) {
    KeySchema key;
    key.name = name;
    key.type = type;
    key.list = type == KeyType::kAddress;
    schema.keys.push_back(key);
  }
  f.settings().read(schema);
  EXPECT_EQ(f.errors(), "0 errors, 0 warnings.\n");
  const TableValues values = f.settings().values("kafka");
  EXPECT_EQ(values.json(), R"({"listen":["a:1"],"pause":2000000000,"tls":{"enabled":true}})");
  EXPECT_EQ(values.find("plugin"), nullptr) << "the slot is the host's";
  EXPECT_EQ(values.find("absent"), nullptr);
  EXPECT_TRUE(values.is_given("listen"));
  EXPECT_FALSE(values.is_given("absent"));
}

TEST(Settings, RelativePathsInTheFileAreRelativeToIt) {
  EXPECT_EQ(Fixture("data_dir = \"data\"\n").config().data_dir, "/etc/chronik/data");
}

TEST(Settings, AnOpenHttpPortIsAWarning) {
  Fixture f("[http]\nlisten = \"0.0.0.0:9644\"\n");
  EXPECT_NE(f.errors().find("0 errors, 1 warning."), std::string::npos);
}

TEST(Peers, OneEntryThatIsThisNode) {
  Fixture f("node_id = 3\n[[peer]]\nid = 3\nraft = \"10.0.0.3:9093\"\n");
  EXPECT_EQ(f.errors(), "0 errors, 0 warnings.\n");
  ASSERT_EQ(f.config().peers.size(), 1u);
  EXPECT_EQ(f.config().peers[0].raft, "10.0.0.3:9093");
}

TEST(Peers, WhatIsWrong) {
  EXPECT_NE(
      Fixture("[[peer]]\nid = 1\nraft = \"a:1\"\n").messages().find("node_id is required with [[peer]]"),
      std::string::npos);
  EXPECT_NE(Fixture("node_id = 2\n[[peer]]\nid = 1\nraft = \"a:1\"\n")
                .messages()
                .find("no [[peer]] has the id of this"),
            std::string::npos);
  EXPECT_NE(
      Fixture("node_id = 1\n[[peer]]\nid = 0\nraft = \"a\"\nrft = 1\n").messages().find("did you mean raft?"),
      std::string::npos);
  EXPECT_NE(Fixture("node_id = 1\n[[peer]]\nid = 1\n").messages().find("peer.raft is missing"),
            std::string::npos);
  EXPECT_NE(Fixture("node_id = 1\npeer = 1\n").messages().find("write [[peer]]"), std::string::npos);
  const std::string two =
      Fixture("node_id = 1\n[[peer]]\nid = 1\nraft = \"a:1\"\n[[peer]]\nid = 1\nraft = \"a:1\"\n").messages();
  EXPECT_NE(two.find("two peers have the id 1"), std::string::npos);
  EXPECT_NE(two.find("have the same address a:1"), std::string::npos);
}

// One mistake, one error: where the id of an entry is wrong, whether one of them is this node is not known.
TEST(Peers, OneMistakeOneError) {
  const std::string three =
      "[[peer]]\nid = 1\nraft = \"a:1\"\n[[peer]]\nid = 2\nraft = \"b:1\"\n[[peer]]\nid = ";
  const auto count = [](Fixture f) {
    const std::string text = f.messages();
    return std::ranges::count(text, '\n');
  };
  EXPECT_EQ(count(Fixture("node_id = 3\n" + three + "2\nraft = \"c:1\"\n")), 1) << "two of one id";
  EXPECT_EQ(count(Fixture("node_id = 3\n" + three + "\"3\"\nraft = \"c:1\"\n")), 1)
      << "an id that is no number";
  EXPECT_EQ(count(Fixture("node_id = 3\n" + three + "3\nraft = \"c\"\n")), 1) << "its own without a port";
  EXPECT_EQ(count(Fixture("node_id = 3\n" + three + "4\nraft = \"c:1\"\n")), 1) << "it is none of them";
  EXPECT_EQ(count(Fixture("node_id = 2\n" + three + "2\nraft = \"c:1\"\n[[peer]]\nid = 2\nraft = \"d:1\"\n")),
            2);
  EXPECT_EQ(count(Fixture(three + "3\nraft = \"c\"\n")), 2) << "no node_id, and no port";
  EXPECT_EQ(count(Fixture("node_id = 3\n", {{"CHRONIK_PEER", "1@a:1,2@b:1,2@c:1"}})), 1);
}

TEST(Peers, AClusterOfThree) {
  Fixture f(
      "node_id = 2\n[[peer]]\nid = 1\nraft = \"a:9093\"\n[[peer]]\nid = 2\nraft = \"b:9093\"\n"
      "[[peer]]\nid = 3\nraft = \"[::1]:9093\"\n");
  EXPECT_EQ(f.errors(), "0 errors, 0 warnings.\n");
  ASSERT_EQ(f.config().peers.size(), 3u);
  EXPECT_EQ(f.config().node_id, 2);
  EXPECT_EQ(f.config().peers[2].id, 3);
  EXPECT_EQ(f.config().peers[2].raft, "[::1]:9093");
}

TEST(Peers, FromTheEnvironment) {
  Fixture f("node_id = 1\n", {{"CHRONIK_PEER", "1@10.0.0.1:9093"}});
  EXPECT_EQ(f.errors(), "0 errors, 0 warnings.\n");
  EXPECT_EQ(f.config().peers.at(0).id, 1);
  EXPECT_NE(Fixture("node_id = 1\n", {{"CHRONIK_PEER", "10.0.0.1:9093"}}).messages().find("ID@HOST:PORT"),
            std::string::npos);
}

TEST(Print, TheDefaultFileIsValidAsItStandsAndUncommented) {
  const std::string text = print_default_config(host_schemas());
  Fixture commented(text);
  EXPECT_EQ(commented.errors(), "0 errors, 0 warnings.\n");
  std::string uncommented = text.substr(0, text.find("\n# The nodes of a cluster"));
  for (size_t at; (at = uncommented.find("\n#")) != std::string::npos;) {
    if (uncommented[at + 2] == ' ') {
      uncommented.erase(at + 1, uncommented.find('\n', at + 1) - at);
    } else {
      uncommented.erase(at + 1, 1);
    }
  }
  Fixture f(uncommented);
  EXPECT_EQ(f.errors(), "0 errors, 0 warnings.\n") << uncommented;
  EXPECT_EQ(f.settings().find("log.level")->origin, Origin::kFile);
}

TEST(Print, TheEffectiveConfigurationReadsBackTheSame) {
  Fixture f("node_id = 2\n[log]\nlevel = \"warn\"\n", {{"CHRONIK_RACK", "r\"1"}});
  const std::string text = print_config(f.settings(), f.config().peers, true);
  EXPECT_NE(text.find("# file node.toml:1"), std::string::npos);
  EXPECT_NE(text.find("# environment CHRONIK_RACK"), std::string::npos);
  Fixture again(text);
  EXPECT_EQ(again.errors(), "0 errors, 0 warnings.\n") << text;
  EXPECT_EQ(again.config().rack, "r\"1");
  EXPECT_EQ(again.config().node_id, 2);
}

}  // namespace
}  // namespace chronik::host
