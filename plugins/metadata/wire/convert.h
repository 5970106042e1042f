// Between the messages of metadata.proto and the plain values of the catalog; internal to wire/.
#pragma once

#include <chronik/result.hpp>

#include "metadata/wire/frame.h"
#include "metadata/wire/metadata.pb.h"

namespace chronik::metadata::convert {

inline constexpr uint32_t kNewest = 4;  // version of commands
inline constexpr uint32_t kNewestFrame = 5;

inline Error corrupt(std::string what) { return {Code::kCorrupt, std::move(what)}; }
Status bounded(size_t n, size_t limit, std::string_view what);

Result<std::vector<int32_t>> node_ids(const google::protobuf::RepeatedField<int32_t>& from);
// An id of 16 bytes; empty stands for zero.
Result<Uuid> id(const std::string& bytes);
std::string id(const Uuid& id);

void to_wire(const Verdict& from, wire::Verdict* to);
void to_wire(const Configs& from, google::protobuf::RepeatedPtrField<wire::Config>* to);
void to_wire(const Node& from, wire::Node* to);
void to_wire(const SyncBatch& from, wire::SyncBatch* to);
void to_wire(const Command& from, wire::Command* to);
void to_wire(const InitCluster& from, wire::InitCluster* to);
void to_wire(const FeatureUpdate& from, wire::FeatureUpdate* to);
void to_wire(const RecordChange& from, wire::RecordChange* to);
void to_wire(const ToldRange& from, wire::FeatureRange* to);

Result<Verdict> from_wire(const wire::Verdict& from);
Result<Configs> from_wire(const google::protobuf::RepeatedPtrField<wire::Config>& from);
Result<Node> from_wire(const wire::Node& from);
Result<SyncBatch> from_wire(const wire::SyncBatch& from);
Result<Command> from_wire(const wire::Command& from);
Result<InitCluster> from_wire(const wire::InitCluster& from);
Result<FeatureUpdate> from_wire(const wire::FeatureUpdate& from);
Result<RecordChange> from_wire(const wire::RecordChange& from);
Result<ToldRange> from_wire(const wire::FeatureRange& from);

}  // namespace chronik::metadata::convert
