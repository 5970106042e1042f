// The conformance kit against storages with a planted bug each: the test that is there for it must fail, by
// itself and not by a crash; without a bug all must pass. And every test of the kit has its bug.
#include "tests/unit/sdk/conformance/planted/faults.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <ostream>
#include <set>
#include <string>

namespace chronik::storage_planted {

void PrintTo(const Row& row, std::ostream* out) { *out << row.what; }

namespace {

struct Ran {
  int status = -1;  // as wait() says
  std::string output;
};

// The kit on the storage with this bug, in a process of its own.
Ran kit(Carrier carrier, int fault, const std::string& arguments) {
  std::string command = KIT " ";
  command += carrier == Carrier::kMemory ? PLANTED_MEMORY " --files --set journal=1 --small capacity=4194304"
                                         : PLANTED_LMDB
                 " --files --set preallocate=65536 --small map_size=8388608";
  command += " --set queue_bytes=8388608 --set planted=" + std::to_string(fault) + " " + arguments + " 2>&1";
  Ran ran;
  FILE* const pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return ran;
  char buffer[4096];
  while (const size_t n = ::fread(buffer, 1, sizeof buffer, pipe)) ran.output.append(buffer, n);
  ran.status = ::pclose(pipe);
  return ran;
}

bool exited(const Ran& ran, int code) { return WIFEXITED(ran.status) && WEXITSTATUS(ran.status) == code; }

class Planted : public ::testing::TestWithParam<Row> {};

TEST_P(Planted, FailsItsTest) {
  const Row& row = GetParam();
  const std::string test = row.test;
  const Ran ran = kit(row.carrier, row.fault, "--gtest_filter=" + test);
  EXPECT_TRUE(exited(ran, 1)) << row.what << "\n" << ran.output;
  EXPECT_NE(ran.output.find("[  FAILED  ] " + test), std::string::npos) << row.what << "\n" << ran.output;
}

INSTANTIATE_TEST_SUITE_P(Kit, Planted, ::testing::ValuesIn(kRows), [](const auto& row) {
  const std::string test = row.param.test;
  return test.substr(test.find('.') + 1) + "_" + std::to_string(row.param.fault);
});

TEST(Kit, PassesTheCarriers) {
  // On a disk that is full, storage-memory's journal takes no trim either.
  const std::pair<Carrier, std::string> carriers[] = {
      {Carrier::kMemory, "--gtest_brief=1 --gtest_filter=-StorageFaults.AFullDiskIsBackpressure"},
      {Carrier::kLmdb, "--gtest_brief=1"}};
  for (const auto& [carrier, arguments] : carriers) {
    const Ran ran = kit(carrier, kNone, arguments);
    EXPECT_TRUE(exited(ran, 0)) << ran.output;
  }
}

TEST(Kit, EveryTestHasAPlantedBug) {
  const Ran ran = kit(Carrier::kMemory, kNone, "--gtest_list_tests");
  std::set<std::string> planted;
  for (const Row& row : kRows) planted.insert(row.test);
  std::string suite;
  size_t tests = 0;
  for (size_t at = 0; at < ran.output.size();) {
    const size_t end = ran.output.find('\n', at);
    const std::string line = ran.output.substr(at, end - at);
    at = end == std::string::npos ? ran.output.size() : end + 1;
    if (line.starts_with("  ")) {
      ++tests;
      EXPECT_TRUE(planted.contains(suite + line.substr(2)))
          << suite << line.substr(2) << ": plant a bug in faults.h that only this test must notice";
    } else {
      suite = line;
    }
  }
  EXPECT_GE(tests, planted.size()) << ran.output;
}

// A store that refuses every write fails the tests one by one, and says how it refused.
TEST(Kit, ARefusingStoreFailsWithItsWords) {
  const Ran ran = kit(Carrier::kMemory, kNone, "--set capacity=1000");
  EXPECT_TRUE(exited(ran, 1)) << ran.output;
  EXPECT_NE(ran.output.find("NO_SPACE (-10)"), std::string::npos) << ran.output;
  EXPECT_NE(ran.output.find("FAILED TESTS"), std::string::npos) << "not all tests ran\n" << ran.output;
}

}  // namespace
}  // namespace chronik::storage_planted
