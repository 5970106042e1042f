// Checks the histories that history_client left: history_check FILE...   Exit code 1 where one log cannot
// explain them.
#include "history.hpp"

#include <cstdio>
#include <fstream>

int main(int argc, char** argv) {
  using namespace chronik::history;
  History history;
  for (int i = 1; i < argc; ++i) {
    std::ifstream in(argv[i]);
    if (!in) {
      std::fprintf(stderr, "history_check: cannot read %s\n", argv[i]);
      return 2;
    }
    uint64_t number = 0;
    for (std::string line; std::getline(in, line);) {
      ++number;
      if (history.add(line)) continue;
      std::fprintf(stderr, "history_check: %s:%llu: no event: %.200s\n", argv[i],
                   static_cast<unsigned long long>(number), line.c_str());
      return 2;
    }
  }
  const Report report = history.check();
  const auto print = [](const char* name, uint64_t n) {
    std::printf("%s %llu\n", name, static_cast<unsigned long long>(n));
  };
  print("sent", report.sent);
  print("acknowledged", report.acknowledged);
  print("failed", report.failed);
  print("read", report.read);
  print("log", report.in_log);
  for (size_t i = 0; i < report.counts.size(); ++i)
    print(std::string(name_of(static_cast<Anomaly>(i))).c_str(), report.counts[i]);
  for (const auto& [error, n] : report.errors)
    std::fprintf(stderr, "%llu times: %s\n", static_cast<unsigned long long>(n), error.c_str());
  for (const std::string& example : report.examples) std::fprintf(stderr, "%s\n", example.c_str());
  return report.anomalies() == 0 ? 0 : 1;
}
