// Records of groups in Kafka's formats (schemas/records), as __consumer_offsets holds them: kminion, Burrow and
// MirrorMaker read them, and so does Apache Kafka.
#pragma once

#include <chronik/result.hpp>

#include <optional>

#include "kafka-proto/coordinator/record_list.h"
#include "kafka-proto/group/core/record.h"

namespace chronik::kafka {

void add_record(const group::Record& record, RecordList& out);

// Nothing: a kind that says nothing here any more. CORRUPT; UNSUPPORTED: a kind, or a version of one, that this
// build does not know, named in the message.
Result<std::optional<group::Record>> read_record(Bytes key, const std::optional<Bytes>& value);

}  // namespace chronik::kafka
