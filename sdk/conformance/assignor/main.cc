// assignor_conformance PLUGIN.so NAME [--balanced] [--sticky] [--set KEY=INTEGER]... [gtest flags]
#include "subject.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  auto& subject = chronik::conformance::Subject::get();
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    const std::string value = i + 1 < argc ? argv[i + 1] : "";
    const size_t equals = value.find('=');
    if (arg == "--balanced") {
      subject.balanced = true;
    } else if (arg == "--sticky") {
      subject.sticky = true;
    } else if (arg == "--set" && equals != std::string::npos) {
      subject.settings.emplace_back(value.substr(0, equals),
                                    std::strtoll(value.c_str() + equals + 1, nullptr, 10));
      ++i;
    } else if (subject.plugin.empty()) {
      subject.plugin = arg;
    } else {
      subject.name = arg;
    }
  }
  if (subject.name.empty()) {
    std::fprintf(stderr,
                 "usage: assignor_conformance PLUGIN.so NAME [--balanced] [--sticky] [--set KEY=INTEGER]...\n"
                 "  --balanced  everybody reads as many partitions, but for one\n"
                 "  --sticky    nobody loses a partition without need\n"
                 "  --set       a setting of the plugin\n");
    return 2;
  }
  const std::string failure = subject.load();
  if (failure.empty()) return RUN_ALL_TESTS();
  std::fprintf(stderr, "%s: %s\n", subject.plugin.c_str(), failure.c_str());
  return 1;
}
