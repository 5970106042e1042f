// Runs the scripts of tests/golden/kafka-proto/group. A script is a series of lines of commands, each followed by
// "----" and what it prints, up to an empty line. CHRONIK_UPDATE_GOLDEN=1 rewrites the expectations.
#include "unit/kafka-proto/group/core/script.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/unit/source_tree.h"

namespace chronik::kafka::group::test {
namespace {

// The whole file with fresh outputs.
std::string replay(std::istream& in) {
  Script script;
  std::string result;
  std::string line;
  while (std::getline(in, line)) {
    if (line.empty() || line[0] == '#') {
      result += line + "\n";
      continue;
    }
    result += line + "\n----\n" + script.run(line);
    while (std::getline(in, line) && line != "") {
    }
    result += "\n";
  }
  return result;
}

class GroupScript : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(GroupScript, PrintsWhatIsExpected) {
  std::ifstream in(GetParam());
  std::stringstream expected;
  expected << in.rdbuf();
  const std::string actual = replay(expected);
  if (std::getenv("CHRONIK_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(GetParam()) << actual;
    return;
  }
  EXPECT_EQ(actual, expected.str()) << "CHRONIK_UPDATE_GOLDEN=1 rewrites it; look at the difference first";
}

std::vector<std::filesystem::path> scripts() {
  std::vector<std::filesystem::path> files;
  for (const auto& file :
       std::filesystem::directory_iterator(in_source_tree("tests/golden/kafka-proto/group")))
    if (file.path().extension() == ".txt") files.push_back(file.path());
  std::sort(files.begin(), files.end());
  return files;
}

INSTANTIATE_TEST_SUITE_P(Golden, GroupScript, testing::ValuesIn(scripts()), [](const auto& script) {
  std::string name = script.param.stem().string();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(GroupScripts, AreThere) { EXPECT_GE(scripts().size(), 20u); }

}  // namespace
}  // namespace chronik::kafka::group::test
