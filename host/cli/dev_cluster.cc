// `dev --nodes N`: a local cluster of N processes, each a node of its own, watched by this one.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "host/cli/commands.h"
#include "host/cli/http_client.h"
#include "host/net/bound_socket.h"

namespace chronik::host {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

constexpr int kRaftBehindKafka = 100;                 // 9192 where Kafka is 9092
constexpr int kHttpBehindKafka = 552;                 // 9644
constexpr auto kPatience = std::chrono::seconds(15);  // until it is said what a node waits for
constexpr auto kStopPatience = std::chrono::seconds(40);
constexpr auto kLook = std::chrono::milliseconds(100);
constexpr size_t kMaxLine = 64 << 10;

void say(std::string_view text) { fmt::print(stderr, "chronik-server: {}\n", text); }

struct Ports {
  uint16_t kafka = 0, raft = 0, http = 0;
};

// Finds out whether a port is free, or for 0 which one is. The sockets stay bound until all are known, so
// that none is given twice.
class PortFinder {
 public:
  PortFinder() = default;
  ~PortFinder() {
    for (const int fd : held_) ::close(fd);
  }
  PortFinder(const PortFinder&) = delete;
  PortFinder& operator=(const PortFinder&) = delete;

  Result<uint16_t> take_port(int port, const std::string& what) {
    if (port > UINT16_MAX) {
      return fail(Code::kOutOfRange,
                  fmt::format("{} would listen on port {}, and {} is the last; choose a smaller --port", what,
                              port, UINT16_MAX));
    }
    const Result<BoundSocket> bound = listen_tcp(fmt::format("127.0.0.1:{}", port), what);
    if (!bound) {
      return fail(bound.error().code, fmt::format("{}; or choose other ports with --port (0: any free ones)",
                                                  bound.error().message));
    }
    held_.push_back(bound->fd);
    return bound->port;
  }

 private:
  std::vector<int> held_;
};

Result<std::vector<Ports>> find_ports(const DevArguments& arguments) {
  PortFinder finder;
  std::vector<Ports> out;
  for (int i = 0; i < arguments.nodes; ++i) {
    const auto port = [&](int behind) { return arguments.port == 0 ? 0 : arguments.port + behind + i; };
    Ports& ports = out.emplace_back();
    CHRONIK_TRY(ports.kafka, finder.take_port(port(0), fmt::format("the Kafka port of node {}", i + 1)));
    CHRONIK_TRY(ports.raft,
                finder.take_port(port(kRaftBehindKafka), fmt::format("the raft port of node {}", i + 1)));
    CHRONIK_TRY(ports.http,
                finder.take_port(port(kHttpBehindKafka), fmt::format("the HTTP port of node {}", i + 1)));
  }
  return out;
}

std::string quoted(const fs::path& path) {
  std::string out = "\"";
  for (const char c : path.string())
    out += c == '"' || c == '\\' ? fmt::format("\\{}", c) : std::string(1, c);
  return out + "\"";
}

std::string toml_of(const std::vector<Ports>& ports, size_t i, const fs::path& data, bool memory) {
  std::string out = fmt::format(
      "# Written by chronik-server dev --nodes {}, at each of its starts.\nnode_id = {}\ndata_dir = {}\n\n"
      "[kafka]\nlisten = [\"127.0.0.1:{}\"]\n\n[http]\nlisten = \"127.0.0.1:{}\"\n",
      ports.size(), i + 1, quoted(data), ports[i].kafka, ports[i].http);
  if (memory) out += "\n[storage]\nplugin = \"storage-memory\"\n";
  for (size_t k = 0; k < ports.size(); ++k)
    out += fmt::format("\n[[peer]]\nid = {}\nraft = \"127.0.0.1:{}\"\n", k + 1, ports[k].raft);
  return out;
}

// One node as a child process, whose log comes through a pipe.
class Child {
 public:
  Child(int32_t id, const Ports& ports, fs::path config)
      : id_(id), ports_(ports), config_(std::move(config)) {}

