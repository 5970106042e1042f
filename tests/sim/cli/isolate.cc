#include "sim/cli/isolate.h"

#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fcntl.h>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <memory>

namespace chronik::sim {
namespace {

// A report as bytes, for the way between two processes of one program.
class Packer {
 public:
  void operator()(std::string& text) {
    uint64_t n = text.size();
    (*this)(n);
    bytes_ += text;
  }
  void operator()(std::vector<std::string>& list) {
    uint64_t n = list.size();
    (*this)(n);
    for (std::string& text : list) (*this)(text);
  }
  template <class T>
  void operator()(T& number) {
    bytes_.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : rest_(bytes) {}
  void operator()(std::string& text) {
    uint64_t n = 0;
    (*this)(n);
    text = rest_.substr(0, n);
    rest_.remove_prefix(std::min<size_t>(n, rest_.size()));
  }
  void operator()(std::vector<std::string>& list) {
    uint64_t n = 0;
    (*this)(n);
    for (; n > 0 && !rest_.empty(); --n) (*this)(list.emplace_back());
  }
  template <class T>
  void operator()(T& number) {
    if (rest_.size() >= sizeof number) std::memcpy(&number, rest_.data(), sizeof number);
    rest_.remove_prefix(std::min(sizeof number, rest_.size()));
  }

 private:
  std::string_view rest_;
};

template <class F>
void fields(RunReport& r, F& f) {
  f(r.seed), f(r.hash), f(r.invariant), f(r.violation), f(r.violated_at), f(r.last_lines), f(r.virtual_ns);
  f(r.events), f(r.checks), f(r.elections), f(r.faults), f(r.fault_kinds), f(r.workload);
}

// In memory where that can be: nothing of a simulated disk has to reach a real one.
std::string make_directory() {
  const bool memory = access("/dev/shm", W_OK | X_OK) == 0;
  std::string path = memory ? "/dev/shm" : std::filesystem::temp_directory_path().string();
  path += "/chronik-sim-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) std::abort();
  return path;
}

[[noreturn]] void run_in_child(const Job& job, const std::string& directory, int out, uint32_t cpu_limit_s,
                               bool mute) {
  if (!directory.empty() && chdir(directory.c_str()) != 0) std::abort();
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;  // of each restart some may stay open
  setrlimit(RLIMIT_NOFILE, &files);
  if (cpu_limit_s != 0) {
    const rlimit limit = {cpu_limit_s, cpu_limit_s + 1};
    setrlimit(RLIMIT_CPU, &limit);
  }
  // What a run gives back it soon wants again, and it ends with its process.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 4 << 20);
  const rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  if (mute) {
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(nowhere, 2);
  }
  RunReport report =
      job.script != nullptr ? job.script->run(job.options, *job.set) : run(job.options, *job.set);
  Packer packer;
  fields(report, packer);
  const std::string& bytes = packer.bytes();
  for (size_t at = 0; at < bytes.size();) {
    const ssize_t n = write(out, bytes.data() + at, bytes.size() - at);
    if (n <= 0) _exit(1);
    at += static_cast<size_t>(n);
  }
  _exit(0);
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

Isolated::Isolated(const Job& job, uint32_t cpu_limit_s, bool mute) : seed_(job.options.seed) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
  if (uses_files(job.options)) directory_ = make_directory();
  std::fflush(nullptr);
  child_ = fork();
  if (child_ < 0) std::abort();
  if (child_ == 0) {
    close(ends[0]);
    run_in_child(job, directory_, ends[1], cpu_limit_s, mute);
  }
  close(ends[1]);
  from_child_ = ends[0];
}

Isolated::~Isolated() {
  if (child_ > 0) {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
    close(from_child_);
  }
  std::error_code ignored;
  if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
}

Outcome Isolated::finish() {
  std::string bytes;
  std::array<char, 1 << 14> piece;
  for (ssize_t n; (n = read(from_child_, piece.data(), piece.size())) > 0;)
    bytes.append(piece.data(), static_cast<size_t>(n));
  close(from_child_);
  int status = 0;
  rusage usage{};
  wait4(std::exchange(child_, -1), &status, 0, &usage);
  Outcome outcome;
  outcome.cpu_s = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  outcome.report.seed = seed_;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    Unpacker unpacker(bytes);
    fields(outcome.report, unpacker);
  } else if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL)) {
    outcome.report.invariant = "cpu-limit";
    outcome.report.violation = "cpu-limit: the run did not end within its CPU time";
  } else {
    outcome.report.invariant = "abort";
    outcome.report.violation =
        fmt::format("abort: the process died of {}: a failed assertion or a bad access",
                    WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "an early exit");
  }
  return outcome;
}

void run_jobs(size_t n, size_t at_once, const std::function<Job(size_t)>& job,
              const std::function<bool(size_t, Outcome)>& on_done) {
  std::deque<std::unique_ptr<Isolated>> running;
  size_t started = 0;
  for (size_t done = 0; done < n; ++done) {
    for (; started < n && running.size() < std::max<size_t>(at_once, 1); ++started)
      running.push_back(std::make_unique<Isolated>(job(started)));
    Outcome outcome = running.front()->finish();
    running.pop_front();
    if (!on_done(done, std::move(outcome))) return;
  }
}

}  // namespace chronik::sim
