#include "host/cli/cli.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "host/cli/commands.h"
#include "host/config/diagnostic.h"

namespace chronik::host {
namespace {

std::vector<EnvironmentVariable> read_environment(char** environment) {
  std::vector<EnvironmentVariable> variables;
  for (char** p = environment; *p != nullptr; ++p) {
    const std::string_view text = *p;
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    variables.push_back({std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))});
  }
  return variables;
}

// Two examples below every help.
std::string examples(std::string_view first, std::string_view second) {
  return fmt::format("Examples:\n  {}\n  {}\n", first, second);
}

class Commands {
 public:
  Commands(CLI::App& app, char** environment) : app_(app) {
    config_.environment = dev_.environment = admin_.config.environment = storage_.config.environment =
        read_environment(environment);
    app.name("chronik-server");
    app.description("chronik: a Kafka-compatible, Raft-replicated streaming server");
    app.require_subcommand(1);
    app.set_help_flag("-h,--help", "Print this help");
    app.footer(examples("chronik-server dev", "chronik-server start --config node.toml"));
    add_start();
    add_dev();
    add_check();
    add_config();
    add_cluster();
    add_node();
    add_group();
    add_storage();
    add_plugin();
    add_version();
  }

  int code() const { return code_; }

 private:
  CLI::App* add(CLI::App& parent, const std::string& name, const std::string& description,
                const std::string& example, const std::string& second) {
    CLI::App* command = parent.add_subcommand(name, description);
    command->footer(examples(example, second));
    return command;
  }

  void add_config_options(CLI::App* command, bool file_required) {
    CLI::Option* file =
        command->add_option("-c,--config", config_.file, "The node's TOML file")->type_name("FILE");
    if (file_required) file->required();
    command->add_option("--set", config_.set, "Override one key; may be repeated")
        ->type_name("KEY=VALUE")
        ->take_all()
        ->allow_extra_args(false);
  }

  void add_start() {
    CLI::App* start = add(app_, "start", "Start a node and run it until SIGTERM",
                          "chronik-server start --config /etc/chronik/node.toml",
                          "chronik-server start --config node.toml --set log.level=debug");
    add_config_options(start, true);
    start->callback([this] { code_ = command_start(config_); });
  }

  void add_dev() {
    CLI::App* dev = add(app_, "dev", "Start a node, or a local cluster, for development; needs no file",
                        "chronik-server dev", "chronik-server dev --nodes 3 --memory");
    dev->add_option("--nodes", dev_.nodes, "How many nodes, each a process of its own (default 1)")
        ->type_name("N")
        ->check(CLI::Range(1, 15));
    dev->add_option(
           "--port", dev_.port,
           "Where Kafka clients connect, on 127.0.0.1 (default 9092); of further nodes, the ports after it")
        ->type_name("PORT");
    dev->add_option("--data", dev_.data_dir, "Where the data is kept (default ./chronik-dev)")
        ->type_name("FOLDER");
    dev->add_flag("--memory", dev_.memory, "Keep records in memory only");
    dev->add_option("--set", dev_.set, "Override one key; may be repeated")
        ->type_name("KEY=VALUE")
        ->take_all()
        ->allow_extra_args(false);
    dev->callback([this] { code_ = command_dev(dev_); });
  }

  void add_check() {
    CLI::App* check = add(app_, "check", "Say all that is wrong with a configuration; start nothing",
                          "chronik-server check --config node.toml",
                          "CHRONIK_NODE_ID=2 chronik-server check --config node.toml");
    add_config_options(check, true);
    check->callback([this] { code_ = command_check(config_); });
  }

  void add_config() {
    CLI::App* config = add(app_, "config", "Show configurations", "chronik-server config default > node.toml",
                           "chronik-server config print --config node.toml --origin");
    config->require_subcommand(1);
    CLI::App* print =
        add(*config, "print", "The configuration in effect", "chronik-server config print --config node.toml",
            "chronik-server config print --config node.toml --origin");
    add_config_options(print, true);
    print->add_flag("--origin", origin_, "Say where each value comes from");
    print->callback([this] { code_ = command_config_print(config_, origin_); });
    CLI::App* standard = add(*config, "default", "A file with every key, explained, at its default",
                             "chronik-server config default > node.toml",
                             "chronik-server config default --set storage.plugin=storage-memory");
    add_config_options(standard, false);
    standard->callback([this] { code_ = command_config_default(config_); });
  }

