// Between the messages of metadata.proto and the plain values of the catalog; internal to wire/.
#pragma once

#include <chronik/result.hpp>

#include "catalog/image.h"
#include "wire/frame.h"
#include "wire/metadata.pb.h"

namespace chronik::metadata::convert {

inline constexpr uint32_t kNewest = 3;  // version of commands and frames

inline Error corrupt(std::string what) { return {Code::kCorrupt, std::move(what)}; }

// An id of 16 bytes; empty stands for zero.
Result<Uuid> id(const std::string& bytes);
std::string id(const Uuid& id);

void to_wire(const Verdict& from, wire::Verdict* to);
void to_wire(const Configs& from, google::protobuf::RepeatedPtrField<wire::Config>* to);
void to_wire(const Node& from, wire::Node* to);
void to_wire(const SyncBatch& from, wire::SyncBatch* to);
void to_wire(const Command& from, wire::Command* to);
void to_wire(const Topic& from, wire::Topic* to);

Result<Verdict> from_wire(const wire::Verdict& from);
Result<Configs> from_wire(const google::protobuf::RepeatedPtrField<wire::Config>& from);
Result<Node> from_wire(const wire::Node& from);
Result<SyncBatch> from_wire(const wire::SyncBatch& from);
Result<Command> from_wire(const wire::Command& from);
Result<Topic> from_wire(const wire::Topic& from);

}  // namespace chronik::metadata::convert
