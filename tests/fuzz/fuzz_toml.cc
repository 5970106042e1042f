// The node's TOML: whatever stands in the file, reading it must end in settings or in diagnostics.
#include <cstdint>
#include <string>
#include <string_view>

#include "host/config/diagnostic.h"
#include "host/config/host_schema.h"
#include "host/config/settings.h"
#include "host/config/toml_document.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace chronik::host;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const TomlDocument document = parse_toml(text);
  Diagnostics diagnostics;
  diagnostics.set_file("node.toml", std::string(text));
  Settings settings(document, {}, {}, diagnostics);
  for (const TableSchema& schema : host_schemas()) settings.read(schema);
  settings.report_undeclared();
  return 0;
}
