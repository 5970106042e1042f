// What the process itself uses, read from /proc at each exposition.
#include "host/observe/metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

namespace chronik::host {
namespace {

// "VmRSS:   1234 kB" -> bytes; 0 when the line is absent.
double status_bytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key)) return std::strtod(line.c_str() + key.size() + 1, nullptr) * 1024;
  }
  return 0;
}

double open_files() {
  DIR* directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) return 0;
  double n = -3;  // ".", "..", and the one that reads
  while (::readdir(directory) != nullptr) ++n;
  ::closedir(directory);
  return n;
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

double max_files() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<double>(limit.rlim_cur);
}

}  // namespace

void add_process_metrics(Metrics& metrics, std::string_view version) {
  const auto started = std::chrono::steady_clock::now();
  const double started_unix =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  metrics.set(metrics.define(CHR_METRIC_GAUGE, "chronik_build_info", label("version", version),
                             "Always 1; the labels say what runs."),
              1);
  metrics.set(metrics.define(CHR_METRIC_GAUGE, "process_start_time_seconds", {},
                             "When the process started, as unix time."),
              started_unix);
  const auto gauge = [&](std::string_view name, std::string_view help) {
    return metrics.define(CHR_METRIC_GAUGE, name, {}, help);
  };
  const uint64_t uptime = gauge("chronik_uptime_seconds", "Time since the process started.");
  const uint64_t resident = gauge("process_resident_memory_bytes", "Resident memory, file pages included.");
  const uint64_t anonymous = gauge("process_anonymous_memory_bytes", "Resident memory without file pages.");
  const uint64_t files = gauge("process_open_fds", "Open file descriptors.");
  const uint64_t file_limit = gauge("process_max_fds", "The limit on open file descriptors.");
  const uint64_t cpu =
      metrics.define(CHR_METRIC_COUNTER, "process_cpu_seconds_total", {}, "User and system CPU time.");
  metrics.on_collect([=, before = 0.0](Metrics& m) mutable {
    m.set(uptime, std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count());
    m.set(resident, status_bytes("VmRSS:"));
    m.set(anonymous, status_bytes("RssAnon:"));
    m.set(files, open_files());
    m.set(file_limit, max_files());
    const double now = cpu_seconds();
    m.add(cpu, now - before);
    before = now;
  });
}

}  // namespace chronik::host