  void add_admin_options(CLI::App* command) {
    command
        ->add_option("--http", admin_.http,
                     "Ask the node whose [http] listen this is (default 127.0.0.1:9644)")
        ->type_name("HOST:PORT");
    command->add_option("-c,--config", admin_.config.file, "Ask the node whose TOML file this is")
        ->type_name("FILE");
  }

  void add_cluster() {
    CLI::App* cluster = add(app_, "cluster", "Look at the cluster", "chronik-server cluster status",
                            "chronik-server cluster status --http 10.0.0.1:9644");
    cluster->require_subcommand(1);
    CLI::App* status =
        add(*cluster, "status", "Who leads, which nodes there are, and what is being moved",
            "chronik-server cluster status", "chronik-server cluster status --config node.toml --json");
    add_admin_options(status);
    status->add_flag("--json", admin_.json, "As JSON");
    status->callback([this] { code_ = command_cluster_status(admin_); });
  }

  void add_node() {
    CLI::App* node = add(app_, "node", "Look at nodes, add and remove them", "chronik-server node list",
                         "chronik-server node add --id 4 --raft 10.0.0.4:9093");
    node->require_subcommand(1);
    CLI::App* list = add(*node, "list", "The nodes of the cluster", "chronik-server node list",
                         "chronik-server node list --http 10.0.0.1:9644 --json");
    list->callback([this] { code_ = command_node_list(admin_); });
    CLI::App* status = add(*node, "status", "One node, and how far its removal is",
                           "chronik-server node status --id 2", "chronik-server node status --id 2 --json");
    status->callback([this] { code_ = command_node_status(admin_); });
    CLI::App* add_command =
        add(*node, "add", "Let a node join, or keep one that was told to leave",
            "chronik-server node add --id 4 --raft 10.0.0.4:9093 --watch", "chronik-server node add --id 4");
    add_command
        ->add_option("--raft", admin_.raft,
                     "Where the node listens for the others, as its own [[peer]] entry says")
        ->type_name("HOST:PORT");
    add_command->callback([this] { code_ = command_node_add(admin_); });
    CLI::App* remove_command = add(*node, "remove", "Move everything away from a node, then let it go",
                                   "chronik-server node remove --id 2 --watch",
                                   "chronik-server node remove --id 2 --http 10.0.0.1:9644");
    remove_command->callback([this] { code_ = command_node_remove(admin_); });
    for (CLI::App* command : {list, status, add_command, remove_command}) add_admin_options(command);
    for (CLI::App* command : {list, status}) command->add_flag("--json", admin_.json, "As JSON");
    for (CLI::App* command : {status, add_command, remove_command})
      command->add_option("--id", admin_.id, "The node's id")->type_name("NODE")->required();
    for (CLI::App* command : {add_command, remove_command})
      command->add_flag("--watch", admin_.watch, "Go on until it is done, and show how far it is");
  }

  void add_group() {
    CLI::App* group = add(app_, "group", "Look at consumer groups, reset and delete them",
                          "chronik-server group list", "chronik-server group describe --group orders");
    group->require_subcommand(1);
    CLI::App* list = add(*group, "list", "The groups of the cluster", "chronik-server group list",
                         "chronik-server group list --http 10.0.0.1:9644 --json");
    list->callback([this] { code_ = command_group_list(admin_); });
    CLI::App* describe = add(*group, "describe", "Members of a group, what it has committed, and its lag",
                             "chronik-server group describe --group orders",
                             "chronik-server group describe --group orders --json");
    describe->callback([this] { code_ = command_group_describe(admin_); });
    CLI::App* delete_command =
        add(*group, "delete", "Let a group without members go, with all that it has committed",
            "chronik-server group delete --group orders",
            "chronik-server group delete --group orders --http 10.0.0.1:9644");
    delete_command->callback([this] { code_ = command_group_delete(admin_); });
    CLI::App* reset = add_reset_offsets(*group);
    for (CLI::App* command : {list, describe, reset, delete_command}) add_admin_options(command);
    for (CLI::App* command : {list, describe, reset}) command->add_flag("--json", admin_.json, "As JSON");
    for (CLI::App* command : {describe, reset, delete_command})
      command->add_option("--group", admin_.group, "The group's id")->type_name("GROUP")->required();
  }

