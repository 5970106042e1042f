// docs/configs.md is what the code has. CHRONIK_UPDATE_GOLDEN=1 rewrites its tables.
#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "kafka-proto/configs/dynamic_group_configs.h"
#include "kafka-proto/configs/topic_config.h"
#include "kafka-proto/messages/describe_configs.h"
#include "server/broker_testing.h"
#include "tests/unit/source_tree.h"

namespace chronik::kafka::testing {
namespace {

constexpr std::string_view kTopics = "| topic config |";
constexpr std::string_view kGroups = "| group config |";

std::string topic_table() {
  std::string out = fmt::format("{} default | the broker's | here | |\n|---|---|---|---|---|\n", kTopics);
  for (const TopicConfigEntry& entry : topic_config_table())
    out += fmt::format("| {} | {} | {} | {} | {} |\n", entry.name, entry.default_value, entry.broker_synonym,
                       entry.acts ? "acts" : "stored", entry.doc);
  return out;
}

std::string group_table() {
  std::string out = fmt::format("{} the broker's | |\n|---|---|---|\n", kGroups);
  for (const GroupConfigEntry& entry : group_config_table())
    out += fmt::format("| {} | {} | {} |\n", entry.name, entry.broker_synonym, entry.doc);
  return out;
}

void expect_table(std::string_view head, const std::string& table) {
  const std::string path = in_source_tree("docs/configs.md");
  std::ostringstream page;
  page << std::ifstream(path).rdbuf();
  const std::string text = page.str();
  const size_t begin = text.find(head);
  ASSERT_NE(begin, std::string::npos);
  const size_t end = text.find("\n\n", begin);
  ASSERT_NE(end, std::string::npos);
  const std::string now = text.substr(0, begin) + table + text.substr(end + 1);
  if (std::getenv("CHRONIK_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << now;
  EXPECT_EQ(text, now);
}

TEST(ConfigPage, HasTheTopicConfigsOfTheCode) { expect_table(kTopics, topic_table()); }

TEST(ConfigPage, HasTheGroupConfigsOfTheCode) { expect_table(kGroups, group_table()); }

TEST(ConfigPage, NamesEveryConfigOfABroker) {
  std::ostringstream page;
  page << std::ifstream(in_source_tree("docs/configs.md")).rdbuf();
  TestBroker broker;
  TestClient client = broker.client();
  DescribeConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = 4;
  resource.resource_name = "1";
  const DescribeConfigsResponse response = client.call<DescribeConfigs>(4, request);
  for (const auto& config : response.results.at(0).configs)
    EXPECT_NE(page.str().find(config.name), std::string::npos) << config.name;
}

}  // namespace
}  // namespace chronik::kafka::testing
