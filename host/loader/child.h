// A function in a process of its own: where the code of a plugin crashes, ends the process or hangs, the
// error says so in the plugin's name, and this process goes on.
#pragma once

#include <chronik/result.hpp>

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace chronik::host {

// Not for a process with threads: the child has none of them.
class Child {
 public:
  // Begins to run fn. What it prints is printed; all files that are open stay open in it. doing, for
  // messages: "it was loaded".
  static Result<Child> start(std::string_view id, std::string_view doing, const std::function<Status()>& fn);
  Child(Child&& other) noexcept
      : id_(std::move(other.id_)),
        doing_(std::move(other.doing_)),
        pid_(std::exchange(other.pid_, -1)),
        pipe_(std::exchange(other.pipe_, -1)) {}
  Child& operator=(Child&&) = delete;
  ~Child();  // kills it where it still runs

  // What fn returned. Where the child ends before: "storage-x: crashed while it was loaded (signal 11,
  // Segmentation fault)". TIMEOUT: it hung, and was killed; without a patience it may take any time.
  Status wait(std::optional<std::chrono::milliseconds> patience = {});

 private:
  Child(std::string_view id, std::string_view doing, pid_t pid, int pipe)
      : id_(id), doing_(doing), pid_(pid), pipe_(pipe) {}
  int reap(bool kill);

  std::string id_;
  std::string doing_;
  pid_t pid_;
  int pipe_;
};

}  // namespace chronik::host
