#include "host/offline/stopped_node.h"

#include <chronik/draft/storage_admin.h>

#include <fmt/format.h>

#include "host/app/config_file.h"
#include "host/app/plan.h"

namespace chronik::host {

StoppedNode::StoppedNode(StoppedNodeOptions options) : options_(std::move(options)) {
  TomlDocument document;
  read_config_file(options_.file, &document, &diagnostics_);
  Settings settings(document, options_.overrides, options_.environment, diagnostics_);
  config_ = read_host_config(settings, options_.file);
  if (config_.plugin_dir.empty()) config_.plugin_dir = default_plugin_dir();
}

Result<PluginFile> StoppedNode::find_storage(std::string_view name) const {
  CHRONIK_TRY(PluginFile file, PluginFile::probe(plugin_path(config_.plugin_dir, name)));
  const Manifest& manifest = file.manifest();
  if (!manifest.provides_service(CHR_STORAGE_ID))
    return fail(Code::kInvalidArgument,
                fmt::format("{} is no storage: it does not provide {}", manifest.id, CHR_STORAGE_ID));
  if (!manifest.provides_service(CHR_STORAGE_ADMIN_ID))
    return fail(
        Code::kUnsupported,
        fmt::format("{} does not provide {}, so nothing can look into its folder; ask its author for it",
                    manifest.id, CHR_STORAGE_ADMIN_ID));
  return file;
}

LonePluginOptions StoppedNode::plugin_options(const PluginFile& file,
                                              const std::filesystem::path& folder) const {
  return {file, folder, data_.node_id(), file_io_of(config_.file_io),
          [this](const TableSchema& schema) { return values(schema); }};
}

Result<TableValues> StoppedNode::values(const TableSchema& schema) const {
  Diagnostics diagnostics;
  TomlDocument document;
  read_config_file(options_.file, &document, &diagnostics);
  Settings settings(document, options_.overrides, options_.environment, diagnostics);
  settings.read(schema);
  if (diagnostics.errors() != 0)
    return fail(Code::kInvalidArgument, diagnostics.render("Nothing was read or written."));
  return settings.values(schema.table);
}

}  // namespace chronik::host
