#include <fmt/format.h>

#include <cstdio>

#include "host/cli/commands.h"
#include "host/config/units.h"
#include "host/offline/storage_check.h"
#include "host/offline/storage_copy.h"

namespace chronik::host {
namespace {

namespace fs = std::filesystem;

void say(std::string_view text) { fmt::print(stderr, "chronik-server: {}\n", text); }

fs::path full_path(const fs::path& path) {
  std::error_code ignored;
  return path.empty() ? path : fs::absolute(path, ignored).lexically_normal();
}

StoppedNodeOptions node_options(const StorageArguments& arguments) {
  StoppedNodeOptions options{arguments.config.file, {}, arguments.config.environment};
  if (!arguments.data_dir.empty()) {
    const std::string path = full_path(arguments.data_dir).string();
    options.overrides.push_back({"data_dir", path, Origin::kFlag, "--data-dir " + path});
  }
  return options;
}

// Configuration and lock; anything but kExitOk ends the command, and was told.
int open_node(const StorageArguments& arguments, StoppedNode& node) {
  if (arguments.config.file.empty() && arguments.data_dir.empty()) {
    say("say which node: --config node.toml, or --data-dir FOLDER");
    return kExitUsage;
  }
  if (node.diagnostics().errors() != 0) {
    fmt::print(stderr, "{}", node.diagnostics().render("Nothing was read or written."));
    return kExitConfig;
  }
  if (const Status locked = node.lock(); !locked) {
    say(locked.error().message);
    return kExitFailed;
  }
  return kExitOk;
}

int tell_failure(const Error& error) {
  say(error.message);
  return error.code == Code::kCorrupt ? kExitDamaged : kExitFailed;
}

void say_what_now(const StorageArguments& arguments, const StorageCopyOptions& options,
                  const StorageCopyResult& result) {
  const std::string file = arguments.config.file.empty() ? "the node's TOML" : arguments.config.file.string();
  const std::string config = arguments.config.file.empty() ? "node.toml" : arguments.config.file.string();
  fmt::print("copied {}, {}, {}, {} of payload; checksum of both sides {:08x}\n",
             plural(result.groups, "group", "groups"), plural(result.keys, "key", "keys"),
             plural(result.entries, "entry", "entries"), human_size(result.bytes), result.checksum);
  fmt::print("  from  {} in {}, which was not changed\n", options.from.manifest().id, result.source.string());
  fmt::print("  to    {} in {}\n", options.to.manifest().id, result.target.string());
  fmt::print("\nWhat to do now:\n");
  const std::string& to = options.to.manifest().id;
  const bool is_moved = !options.to_dir.empty();
  int step = 0;
  if (options.from.manifest().id != to)
    fmt::print("  {}. In {}, under [storage]: plugin = \"{}\"\n", ++step, file, arguments.to);
  if (is_moved)
    fmt::print("  {}. In {}, at the top: data_dir = \"{}\"\n", ++step, file, options.to_dir.string());
  fmt::print("  {}. chronik-server check --config {}   # names keys of [storage] that {} does not have\n",
             ++step, config, to);
  fmt::print("  {}. chronik-server start --config {}\n", ++step, config);
  fmt::print(
      "  {}. When all is well, remove {}: from the start on it is old, and must not be started again\n",
      ++step, (is_moved ? result.source.parent_path() : result.source).string());
}

}  // namespace

int command_storage_check(const StorageArguments& arguments) {
  StoppedNode node(node_options(arguments));
  if (const int code = open_node(arguments, node); code != kExitOk) return code;
  const std::string name = arguments.plugin.empty() ? node.data().data_plugin() : arguments.plugin;
  if (name.empty()) {
    say(fmt::format("the node in {} has no storage; name one with --plugin", node.data().path().string()));
    return kExitFailed;
  }
  const Result<PluginFile> file = node.find_storage(name);
  if (!file) return tell_failure(file.error());
  const fs::path folder = node.data().path() / file->manifest().id;
  std::error_code error;
  if (!fs::exists(folder, error)) {
    const std::string& kept_by = node.data().data_plugin();
    say(fmt::format("there is no {}: {} keeps nothing there{}", folder.string(), file->manifest().id,
                    kept_by.empty() || kept_by == file->manifest().id
                        ? ""
                        : fmt::format("; the node keeps its data in {}", kept_by)));
    return kExitFailed;
  }
  const Status checked = check_storage(node, *file, folder);
  if (checked) return kExitOk;
  const int code = tell_failure(checked.error());
  if (code == kExitDamaged) {
    say("what to do: in a cluster, start the node all the same: it fetches what entries it lacks from the "
        "others. Where it does not start, or says that a group cannot be opened, put a new node in its "
        "place: "
        "one with an unused node_id and an empty data_dir (chronik-server node add), then chronik-server "
        "node "
        "remove for this one; an emptied data_dir under the same node_id is refused. A node alone needs its "
        "backup. docs/operating/storage.md says more");
  }
  return code;
}

int command_storage_copy(const StorageArguments& arguments) {
  StoppedNode node(node_options(arguments));
  if (const int code = open_node(arguments, node); code != kExitOk) return code;
  Result<PluginFile> from = node.find_storage(arguments.from);
  if (!from) return tell_failure(from.error());
  Result<PluginFile> to = node.find_storage(arguments.to);
  if (!to) return tell_failure(to.error());
  const StorageCopyOptions options{
      std::move(*from), std::move(*to), full_path(arguments.to_dir),
      [](const std::string& line) { fmt::print(stderr, "storage copy: {}\n", line); }};
  const Result<StorageCopyResult> result = StorageCopy(node, options).run();
  if (!result) return tell_failure(result.error());
  say_what_now(arguments, options, *result);
  return kExitOk;
}

}  // namespace chronik::host
