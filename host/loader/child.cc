#include "host/loader/child.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

namespace chronik::host {
namespace {

using std::chrono::steady_clock;

// What the child tells: the code as four bytes, then the message.
void send_status(int pipe, const Status& status) {
  const int32_t code = status ? CHR_OK : static_cast<int32_t>(status.error().code);
  std::string text(reinterpret_cast<const char*>(&code), sizeof code);
  if (!status) text += status.error().message;
  for (std::string_view rest = text; !rest.empty();) {
    const ssize_t n = ::write(pipe, rest.data(), rest.size());
    if (n <= 0) return;
    rest.remove_prefix(static_cast<size_t>(n));
  }
}

int poll_ms(std::optional<steady_clock::time_point> deadline) {
  if (!deadline) return -1;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*deadline - steady_clock::now());
  return static_cast<int>(std::max<int64_t>(left.count(), 0));
}

// Reads until the child closes its end; false where it has not by then.
bool hear(int pipe, std::optional<steady_clock::time_point> deadline, std::string* text) {
  for (;;) {
    pollfd ready{pipe, POLLIN, 0};
    if (::poll(&ready, 1, poll_ms(deadline)) == 0) return false;
    char buffer[512];
    const ssize_t n = ::read(pipe, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return true;
    text->append(buffer, static_cast<size_t>(n));
  }
}

Error trouble(Code code, std::string_view id, std::string_view what) {
  return {code, fmt::format("{}: {}", id, what)};
}

}  // namespace

Result<Child> Child::start(std::string_view id, std::string_view doing, const std::function<Status()>& fn) {
  int ends[2];
  if (::pipe(ends) != 0)
    return std::unexpected(
        trouble(Code::kFailed, id, fmt::format("cannot be tried: no pipe: {}", std::strerror(errno))));
  std::fflush(nullptr);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    ::close(ends[0]);
    send_status(ends[1], fn());
    std::fflush(nullptr);
    ::_exit(0);
  }
  const int error = errno;
  ::close(ends[1]);
  if (child > 0) return Child(id, doing, child, ends[0]);
  ::close(ends[0]);
  return std::unexpected(
      trouble(Code::kFailed, id, fmt::format("cannot be tried: no child process: {}", std::strerror(error))));
}

Child::~Child() {
  if (pid_ > 0) reap(true);
}

int Child::reap(bool kill) {
  if (kill) ::kill(pid_, SIGKILL);
  int result = 0;
  while (::waitpid(pid_, &result, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  ::close(std::exchange(pipe_, -1));
  return result;
}

Status Child::wait(std::optional<std::chrono::milliseconds> patience) {
  std::string text;
  std::optional<steady_clock::time_point> deadline;
  if (patience) deadline = steady_clock::now() + *patience;
  const bool ended = hear(pipe_, deadline, &text);
  const int result = reap(!ended);
  if (!ended)
    return std::unexpected(
        trouble(Code::kTimeout, id_, fmt::format("hung while {}, for {} ms", doing_, patience->count())));
  int32_t code = 0;
  if (text.size() < sizeof code) {
    if (WIFSIGNALED(result) && WTERMSIG(result) == SIGPIPE)
      return fail(Code::kCancelled, fmt::format("nobody reads what is printed any more; {} was ended", id_));
    const std::string what = WIFSIGNALED(result)
                                 ? fmt::format("crashed while {} (signal {}, {})", doing_, WTERMSIG(result),
                                               ::strsignal(WTERMSIG(result)))
                                 : fmt::format("ended the process while {}", doing_);
    return std::unexpected(trouble(Code::kFailed, id_, what));
  }
  std::memcpy(&code, text.data(), sizeof code);
  if (code == CHR_OK) return {};
  return fail(static_cast<Code>(code), text.substr(sizeof code));
}

}  // namespace chronik::host
