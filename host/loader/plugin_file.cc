#include "host/loader/plugin_file.h"

#include <chronik/abi.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace chronik::host {
namespace {

constexpr std::string_view kManifestSection = ".chronik.manifest";
constexpr std::string_view kEntryPrefix = "chronik_plugin_v";

constexpr auto kForbidden = std::to_array<std::string_view>({
    // clocks and sleeping
    "clock_gettime",
    "gettimeofday",
    "time",
    "clock",
    "times",
    "nanosleep",
    "clock_nanosleep",
    "usleep",
    "sleep",
    "_ZNSt6chrono3_V212system_clock3nowEv",
    "_ZNSt6chrono3_V212steady_clock3nowEv",
    "localtime",
    "localtime_r",
    // randomness
    "getrandom",
    "getentropy",
    "rand",
    "rand_r",
    "random",
    "srand",
    "drand48",
    "arc4random",
    "_ZNSt13random_device9_M_getvalEv",
    "_ZNSt13random_device16_M_getval_pretr1Ev",
    // sockets and waiting for them
    "socket",
    "connect",
    "bind",
    "listen",
    "accept",
    "accept4",
    "send",
    "sendto",
    "sendmsg",
    "recv",
    "recvfrom",
    "recvmsg",
    "socketpair",
    "getaddrinfo",
    "gethostbyname",
    "poll",
    "ppoll",
    "select",
    "epoll_create",
    "epoll_create1",
    "epoll_wait",
    "io_uring_setup",
    // threads and processes
    "pthread_create",
    "thrd_create",
    "_ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_EEPFvvE",
    "fork",
    "vfork",
    "clone",
    "execve",
    "posix_spawn",
    "system",
    "popen",
    // what belongs to the whole process
    "signal",
    "sigaction",
    "setlocale",
    "chdir",
    "setenv",
    "putenv",
    "unsetenv",
    "atexit",
});

constexpr auto kFiles = std::to_array<std::string_view>({
    "open",
    "open64",
    "openat",
    "openat64",
    "creat",
    "fopen",
    "fopen64",
    "opendir",
    "mkdir",
    "unlink",
    "rename",
    "mmap",
    "mmap64",
    "mdb_env_open",
    "_ZNSt13basic_filebufIcSt11char_traitsIcEE4openEPKcSt13_Ios_Openmode",
});

// "chronik_plugin_v2" -> 2; 0 for anything else.
uint32_t entry_major(std::string_view symbol) {
  if (!symbol.starts_with(kEntryPrefix)) return 0;
  symbol.remove_prefix(kEntryPrefix.size());
  if (symbol.empty() || symbol.size() > 6) return 0;
  uint32_t major = 0;
  for (const char c : symbol) {
    if (c < '0' || c > '9') return 0;
    major = major * 10 + static_cast<uint32_t>(c - '0');
  }
  return major;
}

Status check_entry(const ElfFile& elf) {
  std::string others;
  for (const std::string& symbol : elf.exported) {
    const uint32_t major = entry_major(symbol);
    if (major == CHR_ABI_MAJOR) return {};
    if (major != 0) others += fmt::format("{}{}", others.empty() ? "" : " and ", major);
  }
  if (!others.empty()) {
    return fail(Code::kUnsupported,
                fmt::format("speaks ABI major {}, this host speaks {}; install the plugin's build "
                            "for this version of chronik",
                            others, CHR_ABI_MAJOR));
  }
  return fail(Code::kInvalidArgument,
              fmt::format("is not a chronik plugin: it does not export {}{}", kEntryPrefix, CHR_ABI_MAJOR));
}

Status check_manifest(const Manifest& manifest, const std::filesystem::path& path) {
  if (manifest.abi_major != CHR_ABI_MAJOR) {
    return fail(Code::kUnsupported,
                fmt::format("its manifest is wrong: field \"abi\": speaks ABI major {}, this host "
                            "speaks {}",
                            manifest.abi_major, CHR_ABI_MAJOR));
  }
  if (manifest.abi_minor > CHR_ABI_MINOR) {
    return fail(
        Code::kUnsupported,
        fmt::format(
            "needs ABI {}.{} or newer, this host speaks {}.{}; update chronik, or install an older build "
            "of the plugin",
            manifest.abi_major, manifest.abi_minor, CHR_ABI_MAJOR, CHR_ABI_MINOR));
  }
  if (path.stem() != manifest.id) {
    return fail(Code::kInvalidArgument,
                fmt::format("its manifest is wrong: field \"id\": \"{}\" is not the file's name; "
                            "the file must be called {}.so",
                            manifest.id, manifest.id));
  }
  return {};
}

}  // namespace

Result<PluginFile> PluginFile::probe(const std::filesystem::path& path) {
  const auto refuse = [&](const Error& error) {
    return fail(error.code, fmt::format("{}: {}", path.string(), error.message));
  };
  PluginFile file;
  std::error_code ignored;
  file.path_ = std::filesystem::absolute(path, ignored).lexically_normal();
  auto elf = read_elf(file.path_, kManifestSection);
  if (!elf) return refuse(elf.error());
  file.elf_ = std::move(*elf);
  if (const Status entry = check_entry(file.elf_); !entry) return refuse(entry.error());
  if (!file.elf_.section) {
    return refuse({Code::kInvalidArgument,
                   fmt::format("has no manifest (ELF section {}); build it with chronik_add_plugin()",
                               kManifestSection)});
  }
  auto manifest = parse_manifest(*file.elf_.section);
  if (!manifest) return refuse(manifest.error());
  file.manifest_ = std::move(*manifest);
  if (const Status status = check_manifest(file.manifest_, file.path_); !status)
    return refuse(status.error());
  return file;
}

std::vector<std::string> PluginFile::forbidden_imports() const {
  const bool may_open = manifest_.provides_service("chronik.storage/1");
  std::vector<std::string> found;
  for (const std::string& symbol : elf_.imported) {
    const bool forbidden = std::ranges::find(kForbidden, symbol) != kForbidden.end();
    const bool file = std::ranges::find(kFiles, symbol) != kFiles.end();
    if (forbidden || (file && !may_open)) found.push_back(symbol);
  }
  return found;
}

std::filesystem::path plugin_path(const std::filesystem::path& directory, std::string_view name) {
  if (name.find('/') != std::string_view::npos) return std::filesystem::path(name);
  return directory / (std::string(name) + ".so");
}

}  // namespace chronik::host
