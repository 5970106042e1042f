// What another node sends on metadata's channel, and snapshots of the catalog, which may come from one too.
#include <cstdint>
#include <string_view>

#include "metadata/catalog/catalog.h"
#include "metadata/wire/codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace chronik::metadata;
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  if (data[0] % 2 == 0) {
    if (const auto frame = decode_frame(bytes)) (void)encode(*frame);
  } else {
    (void)Catalog::load(bytes);
  }
  return 0;
}