  Status start(const DevArguments& arguments) {
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC) != 0)
      return fail(Code::kIo, fmt::format("cannot make a pipe: {}", std::strerror(errno)));
    std::vector<std::string> words = {"chronik-server", "start", "--config", config_.string()};
    for (const std::string& set : arguments.set) words.insert(words.end(), {"--set", set});
    std::vector<std::string> environment;
    for (const EnvironmentVariable& variable : arguments.environment)
      environment.push_back(variable.name + "=" + variable.text);
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) run(pipe[1], words, environment, parent);
    const int error = errno;
    ::close(pipe[1]);
    out_ = pipe[0];
    if (pid_ < 0) return fail(Code::kIo, fmt::format("cannot start node {}: {}", id_, std::strerror(error)));
    say(fmt::format("node {} is process={}", id_, pid_));
    return {};
  }

  void signal(int number) const {
    if (pid_ > 0) ::kill(pid_, number);
  }

  // Prints what came, line by line, each with the node's name before it.
  void read_log() {
    char chunk[16 << 10];
    const ssize_t n = ::read(out_, chunk, sizeof chunk);
    if (n < 0 && errno == EINTR) return;
    if (n <= 0) {
      if (!line_.empty()) print_line(std::exchange(line_, {}));
      ::close(std::exchange(out_, -1));
      return;
    }
    line_.append(chunk, static_cast<size_t>(n));
    size_t begin = 0;
    for (size_t end = 0; (end = line_.find('\n', begin)) != std::string::npos; begin = end + 1)
      print_line(line_.substr(begin, end - begin));
    line_.erase(0, begin);
    if (line_.size() > kMaxLine) print_line(std::exchange(line_, {}));
  }

  // True when it has ended; then says how.
  bool reap() {
    int status = 0;
    if (pid_ <= 0 || ::waitpid(pid_, &status, WNOHANG) != pid_) return false;
    pid_ = -1;
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    how_ = WIFEXITED(status)
               ? fmt::format("ended with exit code {}", code_)
               : fmt::format("was killed by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
    return true;
  }

  // Whether it says that it is ready; *why is what it says otherwise.
  bool look_ready(std::string* why) const {
    const auto answer =
        http_request(fmt::format("127.0.0.1:{}", ports_.http), "GET", "/readyz", {}, std::chrono::seconds(1));
    *why = answer ? answer->body : answer.error().message;
    return answer && answer->status == 200;
  }

  int32_t id() const { return id_; }
  const Ports& ports() const { return ports_; }
  const fs::path& config() const { return config_; }
  bool runs() const { return pid_ > 0; }
  int log() const { return out_; }
  int code() const { return code_; }
  const std::string& how() const { return how_; }

 private:
  [[noreturn]] static void run(int out, const std::vector<std::string>& words,
                               const std::vector<std::string>& environment, pid_t parent) {
    ::setpgid(0, 0);  // Ctrl-C is for the parent alone, which then stops the nodes
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(1);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::dup2(null, 0);
    ::dup2(out, 1);
    ::dup2(out, 2);
    std::vector<char*> argv, envp;
    for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    for (const std::string& variable : environment) envp.push_back(const_cast<char*>(variable.c_str()));
    argv.push_back(nullptr);
    envp.push_back(nullptr);
    ::execve("/proc/self/exe", argv.data(), envp.data());
    ::_exit(127);
  }

  void print_line(const std::string& line) const { fmt::print(stderr, "node{} | {}\n", id_, line); }

  const int32_t id_;
  const Ports ports_;
  const fs::path config_;
  pid_t pid_ = -1;
  int out_ = -1;
  int code_ = 0;
  std::string how_;
  std::string line_;
};

class DevCluster {
 public:
  explicit DevCluster(const DevArguments& arguments) : arguments_(arguments) {}

