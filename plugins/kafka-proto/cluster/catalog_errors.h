// What the catalog says, in Kafka's numbers.
#pragma once

#include <string_view>

#include "kafka-proto/cluster/catalog.h"
#include "kafka-proto/wire/error_code.h"

namespace chronik::kafka {

// Of a topic or partition that the catalog does not have: `unknown`, or `again` while this node cannot know
// that, such as in the first moments after a restart.
ErrorCode absent(const Catalog& catalog, ErrorCode unknown, ErrorCode again);
std::string_view why_absent(const Catalog& catalog);

// How a change of the catalog ended; `exists` and `invalid` depend on what was changed.
ErrorCode change_error(chr_status code, ErrorCode exists, ErrorCode invalid);

}  // namespace chronik::kafka