  CLI::App* add_reset_offsets(CLI::App& group) {
    CLI::App* reset =
        add(group, "reset-offsets", "Say where a group without members goes on; shows it first",
            "chronik-server group reset-offsets --group orders --topic orders --to-earliest",
            "chronik-server group reset-offsets --group orders --all-topics --shift-by -100 --execute");
    reset->add_option("--topic", reset_.topics, "A topic, or some of its partitions; may be repeated")
        ->type_name("TOPIC[:0,1]")
        ->take_all()
        ->allow_extra_args(false);
    reset->add_flag("--all-topics", reset_.all_topics, "All topics that the group has committed to");
    reset->add_flag("--to-earliest", reset_.earliest, "To where the log begins");
    reset->add_flag("--to-latest", reset_.latest, "To where the log ends");
    reset->add_option("--to-offset", reset_.offset, "To this offset, or the nearest that the log has")
        ->type_name("OFFSET");
    reset->add_option("--to-datetime", reset_.datetime, "To the first record of this time, in UTC")
        ->type_name("YYYY-MM-DDTHH:MM:SSZ");
    reset->add_option("--to-timestamp", reset_.timestamp_ms, "The same, in ms since 1970")->type_name("MS");
    reset->add_option("--shift-by", reset_.shift, "Forward, or back where it is negative")
        ->type_name("RECORDS");
    reset->add_flag("--execute", reset_.execute, "Commit it");
    reset->callback([this] { code_ = command_group_reset_offsets(admin_, reset_); });
    return reset;
  }

  void add_storage() {
    CLI::App* storage =
        add(app_, "storage", "Check and copy what a node keeps, while it does not run",
            "chronik-server storage check --config node.toml",
            "chronik-server storage copy --config node.toml --from storage-lmdb --to storage-log");
    storage->require_subcommand(1);
    CLI::App* check = add(*storage, "check", "What is damaged, where, and of which group; changes nothing",
                          "chronik-server storage check --config node.toml",
                          "chronik-server storage check --data-dir /var/lib/chronik --plugin storage-lmdb");
    check
        ->add_option("--plugin", storage_.plugin,
                     "The storage whose folder is checked (default: the one that has the node's data)")
        ->type_name("PLUGIN");
    check->callback([this] { code_ = command_storage_check(storage_); });
    CLI::App* copy = add(
        *storage, "copy", "Copy everything from one storage into another; goes on where it was interrupted",
        "chronik-server storage copy --config node.toml --from storage-lmdb --to storage-log",
        "chronik-server storage copy --config node.toml --from storage-lmdb --to storage-lmdb --to-dir "
        "/mnt/new");
    copy->add_option("--from", storage_.from, "The storage that has the node's data")
        ->type_name("PLUGIN")
        ->required();
    copy->add_option("--to", storage_.to, "The storage that gets it")->type_name("PLUGIN")->required();
    copy->add_option("--to-dir", storage_.to_dir, "Another data_dir for the copy (default: the same)")
        ->type_name("FOLDER");
    copy->callback([this] { code_ = command_storage_copy(storage_); });
    for (CLI::App* command : {check, copy}) {
      CLI::Option* file =
          command->add_option("-c,--config", storage_.config.file, "The node's TOML file")->type_name("FILE");
      command->add_option("--data-dir", storage_.data_dir, "The node's data_dir, where there is no TOML file")
          ->type_name("FOLDER")
          ->excludes(file);
    }
  }

