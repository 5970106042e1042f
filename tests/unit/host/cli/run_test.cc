// A node as a process: starting, stopping, and every way in which it must refuse to start.
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <sstream>

#include "process.h"

namespace chronik::host {
namespace {

using testing::Output;
using testing::Process;
using testing::TemporaryFolder;

class Run : public ::testing::Test {
 protected:
  // chronik-server start, with the museum's plugins and all slots empty.
  std::vector<std::string> arguments(const std::string& plugins, std::vector<std::string> set = {}) {
    const auto file = folder_.path() / "node.toml";
    std::ofstream(file)
        << "data_dir = \"data\"\nplugin_dir = \"" CHRONIK_MUSEUM_DIR
           "\"\n[http]\nlisten = \"127.0.0.1:0\"\n[storage]\nplugin = \"none\"\n[retry]\nplugin = "
           "\"none\"\n[raft]\nplugin = \"none\"\n[metadata]\nplugin = \"none\"\n[kafka]\nplugin = "
           "\"none\"\n";
    std::vector<std::string> out = {"start", "--config", file, "--set", "plugins=" + plugins};
    for (std::string& text : set) {
      out.emplace_back("--set");
      out.push_back(std::move(text));
    }
    return out;
  }
  Output start(const std::string& plugins, std::vector<std::string> set = {}) {
    return Process(arguments(plugins, std::move(set)), {}, "/").finish();
  }
  // Starts, waits until it is ready, stops; the whole of stderr.
  Output start_and_stop(const std::string& plugins, std::vector<std::string> set = {}) {
    Process process(arguments(plugins, std::move(set)), {}, "/");
    EXPECT_TRUE(process.wait_for("ready in ")) << process.err();
    process.signal(SIGTERM);
    return process.finish();
  }
  std::string identity() {
    std::ifstream in(folder_.path() / "data" / "node.toml");
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }
  void expect(const Output& output, int code, const std::string& message) {
    EXPECT_EQ(output.code, code) << output.err;
    EXPECT_NE(output.err.find(message), std::string::npos) << message << "\nin\n" << output.err;
  }

