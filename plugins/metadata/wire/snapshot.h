// The catalog as bytes: "CMET", a format version, a head, then nodes and topics, each behind its length.
#pragma once

#include <chronik/result.hpp>

#include <functional>
#include <string_view>

#include "metadata/catalog/catalog.h"

namespace chronik::metadata {

// Writes the catalog in pieces; write returns false to give up.
Status save_snapshot(const Catalog& catalog, const std::function<bool(std::string_view)>& write);

// Reads what save_snapshot wrote. Checks counts and the digest, and refuses a newer format by name.
Result<Catalog> load_snapshot(std::string_view bytes);

}  // namespace chronik::metadata
