#include "process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <stdexcept>

namespace chronik::host::testing {
namespace {

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// Appends what is there; false at the end.
bool drain(int* fd, std::string* to) {
  char buffer[4096];
  const ssize_t n = ::read(*fd, buffer, sizeof buffer);
  if (n > 0) {
    to->append(buffer, static_cast<size_t>(n));
    return true;
  }
  ::close(*fd);
  *fd = -1;
  return false;
}

}  // namespace

Process::Process(std::vector<std::string> arguments, std::vector<std::string> environment,
                 const std::filesystem::path& directory) {
  arguments.insert(arguments.begin(), CHRONIK_SERVER);
  environment.emplace_back("PATH=/usr/bin:/bin");
  for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "TMPDIR"}) {
    if (const char* value = std::getenv(name)) environment.push_back(std::string(name) + "=" + value);
  }
  const std::vector<char*> argv = pointers(arguments), envp = pointers(environment);
  int out[2], err[2];
  if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  pid_ = ::fork();
  if (pid_ == 0) {
    ::dup2(out[1], 1);
    ::dup2(err[1], 2);
    if (::chdir(directory.c_str()) == 0) ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  ::close(out[1]);
  ::close(err[1]);
  out_ = out[0];
  err_ = err[0];
}

Process::~Process() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    finish();
  }
}

bool Process::read_some(int timeout_ms) {
  if (out_ < 0 && err_ < 0) return false;
  pollfd fds[2] = {{out_, POLLIN, 0}, {err_, POLLIN, 0}};
  if (::poll(fds, 2, timeout_ms) <= 0) return true;
  if (out_ >= 0 && fds[0].revents != 0) drain(&out_, &output_.out);
  if (err_ >= 0 && fds[1].revents != 0) drain(&err_, &output_.err);
  return true;
}

bool Process::wait_for(const std::string& text) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (output_.err.find(text) == std::string::npos) {
    if (std::chrono::steady_clock::now() > end || !read_some(1000)) return false;
  }
  return true;
}

void Process::signal(int number) {
  if (pid_ > 0) ::kill(pid_, number);
}

Output Process::finish() {
  while (read_some(1000)) {
  }
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  output_.code = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  return output_;
}

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "chronik-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace chronik::host::testing
