// Runs chronik-server as a child process.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace chronik::host::testing {

struct Output {
  int code = -1;  // the exit code, or minus the signal's number
  std::string out;
  std::string err;
};

class Process {
 public:
  // environment: NAME=VALUE, beside a clean one. The process is killed when this object
  // goes while it still runs.
  Process(std::vector<std::string> arguments, std::vector<std::string> environment,
          const std::filesystem::path& directory);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Reads stderr until text stands in it; false if the process ends before, or within 30 s it does not.
  bool wait_for(const std::string& text);
  void signal(int number);
  // Reads to the end and waits.
  Output finish();
  const std::string& err() const { return output_.err; }

 private:
  bool read_some(int timeout_ms);

  pid_t pid_ = -1;
  int out_ = -1, err_ = -1;
  Output output_;
};

// A new empty folder, removed with all in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace chronik::host::testing
