// A shared object that was examined and found to be a plugin of ABI major 1. No code of it has run.
#pragma once

#include "host/loader/elf.h"
#include "host/loader/manifest.h"

#include <string_view>

namespace chronik::host {

class PluginFile {
 public:
  // Refuses, with a message that says why and what to do: a missing file, one that everybody may write to,
  // another file format or architecture, another ABI major, no entry point, no manifest or a wrong one.
  static Result<PluginFile> probe(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }  // absolute
  const Manifest& manifest() const { return manifest_; }
  const std::vector<std::string>& exported() const { return elf_.exported; }
  const std::vector<std::string>& imported() const { return elf_.imported; }

  // Imports with which a plugin reaches around the host, and so breaks determinism: clocks, randomness,
  // sockets, threads, and files, which only providers of chronik.storage may open. What comes with libc or
  // libstdc++ itself does not show up here.
  std::vector<std::string> forbidden_imports() const;

 private:
  std::filesystem::path path_;
  ElfFile elf_;
  Manifest manifest_;
};

// Where `name` in `plugin = "name"` is found: <directory>/<name>.so, or the path
// itself where name has a slash.
std::filesystem::path plugin_path(const std::filesystem::path& directory, std::string_view name);

}  // namespace chronik::host
