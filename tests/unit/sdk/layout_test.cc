// The frozen part of the ABI, byte for byte: sizes, offsets and the type of each field and function slot,
// against the golden file of the released minor. A difference is a break of every plugin that was ever built;
// a new minor adds a file.
#include <chronik/plugin.h>
#include <cxxabi.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <typeinfo>

namespace {

std::string demangled(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), std::free);
  return status == 0 ? text.get() : type.name();
}

template <class T>
std::string head(const char* name) {
  return std::string(name) + " size " + std::to_string(sizeof(T)) + " align " + std::to_string(alignof(T)) +
         "\n";
}

std::string field(size_t offset, const char* name, const std::type_info& type) {
  return "  " + std::to_string(offset) + " " + name + ": " + demangled(type) + "\n";
}
#define FIELD(type, name) field(offsetof(type, name), #name, typeid(decltype(type::name)))

std::string layout() {
  std::ostringstream out;
  out << head<chr_str>("chr_str");
  out << FIELD(chr_str, p);
  out << FIELD(chr_str, n);
  out << head<chr_error>("chr_error");
  out << FIELD(chr_error, struct_size);
  out << FIELD(chr_error, code);
  out << FIELD(chr_error, flags);
  out << FIELD(chr_error, reserved);
  out << FIELD(chr_error, message);
  out << head<chr_buf>("chr_buf");
  out << FIELD(chr_buf, ops);
  out << head<chr_buf_ops>("chr_buf_ops");
  out << FIELD(chr_buf_ops, retain);
  out << FIELD(chr_buf_ops, release);
  out << FIELD(chr_buf_ops, is_recalled);
  out << head<chr_slice>("chr_slice");
  out << FIELD(chr_slice, p);
  out << FIELD(chr_slice, n);
  out << FIELD(chr_slice, lease);
  out << head<chr_done>("chr_done");
  out << FIELD(chr_done, token);
  out << FIELD(chr_done, code);
  out << FIELD(chr_done, flags);
  out << FIELD(chr_done, u);
  out << FIELD(chr_done, message);
  out << FIELD(chr_done, lease);
  out << head<chr_uuid>("chr_uuid");
  out << FIELD(chr_uuid, b);
  out << head<chr_host_v1>("chr_host_v1");
  out << FIELD(chr_host_v1, struct_size);
  out << FIELD(chr_host_v1, abi_minor);
  out << FIELD(chr_host_v1, self);
  out << FIELD(chr_host_v1, query);
  out << FIELD(chr_host_v1, acquire);
  out << FIELD(chr_host_v1, complete);
  out << FIELD(chr_host_v1, log);
  out << FIELD(chr_host_v1, log_level);
  out << FIELD(chr_host_v1, fatal);
  out << head<chr_offer>("chr_offer");
  out << FIELD(chr_offer, struct_size);
  out << FIELD(chr_offer, abi_major);
  out << FIELD(chr_offer, abi_minor);
  out << FIELD(chr_offer, reserved);
  out << FIELD(chr_offer, features);
  out << head<chr_config_key>("chr_config_key");
  out << FIELD(chr_config_key, name);
  out << FIELD(chr_config_key, type);
  out << FIELD(chr_config_key, required);
  out << FIELD(chr_config_key, default_value);
  out << FIELD(chr_config_key, min);
  out << FIELD(chr_config_key, max);
  out << FIELD(chr_config_key, choices);
  out << FIELD(chr_config_key, doc);
  out << head<chr_plugin_v1>("chr_plugin_v1");
  out << FIELD(chr_plugin_v1, struct_size);
  out << FIELD(chr_plugin_v1, abi_minor);
  out << FIELD(chr_plugin_v1, id);
  out << FIELD(chr_plugin_v1, version);
  out << FIELD(chr_plugin_v1, config_schema);
  out << FIELD(chr_plugin_v1, validate);
  out << FIELD(chr_plugin_v1, create);
  out << FIELD(chr_plugin_v1, service);
  out << FIELD(chr_plugin_v1, start);
  out << FIELD(chr_plugin_v1, stop);
  out << FIELD(chr_plugin_v1, destroy);
  return out.str();
}

TEST(AbiLayout, IsTheGoldenOneOfThisMinor) {
  static_assert(CHR_ABI_MAJOR == 1 && CHR_ABI_MINOR == 0, "a new minor needs a golden file of its own");
  const std::string path = std::string(CHRONIK_SOURCE_DIR) + "/tests/golden/sdk/abi-1.0.txt";
  if (std::getenv("CHRONIK_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << layout();
  std::ifstream file(path);
  ASSERT_TRUE(file.good()) << path << " is missing";
  std::stringstream golden;
  golden << file.rdbuf();
  EXPECT_EQ(layout(), golden.str()) << "the frozen ABI changed; plugins that exist would break";
}

}  // namespace
