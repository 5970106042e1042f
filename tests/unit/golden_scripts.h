// Scripts of tests/golden: lines of commands, each followed by "----" and what it prints, up to an empty line.
// Lines that begin with # are comments. CHRONIK_UPDATE_GOLDEN=1 rewrites what is expected.
//
//     class CoreScript : public testing::TestWithParam<std::filesystem::path> {};
//     TEST_P(CoreScript, PrintsWhatIsExpected) { expect_script<Script>(GetParam()); }
//     INSTANTIATE_TEST_SUITE_P(Golden, CoreScript, testing::ValuesIn(scripts_in("raft")), script_name);
#pragma once

#include "tests/unit/source_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace chronik::test {

// Those of a folder below tests/golden, by name.
inline std::vector<std::filesystem::path> scripts_in(const std::string& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& file : std::filesystem::directory_iterator(in_source_tree("tests/golden/" + folder)))
    if (file.path().extension() == ".txt") files.push_back(file.path());
  std::sort(files.begin(), files.end());
  return files;
}

inline std::string script_name(const ::testing::TestParamInfo<std::filesystem::path>& script) {
  std::string name = script.param.stem().string();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

// The whole file with fresh outputs: script.run(line) of each command.
template <class Script>
std::string replay_script(std::istream& in) {
  Script script;
  std::string result;
  for (std::string line; std::getline(in, line);) {
    result += line + "\n";
    if (line.empty() || line[0] == '#') continue;
    result += "----\n" + script.run(line) + "\n";
    while (std::getline(in, line) && !line.empty()) continue;
  }
  return result;
}

template <class Script>
void expect_script(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::stringstream expected;
  expected << in.rdbuf();
  const std::string actual = replay_script<Script>(expected);
  if (std::getenv("CHRONIK_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(file) << actual;
    return;
  }
  EXPECT_EQ(actual, expected.str()) << "CHRONIK_UPDATE_GOLDEN=1 rewrites it; look at the difference first";
}

}  // namespace chronik::test