  TemporaryFolder folder_;
};

TEST_F(Run, StartsAndStopsOnSigterm) {
  const Output output = start_and_stop("museum-needs-counter,museum-good");
  expect(output, 0, "stopping on SIGTERM");
  EXPECT_NE(output.err.find("stopped in "), std::string::npos);
  EXPECT_EQ(output.out, "") << "logs go to stderr";
  EXPECT_LT(output.err.find("msg=\"plugin museum-good 1.0.0\""),
            output.err.find("plugin museum-needs-counter"));
}

TEST_F(Run, StopsOnSigint) {
  Process process(arguments("museum-good"), {}, "/");
  ASSERT_TRUE(process.wait_for("ready in"));
  process.signal(SIGINT);
  expect(process.finish(), 0, "stopping on SIGINT");
}

TEST_F(Run, AStopThatHangsEndsAtTheDeadline) {
  expect(start_and_stop("museum-stuck-stop", {"drain_timeout=200ms"}), 1,
         "the stop was not clean: museum-stuck-stop failed to stop");
}

// Its callbacks may still come: nothing of it is freed, though it was stopped as part of a failed start.
TEST_F(Run, APluginThatDoesNotStopAfterAFailedStartIsNotDestroyed) {
  const Output output = start("museum-stuck-stop,museum-throw-guarded", {"drain_timeout=200ms"});
  expect(output, 1, "start failed: museum-throw-guarded failed to start: the lamp fell");
  expect(output, 1, "museum-stuck-stop failed to stop");
  EXPECT_EQ(output.err.find("the exhibit is destroyed"), std::string::npos) << output.err;
}

// The museum's only test that waits: the first line comes after 10 s.
TEST_F(Run, AStartThatHangsIsNamedAndASignalEndsIt) {
  Process process(arguments("museum-stuck-start"), {}, "/");
  ASSERT_TRUE(process.wait_for("museum-stuck-start has been starting for")) << process.err();
  process.signal(SIGTERM);
  expect(process.finish(), 0,
         "stopped by a signal: museum-stuck-start failed to start: a signal came before it was done");
}

TEST_F(Run, AnExceptionInACallbackNamesThePlugin) {
  const Output output = Process(arguments("museum-throw-in-callback"), {}, "/").finish();
  EXPECT_EQ(output.code, -SIGABRT);
  expect(output, -SIGABRT, "msg=\"an exception left a callback: the lamp fell\"");
  EXPECT_NE(output.err.find("comp=museum-throw-in-callback"), std::string::npos) << output.err;
}

TEST_F(Run, ASecondSignalStopsAtOnce) {
  Process process(arguments("museum-stuck-stop", {"drain_timeout=1h"}), {}, "/");
  ASSERT_TRUE(process.wait_for("ready in"));
  process.signal(SIGTERM);
  ASSERT_TRUE(process.wait_for("the exhibit stops"));
  process.signal(SIGTERM);
  EXPECT_EQ(process.finish().code, 128 + SIGTERM);
}

TEST_F(Run, KeepsItsIdentity) {
  start_and_stop("museum-good");
  const std::string first = identity();
  EXPECT_NE(first.find("incarnation = "), std::string::npos);
  start_and_stop("museum-good");
  EXPECT_EQ(identity(), first);
}

TEST_F(Run, AnotherNodeIdIsRefused) {
  start_and_stop("museum-good");
  expect(start("museum-good", {"node_id=2"}), 1,
         "belongs to node 1, but node_id is 2; set node_id = 1, or give node 2");
}

TEST_F(Run, ANewerFormatIsRefusedByName) {
  start_and_stop("museum-good");
  std::ofstream(folder_.path() / "data" / "node.toml")
      << "format = 2\nwritten_by = \"chronik 9.1.0\"\nnodes = []\n";
  expect(start("museum-good"), 1, "has format 2, written by chronik 9.1.0; this is chronik");
}

TEST_F(Run, ADamagedIdentityIsRefused) {
  start_and_stop("museum-good");
  std::ofstream(folder_.path() / "data" / "node.toml") << "format = 1\nnode_id = 1\nincarnation = \"xyz\"\n";
  expect(start("museum-good"), 1, "is damaged (incarnation is missing)");
}

TEST_F(Run, AFolderOfSomethingElseIsRefused) {
  std::filesystem::create_directories(folder_.path() / "data" / "mail");
  expect(start("museum-good"), 1, "has files (such as mail) but no node.toml");
}

TEST_F(Run, TwoNodesNeverShareAFolder) {
  Process first(arguments("museum-good"), {}, "/");
  ASSERT_TRUE(first.wait_for("ready in"));
  expect(start("museum-good"), 1, "is in use by another chronik-server, process ");
  first.signal(SIGTERM);
  EXPECT_EQ(first.finish().code, 0);
}

TEST_F(Run, ADataDirThatCannotBeMadeIsExplained) {
  expect(start("museum-good", {"data_dir=/dev/null/x"}), 1, "cannot make data_dir /dev/null/x");
}

TEST_F(Run, APortInUseIsExplained) {
  Process first(arguments("museum-good"), {}, "/");
  ASSERT_TRUE(first.wait_for("ready in"));
  const size_t at = first.err().find("port=");
  ASSERT_NE(at, std::string::npos);
  const std::string port = std::to_string(std::stoi(first.err().substr(at + 5)));
  const TemporaryFolder other;
  const Output output =
      start("museum-good", {"http.listen=127.0.0.1:" + port, "data_dir=" + other.path().string()});
  expect(output, 1, "127.0.0.1:" + port);
}

TEST_F(Run, AFailedStartStopsTheOthersAndExits1) {
  const Output output = start("museum-needs-counter,museum-fail-start");
  expect(output, 1, "start failed: museum-fail-start failed to start: the door is locked");
}

TEST_F(Run, AFailedStartStopsWhatRan) {
  const Output output = start("museum-double-completion,museum-throw-guarded");
  expect(output, 1, "start failed: museum-throw-guarded failed to start: the lamp fell");
  EXPECT_NE(output.err.find("the exhibit stops"), std::string::npos) << output.err;
}

TEST_F(Run, AFailedCreateExits1) {
  expect(start("museum-fail-create"), 1,
         "museum-fail-create failed to be created: this machine has no museum");
}

TEST_F(Run, AnExceptionAcrossTheAbiIsContained) {
  expect(start("museum-throw-raw"), 1, "let an exception out, which no plugin may do");
}

TEST_F(Run, ADoubleCompletionIsLoggedAndIgnored) {
  expect(start_and_stop("museum-double-completion"), 0, "Plugin misbehaviour: completed an operation twice");
}

TEST_F(Run, ALeakedLeaseIsNamed) {
  expect(start_and_stop("museum-leaked-lease"), 0,
         "Plugin misbehaviour: museum-leaked-lease has stopped but 1 of its buffers are still leased");
}

TEST_F(Run, ALeaseThatWasHandedOnIsBlamedOnWhoKeptIt) {
  const Output output = start_and_stop("museum-keeper,museum-lender");
  expect(output, 0,
         "Plugin misbehaviour: museum-keeper has stopped but 1 buffers of museum-lender, which it was the "
         "last to "
         "retain, are still leased");
  EXPECT_EQ(output.err.find("misbehaviour: museum-lender"), std::string::npos) << output.err;
}

TEST_F(Run, WrongConfigurationStartsNothing) {
  const Output output = start("museum-good", {"museum.retries=11"});
  expect(output, 78, "Nothing was started.");
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "data"));
}

TEST_F(Run, LogsInJsonWhenAsked) {
  expect(start_and_stop("museum-good", {"log.format=json"}), 0, "\"msg\":\"the exhibit starts\"");
}

}  // namespace
}  // namespace chronik::host