  Status prepare(const fs::path& folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) return fail(Code::kIo, fmt::format("cannot make {}: {}", folder.string(), error.message()));
    CHRONIK_TRY(const std::vector<Ports> ports, find_ports(arguments_));
    for (size_t i = 0; i < ports.size(); ++i) {
      const fs::path data = folder / fmt::format("node{}", i + 1);
      const fs::path config = folder / fmt::format("node{}.toml", i + 1);
      std::ofstream out(config, std::ios::binary | std::ios::trunc);
      out << toml_of(ports, i, data, arguments_.memory);
      out.close();
      if (!out)
        return fail(Code::kIo, fmt::format("cannot write {}: {}", config.string(), std::strerror(errno)));
      children_.emplace_back(static_cast<int32_t>(i + 1), ports[i], config);
    }
    return {};
  }
  const fs::path& first_config() const { return children_.front().config(); }

  int run() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int number : {SIGINT, SIGTERM, SIGCHLD}) sigaddset(&signals, number);
    ::sigprocmask(SIG_BLOCK, &signals, nullptr);
    signals_ = ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    begin_ = steady_clock::now();
    for (Child& child : children_) {
      if (const Status started = child.start(arguments_); !started) {
        say(started.error().message);
        code_ = kExitFailed;
        stop("a node could not be started");
        break;
      }
    }
    while (any_runs()) turn();
    drain_logs();
    ::close(signals_);
    return code_;
  }

 private:
  bool any_runs() const {
    return std::ranges::any_of(children_, [](const Child& child) { return child.runs(); });
  }

  void turn() {
    std::vector<pollfd> polled = {{signals_, POLLIN, 0}};
    std::vector<Child*> readers;
    for (Child& child : children_) {
      if (child.log() < 0) continue;
      polled.push_back({child.log(), POLLIN, 0});
      readers.push_back(&child);
    }
    ::poll(polled.data(), polled.size(), static_cast<int>(kLook.count()));
    for (size_t i = 0; i < readers.size(); ++i)
      if (polled[i + 1].revents != 0) readers[i]->read_log();
    read_signals();
    for (Child& child : children_)
      if (child.reap()) ended(child);
    if (!ready_ && !stopping_) look_ready();
    if (stopping_ && steady_clock::now() - stop_begin_ > kStopPatience) {
      for (const Child& child : children_) {
        if (child.runs()) say(fmt::format("node {} does not stop; it is killed", child.id()));
        child.signal(SIGKILL);
      }
    }
  }

  void read_signals() {
    signalfd_siginfo info{};
    while (::read(signals_, &info, sizeof info) == sizeof info) {
      if (info.ssi_signo == SIGCHLD) continue;
      stop(stopping_ ? "stopping at once" : "stopping all nodes; a second signal stops them at once");
    }
  }

  void stop(std::string_view why) {
    say(why);
    if (!std::exchange(stopping_, true)) stop_begin_ = steady_clock::now();
    for (const Child& child : children_) child.signal(SIGTERM);
  }

  void ended(Child& child) {
    if (stopping_) {
      say(fmt::format("node {} has stopped{}", child.id(), child.code() == 0 ? "" : ": it " + child.how()));
      if (child.code() != 0) code_ = kExitFailed;
      return;
    }
    code_ = kExitFailed;
    say(fmt::format(
        "node {} {}; what it said last is above. The others go on. Start it again with: chronik-server start "
        "--config {}",
        child.id(), child.how(), child.config().string()));
  }

  void look_ready() {
    const bool late = steady_clock::now() - begin_ > kPatience && !said_late_;
    bool all = true;
    for (const Child& child : children_) {
      std::string why;
      if (!child.runs() || child.look_ready(&why)) {
        all = all && child.runs();
        continue;
      }
      all = false;
      if (late) say(fmt::format("node {} is not ready yet: {}", child.id(), why));
      if (!late) return;
    }
    said_late_ = said_late_ || late;
    if (all) say_what_to_paste();
  }

  void say_what_to_paste() {
    ready_ = true;
    std::string bootstrap;
    std::vector<std::string> rows;
    for (const Child& child : children_) {
      bootstrap += fmt::format("{}127.0.0.1:{}", bootstrap.empty() ? "" : ",", child.ports().kafka);
      rows.push_back(fmt::format("  node {}   Kafka 127.0.0.1:{:<6} HTTP http://127.0.0.1:{:<6} {}",
                                 child.id(), child.ports().kafka, child.ports().http,
                                 child.config().string()));
    }
    fmt::print("\nA cluster of {} nodes, ready in {:.1f} s:\n\n", children_.size(),
               std::chrono::duration<double>(steady_clock::now() - begin_).count());
    for (const std::string& row : rows) fmt::print("{}\n", row);
    fmt::print(
        "\nPaste into another terminal:\n\n  printf 'hello\\nworld\\n' | kcat -b {0} -t greetings -P\n"
        "  kcat -b {0} -t greetings -C -e\n  chronik-server cluster status --http 127.0.0.1:{1}\n\nCtrl-C "
        "stops all.\n\n",
        bootstrap, children_.front().ports().http);
    std::fflush(stdout);
    say(fmt::format("all {} nodes are ready", children_.size()));
  }

  void drain_logs() {
    for (Child& child : children_)
      while (child.log() >= 0) child.read_log();
  }

  const DevArguments& arguments_;
  std::vector<Child> children_;
  int signals_ = -1;
  steady_clock::time_point begin_, stop_begin_;
  bool ready_ = false, said_late_ = false, stopping_ = false;
  int code_ = kExitOk;
};

}  // namespace

int run_dev_cluster(const DevArguments& given, const fs::path& folder) {
  // Those would make all nodes the same one.
  constexpr std::array kOwn = {"CHRONIK_NODE_ID", "CHRONIK_DATA_DIR", "CHRONIK_KAFKA__LISTEN",
                               "CHRONIK_HTTP__LISTEN", "CHRONIK_PEER"};
  DevArguments arguments = given;
  std::erase_if(arguments.environment, [&](const EnvironmentVariable& variable) {
    return std::ranges::find(kOwn, variable.name) != kOwn.end();
  });
  DevCluster cluster(arguments);
  if (const Status prepared = cluster.prepare(folder); !prepared) {
    say(prepared.error().message);
    return kExitFailed;
  }
  // What is wrong with the configuration is said once, before there are processes.
  ConfigArguments check{cluster.first_config(), arguments.set, arguments.environment};
  if (const int code = check_config(check); code != kExitOk) return code;
  return cluster.run();
}

}  // namespace chronik::host
