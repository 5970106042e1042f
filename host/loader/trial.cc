#include "host/loader/trial.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chronik/testing/fake_host.hpp>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "host/config/schema.h"

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

// Reads until the child closes its end; false where it has not by then.
bool hear(int pipe, steady_clock::time_point deadline, std::string* text) {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady_clock::now());
    pollfd ready{pipe, POLLIN, 0};
    if (::poll(&ready, 1, static_cast<int>(std::max<int64_t>(left.count(), 0))) == 0) return false;
    char buffer[512];
    const ssize_t n = ::read(pipe, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return true;
    text->append(buffer, static_cast<size_t>(n));
  }
}

// A value of the configuration as the plugin would find it.
void configure(const std::string& key, const Value& value, testing::FakeHost* host) {
  std::vector<int64_t> integers;
  std::vector<std::string> texts;
  for (const Scalar& scalar : value.items) {
    if (const auto* integer = std::get_if<int64_t>(&scalar)) {
      integers.push_back(*integer);
    } else {
      texts.push_back(std::get<std::string>(scalar));
    }
  }
  if (!integers.empty()) host->config_list(key, std::move(integers));
  if (!texts.empty()) host->config_list(key, std::move(texts));
}

}  // namespace

Status in_child(std::string_view id, std::string_view doing, const std::function<Status()>& fn,
                std::chrono::milliseconds patience) {
  const auto trouble = [&](Code code, std::string_view what) {
    return fail(code, fmt::format("{}: {}", id, what));
  };
  int ends[2];
  if (::pipe(ends) != 0)
    return trouble(Code::kFailed, fmt::format("cannot be tried: no pipe: {}", std::strerror(errno)));
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    send_status(ends[1], fn());
    ::_exit(0);
  }
  const int error = errno;
  ::close(ends[1]);
  std::string text;
  const bool ended = child < 0 || hear(ends[0], steady_clock::now() + patience, &text);
  ::close(ends[0]);
  if (child < 0)
    return trouble(Code::kFailed, fmt::format("cannot be tried: no child process: {}", std::strerror(error)));
  if (!ended) ::kill(child, SIGKILL);
  int result = 0;
  while (::waitpid(child, &result, 0) < 0 && errno == EINTR) {
  }
  if (!ended)
    return trouble(Code::kTimeout, fmt::format("hung while {}, for {} ms", doing, patience.count()));
  int32_t code = 0;
  if (text.size() < sizeof code) {
    if (!WIFSIGNALED(result)) return trouble(Code::kFailed, fmt::format("ended the process while {}", doing));
    return trouble(Code::kFailed, fmt::format("crashed while {} (signal {}, {})", doing, WTERMSIG(result),
                                              ::strsignal(WTERMSIG(result))));
  }
  std::memcpy(&code, text.data(), sizeof code);
  if (code == CHR_OK) return {};
  return fail(static_cast<Code>(code), text.substr(sizeof code));
}

Status try_loading(const PluginFile& file) {
  return in_child(file.manifest().id, "it was loaded", [&]() -> Status {
    LoadedPlugin plugin(file);
    CHRONIK_CHECK(plugin.load());
    CHRONIK_CHECK(schema_from_abi(file.manifest().config, file.manifest().id, plugin.schema()));
    return {};
  });
}

Status try_validating(const LoadedPlugin& plugin, std::string_view json) {
  return in_child(plugin.id(), "its keys were checked", [&] { return plugin.validate(json); });
}

Status try_creating(const PluginFile& file, const TableValues& values, Instances::Missing missing) {
  return in_child(file.manifest().id, "an instance was made", [&]() -> Status {
    PluginSet set = PluginSet::unresolved({file});
    testing::FakeHost host(1, 1, 1, testing::FakeHost::Link::kRecorded);
    values.for_each([&](const std::string& key, const Value& value) { configure(key, value, &host); });
    CHRONIK_CHECK(set.load());
    Instances instances(set);
    const Status created = instances.create(0, host.core(), values.json());
    // Here less is offered than in a node, whose start tells how a create ends there.
    if (!created) return missing == Instances::Missing::kAllowed ? Status() : created;
    const Status tables = instances.check_services(0, missing);
    if (!tables)
      return fail(tables.error().code, fmt::format("{}: {}", file.manifest().id, tables.error().message));
    instances.destroy_all();
    return {};
  });
}

}  // namespace chronik::host
