#include "sim/cli/determinism.h"

#include <malloc.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

extern char** environ;

namespace chronik::sim {

void disturb_layout(uint32_t layout) {
  if (layout == 0) return;
  mallopt(M_PERTURB, static_cast<int>(17 * layout));  // fresh and freed memory hold another pattern
  mallopt(M_MMAP_THRESHOLD, 1 << 16);
  // Holes of many sizes, so that equal sequences of allocations get other addresses, in another order.
  std::vector<void*> blocks;
  for (size_t i = 0; i < 4000; ++i) blocks.push_back(std::malloc(16 + (i * 7919 * layout) % 2048));
  for (size_t i = 0; i < blocks.size(); i += 2) std::free(blocks[i * 31 % blocks.size()]);
}

Result<std::vector<std::string>> hashes_of_another_process(const std::vector<std::string>& arguments) {
  int ends[2];
  if (pipe(ends) != 0) return fail(Code::kIo, "cannot make a pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_t child = 0;
  const int error = posix_spawn(&child, "/proc/self/exe", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (error != 0) {
    close(ends[0]);
    return fail(Code::kIo, "cannot start the second process");
  }
  std::string output;
  std::array<char, 4096> piece;
  for (ssize_t n; (n = read(ends[0], piece.data(), piece.size())) > 0;)
    output.append(piece.data(), static_cast<size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  std::vector<std::string> hashes;
  for (size_t at = 0; (at = output.find("hash=", at)) != std::string::npos; at += 5) {
    hashes.push_back(output.substr(at + 5, 16));
  }
  return hashes;
}

}  // namespace chronik::sim
