// storage_conformance PLUGIN.so [--files] [--admin] [--set KEY=INTEGER]... [--small KEY=INTEGER]... [gtest flags]
#include "subject.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

namespace {

using chronik::conformance::Subject;

// A failed ASSERT ends its test wherever it stands: what follows may rely on it.
class EndTest : public ::testing::EmptyTestEventListener {
  void OnTestPartResult(const ::testing::TestPartResult& result) override {
    if (result.type() == ::testing::TestPartResult::kFatalFailure)
      throw ::testing::AssertionException(result);
  }
};

int usage() {
  std::fprintf(
      stderr,
      "usage: storage_conformance PLUGIN.so [--files] [--admin] [--set KEY=INTEGER]... [--small "
      "KEY=INTEGER]...\n"
      "  --files   what it wrote survives in its directory, by files of its own or chronik.host.files/1\n"
      "  --admin   it provides chronik.storage_admin/1, and fails where it does not\n"
      "  --set     a setting of the plugin\n"
      "  --small   a setting with which it is full after some MiB\n"
      "CHRONIK_CONFORMANCE_STUB_SYNC=1 makes every sync do nothing: the crash tests must fail then.\n");
  return 2;
}

bool parse_setting(const char* text, std::vector<std::pair<std::string, int64_t>>* out) {
  const std::string setting = text;
  const size_t equals = setting.find('=');
  if (equals == std::string::npos || equals == 0) return false;
  out->emplace_back(setting.substr(0, equals), std::strtoll(setting.c_str() + equals + 1, nullptr, 10));
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  Subject& subject = Subject::get();
  const char* stub = std::getenv("CHRONIK_CONFORMANCE_STUB_SYNC");
  subject.stub_syncs = stub != nullptr && *stub == '1';
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : "";
    if (arg == "--files") {
      subject.is_durable = true;
    } else if (arg == "--admin") {
      subject.has_admin = true;
    } else if (arg == "--set" || arg == "--small") {
      if (!parse_setting(value, arg == "--set" ? &subject.settings : &subject.small)) return usage();
      ++i;
    } else if (subject.plugin.empty()) {
      subject.plugin = arg;
    } else {
      return usage();
    }
  }
  if (subject.plugin.empty()) return usage();
  ::testing::UnitTest::GetInstance()->listeners().Append(new EndTest);
  return RUN_ALL_TESTS();
}
