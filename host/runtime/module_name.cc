#include "host/runtime/module_name.h"

#include <dlfcn.h>

#include <filesystem>

namespace chronik::host {

std::string module_name(const void* code) {
  Dl_info info{};
  if (code == nullptr || ::dladdr(code, &info) == 0 || info.dli_fname == nullptr) return {};
  return std::filesystem::path(info.dli_fname).stem();
}

}  // namespace chronik::host
