// Prints sizes, offsets, types, functions and constants of the ABI that it is compiled with. layout.inc names
// them all; layout.py writes it from the headers, so that none can be forgotten.

#include <chronik/consensus.h>
#include <chronik/host_services.h>
#include <chronik/link.h>
#include <chronik/metadata.h>
#include <chronik/net.h>
#include <chronik/plugin.h>
#include <chronik/retry_policy.h>
#include <chronik/storage.h>
#include <cxxabi.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <type_traits>
#include <typeinfo>

namespace {

std::string demangled(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), std::free);
  return status == 0 ? text.get() : type.name();
}

template <class T>
void constant(const char* name, const T& value) {
  if constexpr (std::is_convertible_v<T, long long>) {
    std::printf("%s = %lld\n", name, static_cast<long long>(value));
  } else {
    std::printf("%s = \"%s\"\n", name, value);
  }
}
void function(const char* name, const std::type_info& type) {
  std::printf("%s = %s\n", name, demangled(type).c_str());
}
void head(const char* name, const char* growth, size_t size, size_t align) {
  std::printf("%s %s size %zu align %zu\n", name, growth, size, align);
}
void field(size_t offset, size_t size, const char* name, const std::type_info& type) {
  std::printf("  %zu %zu %s: %s\n", offset, size, name, demangled(type).c_str());
}

}  // namespace

int main() {
#include "layout.inc"
}