  void add_plugin() {
    CLI::App* plugin = add(app_, "plugin", "Look at plugins", "chronik-server plugin ls",
                           "chronik-server plugin check ./my-storage.so");
    plugin->require_subcommand(1);
    CLI::App* ls = add(*plugin, "ls", "The plugins in a folder", "chronik-server plugin ls",
                       "chronik-server plugin ls --dir /opt/chronik/plugins");
    ls->callback([this] { code_ = command_plugin_ls(directory_); });
    CLI::App* info =
        add(*plugin, "info", "What a plugin says of itself; runs none of its code",
            "chronik-server plugin info storage-lmdb", "chronik-server plugin info ./my-storage.so");
    info->callback([this] { code_ = command_plugin_info(directory_, plugin_); });
    CLI::App* check =
        add(*plugin, "check", "Whether a plugin keeps the rules: manifest, exports, imports, loading",
            "chronik-server plugin check storage-lmdb", "chronik-server plugin check ./my-storage.so");
    check->callback([this] { code_ = command_plugin_check(directory_, plugin_); });
    for (CLI::App* command : {ls, info, check}) {
      command->add_option("--dir", directory_, "Where plugins are (default ../plugins from the executable)")
          ->type_name("FOLDER");
    }
    for (CLI::App* command : {info, check}) {
      command->add_option("plugin", plugin_, "A name, or the path of a file")
          ->type_name("PLUGIN")
          ->required();
    }
  }

  void add_version() {
    CLI::App* version = add(app_, "version", "Print the version", "chronik-server version",
                            "chronik-server version --verbose");
    version->add_flag("--verbose", verbose_, "And what it was built with");
    version->callback([this] { code_ = command_version(verbose_); });
  }

  CLI::App& app_;
  ConfigArguments config_;
  DevArguments dev_;
  AdminArguments admin_;
  ResetArguments reset_;
  StorageArguments storage_;
  std::filesystem::path directory_;
  std::string plugin_;
  bool origin_ = false;
  bool verbose_ = false;
  int code_ = kExitOk;
};

// The innermost command that the words name so far, and the first word that is none of its commands.
struct Unknown {
  const CLI::App* command;
  std::string word;
};
Unknown find_unknown(const CLI::App& app, int argc, char** argv) {
  const CLI::App* command = &app;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.starts_with("-")) continue;
    const auto found = command->get_subcommands([&](const CLI::App* c) { return c->get_name() == word; });
    if (found.empty()) return {command, word};
    command = found[0];
  }
  return {command, {}};
}

// The first flag that the command does not have, or empty.
std::string unknown_flag(const CLI::App& command, int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (!word.starts_with("--") || word.size() < 3) continue;
    word = word.substr(0, word.find('='));
    if (command.get_option_no_throw(word) == nullptr) return word;
  }
  return {};
}

std::vector<std::string> flags(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

int complain(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  const Unknown unknown = find_unknown(app, argc, argv);
  std::vector<std::string> names;
  for (const CLI::App* command : unknown.command->get_subcommands({})) names.push_back(command->get_name());
  std::string path = "chronik-server";
  if (unknown.command != &app) {
    if (unknown.command->get_parent() != &app) path += " " + unknown.command->get_parent()->get_name();
    path += " " + unknown.command->get_name();
  }
  const auto meant = [](std::string_view word, const std::vector<std::string>& candidates) {
    const std::string_view near = closest(word, candidates);
    return near.empty() ? std::string() : fmt::format("; did you mean \"{}\"?", near);
  };
  const std::string flag = unknown_flag(*unknown.command, argc, argv);
  if (!names.empty() && !unknown.word.empty()) {
    fmt::print(stderr, "chronik-server: there is no command \"{}\"{}\n", unknown.word,
               meant(unknown.word, names));
  } else if (!flag.empty()) {
    fmt::print(stderr, "chronik-server: there is no option \"{}\"{}\n", flag,
               meant(flag, flags(*unknown.command)));
  } else if (!names.empty()) {
    std::string all;
    for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
    fmt::print(stderr, "chronik-server: a command is missing: {}\n", all);
  } else {
    fmt::print(stderr, "chronik-server: {}\n", error.what());
  }
  fmt::print(stderr, "See {} --help\n", path);
  return kExitUsage;
}

}  // namespace

int run_cli(int argc, char** argv, char** environment) {
  CLI::App app;
  Commands commands(app, environment);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    return kExitOk;
  } catch (const CLI::ParseError& error) {
    return complain(app, error, argc, argv);
  }
  return commands.code();
}

}  // namespace chronik::host
