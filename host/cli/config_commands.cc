#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>

#include "host/app/plan.h"
#include "host/app/server.h"
#include "host/cli/commands.h"
#include "host/config/print.h"

namespace chronik::host {
namespace {

constexpr std::string_view kNothingStarted = "Nothing was started.";

void say(std::string_view text) { fmt::print(stderr, "{}", text); }

// KEY=VALUE of --set; absent (and said why) where it has no such form.
std::optional<std::vector<Override>> parse_set(const std::vector<std::string>& set) {
  std::vector<Override> overrides;
  for (const std::string& text : set) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      say(fmt::format("chronik-server: --set {}: write --set KEY=VALUE, such as --set log.level=debug\n",
                      text));
      return std::nullopt;
    }
    overrides.push_back({text.substr(0, equals), text.substr(equals + 1), Origin::kFlag, "--set " + text});
  }
  return overrides;
}

// Prints what is wrong; what is merely suspicious too.
bool report(const NodePlan& plan, std::string_view outcome) {
  if (!plan.ok()) {
    say(plan.diagnostics().render(outcome));
    return false;
  }
  if (plan.diagnostics().warnings() != 0) say(plan.diagnostics().render(""));
  return true;
}

std::vector<Override> dev_presets(const DevArguments& arguments, const std::filesystem::path& data_dir) {
  std::vector<Override> presets = {
      {"data_dir", data_dir.string(), Origin::kPreset, "dev"},
      {"kafka.listen", fmt::format("127.0.0.1:{}", arguments.port), Origin::kPreset, "dev"},
  };
  if (arguments.memory)
    presets.push_back({"storage.plugin", "storage-memory", Origin::kPreset, "dev --memory"});
  return presets;
}

void say_what_to_paste(const NodePlan& plan, bool temporary) {
  const Setting* listen = plan.settings().find("kafka.listen");
  std::string address = "127.0.0.1:9092";
  if (listen != nullptr && listen->value && !listen->value->items.empty()) {
    address = std::get<std::string>(listen->value->items[0]);
  }
  const HostConfig& config = plan.config();
  const std::pair<std::string, std::string_view> commands[] = {
      {fmt::format("printf 'hello\\nworld\\n' | kcat -b {} -t greetings -P", address), "produce two records"},
      {fmt::format("kcat -b {} -t greetings -C -e", address), "read them back"},
      {fmt::format("kcat -b {} -L", address), "brokers, topics, partitions"},
      {fmt::format("curl -s http://{}/metrics | grep ^chronik_", config.http_listen), "what the node counts"},
  };
  fmt::print(
      "\nchronik listens for Kafka clients on {}; its data is in {}{}\n\nPaste into another terminal:\n\n",
      address, config.data_dir.string(), temporary ? " (gone when it stops)" : "");
  for (const auto& [command, what] : commands) fmt::print("  {:<64}  # {}\n", command, what);
  fmt::print("\nCtrl-C stops it.\n\n");
  std::fflush(stdout);
}

}  // namespace

int command_start(const ConfigArguments& arguments) {
  auto overrides = parse_set(arguments.set);
  if (!overrides) return kExitUsage;
  const NodePlan plan({arguments.file, std::move(*overrides), arguments.environment});
  if (!report(plan, kNothingStarted)) return kExitConfig;
  return run_node(plan, nullptr);
}

int command_dev(const DevArguments& arguments) {
  auto overrides = parse_set(arguments.set);
  if (!overrides) return kExitUsage;
  std::filesystem::path data_dir = arguments.data_dir;
  std::error_code ignored;
  if (arguments.memory && data_dir.empty()) {
    std::string name = (std::filesystem::temp_directory_path(ignored) / "chronik-dev-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      say(fmt::format("chronik-server: cannot make a temporary folder {}; set TMPDIR\n", name));
      return kExitFailed;
    }
    data_dir = name;
  } else if (data_dir.empty()) {
    data_dir = std::filesystem::current_path(ignored) / "chronik-dev";
  }
  const bool temporary = arguments.memory && arguments.data_dir.empty();
  if (arguments.nodes > 1) {
    const int code = run_dev_cluster(arguments, std::filesystem::absolute(data_dir, ignored));
    if (temporary) std::filesystem::remove_all(data_dir, ignored);
    return code;
  }
  for (Override& preset : dev_presets(arguments, std::filesystem::absolute(data_dir, ignored))) {
    overrides->push_back(std::move(preset));
  }
  const NodePlan plan({{}, std::move(*overrides), arguments.environment});
  int code = kExitConfig;
  if (report(plan, kNothingStarted)) code = run_node(plan, [&] { say_what_to_paste(plan, temporary); });
  if (temporary) std::filesystem::remove_all(data_dir, ignored);
  return code;
}

int check_config(const ConfigArguments& arguments) {
  auto overrides = parse_set(arguments.set);
  if (!overrides) return kExitUsage;
  const NodePlan plan({arguments.file, std::move(*overrides), arguments.environment});
  return report(plan, kNothingStarted) ? kExitOk : kExitConfig;
}

int command_check(const ConfigArguments& arguments) {
  auto overrides = parse_set(arguments.set);
  if (!overrides) return kExitUsage;
  const NodePlan plan({arguments.file, std::move(*overrides), arguments.environment});
  if (!report(plan, kNothingStarted)) return kExitConfig;
  fmt::print("{}: good, {} plugins\n", arguments.file.string(), plan.set().size());
  return kExitOk;
}

int command_config_print(const ConfigArguments& arguments, bool origin) {
  auto overrides = parse_set(arguments.set);
  if (!overrides) return kExitUsage;
  const NodePlan plan({arguments.file, std::move(*overrides), arguments.environment});
  if (!report(plan, "")) return kExitConfig;
  fmt::print("{}", print_config(plan.settings(), plan.config().peers, origin));
  return kExitOk;
}

int command_config_default(const ConfigArguments& arguments) {
  auto overrides = parse_set(arguments.set);
  if (!overrides) return kExitUsage;
  const NodePlan plan({arguments.file, std::move(*overrides), arguments.environment});
  if (!report(plan, "")) return kExitConfig;
  fmt::print("{}", print_default_config(plan.schemas()));
  return kExitOk;
}

}  // namespace chronik::host
