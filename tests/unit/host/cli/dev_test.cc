// `dev --nodes`: real nodes with the shipped plugins, on free ports.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <sstream>

#include "host/net/bound_socket.h"
#include "process.h"

namespace chronik::host {
namespace {

using testing::Output;
using testing::Process;
using testing::TemporaryFolder;

class Dev : public ::testing::Test {
 protected:
  std::vector<std::string> words(const std::vector<std::string>& more = {}) {
    std::vector<std::string> out = {"dev", "--nodes", "3", "--memory", "--data", folder_.path() / "dev"};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }
  // The value behind a key in the file of a node.
  std::string file(int node) {
    std::ifstream in(folder_.path() / "dev" / ("node" + std::to_string(node) + ".toml"));
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }

  TemporaryFolder folder_;
};

size_t count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++n;
  return n;
}

TEST_F(Dev, AClusterStartsNamesWhoDiesAndStops) {
  Process process(words({"--port", "0"}), {"CHRONIK_NODE_ID=7"}, "/");
  for (const char* node : {"node1", "node2", "node3"})
    ASSERT_TRUE(process.wait_for(std::string(node) + " | ")) << process.err();
  ASSERT_TRUE(process.wait_for("Cluster ")) << process.err();
  ASSERT_TRUE(process.wait_for("process=")) << process.err();
  const size_t at = process.err().find("node 2 is process=");
  ASSERT_NE(at, std::string::npos) << process.err();
  ASSERT_EQ(::kill(std::stoi(process.err().substr(at + std::strlen("node 2 is process="))), SIGKILL), 0);
  ASSERT_TRUE(process.wait_for("node 2 was killed by signal 9 (Killed)")) << process.err();
  EXPECT_NE(process.err().find("Start it again with: chronik-server start --config"), std::string::npos);
  process.signal(SIGINT);
  const Output output = process.finish();
  EXPECT_EQ(output.code, 1) << "a node died";
  for (const char* node : {"node 1 has stopped\n", "node 3 has stopped\n"})
    EXPECT_NE(output.err.find(node), std::string::npos) << output.err;
  for (int node = 1; node <= 3; ++node) EXPECT_EQ(count(file(node), "[[peer]]"), 3u);
}

TEST_F(Dev, AllThatIsReadyIsShownOnce) {
  Process process(words({"--port", "0"}), {}, "/");
  ASSERT_TRUE(process.wait_for("all 3 nodes are ready")) << process.err();
  process.signal(SIGTERM);
  const Output output = process.finish();
  EXPECT_EQ(output.code, 0) << output.err;
  EXPECT_EQ(count(output.out, "A cluster of 3 nodes, ready in "), 1u) << output.out;
  EXPECT_EQ(count(output.out, "Kafka 127.0.0.1:"), 3u) << output.out;
}

// What the log says, `/readyz` says too: one node of three has no leader of __meta.
TEST_F(Dev, ANodeIsReadyOnceItsClusterIs) {
  {
    Process all(words({"--port", "0"}), {}, "/");
    ASSERT_TRUE(all.wait_for("msg=\"ready in ")) << all.err();
    all.signal(SIGTERM);
    all.finish();
  }
  const auto config = folder_.path() / "dev" / "node1.toml";
  Process one({"start", "--config", config}, {}, "/");
  ASSERT_TRUE(one.wait_for("listening for Kafka clients")) << one.err();
  one.signal(SIGTERM);
  const Output output = one.finish();
  EXPECT_EQ(output.code, 0) << output.err;
  EXPECT_EQ(count(output.err, "ready in "), 0u) << output.err;
}

TEST_F(Dev, APortThatIsTakenIsNamedAndNothingStarts) {
  // Two neighbours, of which the second one is taken.
  const auto taken = listen_tcp("127.0.0.1:0", "the test");
  ASSERT_TRUE(taken);
  const Output output = Process(words({"--port", std::to_string(taken->port - 1)}), {}, "/").finish();
  ::close(taken->fd);
  EXPECT_EQ(output.code, 1);
  EXPECT_NE(output.err.find("choose other ports with --port"), std::string::npos) << output.err;
  EXPECT_EQ(output.err.find("node1 | "), std::string::npos) << output.err;
}

TEST_F(Dev, AMistakeIsSaidOnce) {
  const Output output = Process(words({"--port", "0", "--set", "kafka.lisen=x"}), {}, "/").finish();
  EXPECT_EQ(output.code, 78);
  EXPECT_EQ(count(output.err, "unknown key kafka.lisen"), 1u) << output.err;
}

}  // namespace
}  // namespace chronik::host
