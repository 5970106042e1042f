// What chronik-server prints, word for word.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <regex>
#include <sstream>

#include "process.h"

namespace chronik::host {
namespace {

namespace fs = std::filesystem;
using testing::Output;
using testing::Process;

struct Case {
  const char* name;  // and that of its golden file
  std::vector<std::string> arguments;
  std::vector<std::string> environment = {};
};

std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }

std::string replace(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

class Golden : public ::testing::TestWithParam<Case> {
 protected:
  // A folder of a few exhibits, so that new ones do not change the goldens.
  Golden() {
    for (const char* name :
         {"museum-crash-on-create", "museum-crash-on-load", "museum-crash-on-validate", "museum-good",
          "museum-major2", "museum-missing-service", "museum-null-function", "museum-retry", "museum-text"}) {
      const std::string file = std::string(name) + ".so";
      fs::create_symlink(fs::path(CHRONIK_MUSEUM_DIR) / file, plugins_.path() / file);
    }
  }

  std::string transcript(const Case& c) {
    std::vector<std::string> arguments, environment = c.environment;
    std::string text = "$";
    for (const std::string& variable : c.environment) text += " " + variable;
    text += " chronik-server";
    for (const std::string& argument : c.arguments) {
      text += " " + argument;
      arguments.push_back(replace(argument, "PLUGINS", plugins_.path()));
    }
    environment.push_back("CHRONIK_PLUGIN_DIR=" + plugins_.path().string());
    const Output output = Process(arguments, environment, CHRONIK_GOLDEN_DIR).finish();
    text += "\nexit " + std::to_string(output.code) + "\n";
    if (!output.out.empty()) text += "---- stdout\n" + output.out;
    if (!output.err.empty()) text += "---- stderr\n" + output.err;
    // The folder's name may have any length, so what is aligned behind it is not compared.
    text = std::regex_replace(text, std::regex("(" + plugins_.path().string() + "[^ \n]*) +"), "$1 ");
    return replace(text, plugins_.path(), "PLUGINS");
  }

  testing::TemporaryFolder plugins_;
};

TEST_P(Golden, Same) {
  const std::string text = transcript(GetParam());
  const fs::path file = fs::path(CHRONIK_GOLDEN_DIR) / (std::string(GetParam().name) + ".txt");
  if (std::getenv("CHRONIK_UPDATE_GOLDEN") != nullptr) std::ofstream(file) << text;
  std::ifstream in(file);
  ASSERT_TRUE(in) << file << " is missing; CHRONIK_UPDATE_GOLDEN=1 writes it";
  std::stringstream golden;
  golden << in.rdbuf();
  EXPECT_EQ(text, golden.str());
}

INSTANTIATE_TEST_SUITE_P(
    Host, Golden,
    ::testing::Values(
        Case{"check-ten-mistakes",
             {"check", "--config", "ten-mistakes.toml"},
             {"CHRONIK_PLUGINS=museum-good"}},
        Case{"check-all-at-once", {"check", "--config", "all-at-once.toml"}},
        Case{"check-crash",
             {"check", "--config", "good.toml", "--set", "plugins=museum-good,museum-crash-on-load", "--set",
              "museum.retries=11"}},
        Case{"start-crash",
             {"start", "--config", "good.toml", "--set", "plugins=museum-good,museum-crash-on-load"}},
        Case{"start-crash-on-create",
             {"start", "--config", "good.toml", "--set", "plugins=museum-crash-on-create"}},
        Case{"check-crash-on-validate",
             {"check", "--config", "good.toml", "--set", "plugins=museum-crash-on-validate", "--set",
              "log.lvl=debug"}},
        Case{"check-null-function",
             {"check", "--config", "good.toml", "--set", "retry.plugin=museum-null-function", "--set",
              "plugins=museum-good", "--set", "museum.retries=11"}},
        Case{"start-null-function",
             {"start", "--config", "good.toml", "--set", "plugins=museum-good", "--set",
              "retry.plugin=museum-null-function"}},
        Case{"plugin-check-null-function", {"plugin", "check", "--dir", "PLUGINS", "museum-null-function"}},
        Case{"plugin-check-crash", {"plugin", "check", "--dir", "PLUGINS", "museum-crash-on-load"}},
        Case{"check-wildcard", {"check", "--config", "wildcard.toml", "--set", "plugins=museum-good"}},
        Case{"check-flags",
             {"check", "--config", "good.toml", "--set", "plugins=museum-good", "--set", "log.lvl=debug",
              "--set", "museum.retries=11"},
             {"CHRONIK_MUSEUM__MODE=quick", "CHRONIK_MUSEUM__PAUES=1s", "CHRONIK_NODEID=1"}},
        Case{"check-absent-plugin", {"check", "--config", "good.toml", "--set", "plugins=museum-godo"}},
        Case{"check-wrong-slot", {"check", "--config", "good.toml", "--set", "storage.plugin=museum-retry"}},
        Case{"check-no-file", {"check", "--config", "absent.toml"}},
        Case{"check-good", {"check", "--config", "good.toml", "--set", "plugins=museum-good"}},
        Case{"config-print-origin",
             {"config", "print", "--config", "good.toml", "--origin", "--set", "drain_timeout=5s", "--set",
              "plugins=[\"museum-good\"]"},
             {"CHRONIK_MUSEUM__LISTEN=10.0.0.1:1,10.0.0.2:2"}},
        Case{"config-default",
             {"config", "default", "--config", "good.toml", "--set", "plugins=museum-good"}},
        Case{"help", {"--help"}}, Case{"help-start", {"start", "--help"}},
        Case{"help-dev", {"dev", "--help"}}, Case{"help-check", {"check", "--help"}},
        Case{"help-config", {"config", "--help"}}, Case{"help-config-print", {"config", "print", "--help"}},
        Case{"help-config-default", {"config", "default", "--help"}},
        Case{"help-plugin", {"plugin", "--help"}}, Case{"help-plugin-ls", {"plugin", "ls", "--help"}},
        Case{"help-plugin-info", {"plugin", "info", "--help"}},
        Case{"help-plugin-check", {"plugin", "check", "--help"}}, Case{"help-version", {"version", "--help"}},
        Case{"unknown-command", {"strat"}}, Case{"unknown-plugin-command", {"plugin", "lst"}},
        Case{"unknown-option", {"check", "--confg", "good.toml"}}, Case{"missing-option", {"check"}},
        Case{"no-command", {}}, Case{"bad-set", {"check", "--config", "good.toml", "--set", "log.level"}},
        Case{"version", {"version"}}, Case{"plugin-ls", {"plugin", "ls", "--dir", "PLUGINS"}},
        Case{"plugin-info", {"plugin", "info", "--dir", "PLUGINS", "museum-good"}},
        Case{"plugin-info-refused", {"plugin", "info", "PLUGINS/museum-major2.so"}},
        Case{"plugin-check", {"plugin", "check", "--dir", "PLUGINS", "museum-retry"}},
        Case{"help-cluster-status", {"cluster", "status", "--help"}}, Case{"help-node", {"node", "--help"}},
        Case{"help-node-list", {"node", "list", "--help"}},
        Case{"help-node-status", {"node", "status", "--help"}},
        Case{"help-node-add", {"node", "add", "--help"}},
        Case{"help-node-remove", {"node", "remove", "--help"}}, Case{"help-group", {"group", "--help"}},
        Case{"help-group-list", {"group", "list", "--help"}},
        Case{"help-group-describe", {"group", "describe", "--help"}},
        Case{"help-group-delete", {"group", "delete", "--help"}},
        Case{"help-group-reset-offsets", {"group", "reset-offsets", "--help"}},
        Case{"group-reset-nowhere", {"group", "reset-offsets", "--group", "g", "--all-topics"}},
        Case{"group-reset-twice",
             {"group", "reset-offsets", "--group", "g", "--all-topics", "--to-latest", "--shift-by", "1"}},
        Case{"group-reset-nothing", {"group", "reset-offsets", "--group", "g", "--to-latest"}},
        Case{"group-reset-bad-topic",
             {"group", "reset-offsets", "--group", "g", "--topic", "orders:0,x", "--to-latest"}},
        Case{"group-reset-bad-time",
             {"group", "reset-offsets", "--group", "g", "--topic", "orders:0,1", "--to-datetime",
              "yesterday"}},
        Case{"group-describe-nothing", {"group", "describe"}},
        Case{"group-nobody-there", {"group", "list", "--http", "127.0.0.1:1"}},
        Case{"node-add-without-id", {"node", "add", "--raft", "h:1"}},
        Case{"node-nobody-there", {"node", "list", "--http", "127.0.0.1:1"}},
        Case{"help-storage", {"storage", "--help"}},
        Case{"help-storage-check", {"storage", "check", "--help"}},
        Case{"help-storage-copy", {"storage", "copy", "--help"}},
        Case{"storage-check-nothing", {"storage", "check"}},
        Case{"storage-check-both", {"storage", "check", "--config", "good.toml", "--data-dir", "PLUGINS"}},
        Case{"storage-check-no-file", {"storage", "check", "--config", "absent.toml"}},
        Case{"storage-check-no-data", {"storage", "check", "--data-dir", "PLUGINS"}},
        Case{"storage-copy-nothing", {"storage", "copy", "--config", "good.toml"}},
        Case{"storage-copy-no-data",
             {"storage", "copy", "--data-dir", "PLUGINS", "--from", "museum-good", "--to", "museum-retry"}},
        Case{"node-no-address", {"cluster", "status", "--http", "nowhere"}}),
    [](const auto& row) { return replace(row.param.name, "-", "_"); });

}  // namespace
}  // namespace chronik::host
