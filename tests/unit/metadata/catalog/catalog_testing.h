// What tests of the catalog as a state machine share.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "metadata/catalog/catalog.h"
#include "metadata/catalog/rules.h"

namespace chronik::metadata::test {

inline void apply(Catalog* catalog, Body body) {
  resolve(*catalog, {}, &body);
  catalog->apply(Command{{}, std::move(body)});
}

inline std::string saved(const Catalog& catalog) {
  std::string bytes;
  EXPECT_TRUE(catalog.save([&](std::string_view piece) {
    bytes += piece;
    return true;
  }));
  return bytes;
}

}  // namespace chronik::metadata::test
