// Feature levels and records: what version 4 brought.
#include <fmt/format.h>

#include "metadata/wire/convert.h"

namespace chronik::metadata::convert {
namespace {

constexpr size_t kMaxClusterIdBytes = 64;

Result<int16_t> level(int32_t from) {
  if (from < INT16_MIN || from > INT16_MAX)
    return std::unexpected(corrupt(fmt::format("a level of {}", from)));
  return static_cast<int16_t>(from);
}

}  // namespace

Status bounded(size_t n, size_t limit, std::string_view what) {
  if (n <= limit) return {};
  return std::unexpected(corrupt(fmt::format("{} {}, the limit is {}", n, what, limit)));
}

void to_wire(const InitCluster& from, wire::InitCluster* to) {
  to->set_cluster_id(from.cluster_id);
  for (const FeatureLevel& feature : from.levels) {
    wire::FeatureLevel* out = to->add_levels();
    out->set_name(feature.name);
    out->set_level(feature.level);
  }
}

void to_wire(const FeatureUpdate& from, wire::FeatureUpdate* to) {
  to_wire(from.verdict, to->mutable_verdict());
  to->set_name(from.name);
  to->set_level(from.level);
  to->set_type(from.type);
}

void to_wire(const RecordChange& from, wire::RecordChange* to) {
  to_wire(from.verdict, to->mutable_verdict());
  to->set_space(from.space);
  to->set_key(from.key);
  to->set_value(from.value);
  to->set_remove(from.remove);
  to->set_has_expected(from.expected.has_value());
  to->set_expected(from.expected.value_or(0));
}

void to_wire(const ToldRange& from, wire::FeatureRange* to) {
  to->set_name(from.name);
  to->set_min(from.min);
  to->set_max(from.max);
}

Result<InitCluster> from_wire(const wire::InitCluster& from) {
  if (from.cluster_id().empty() || from.cluster_id().size() > kMaxClusterIdBytes)
    return std::unexpected(corrupt("a cluster id of no or too many bytes"));
  CHRONIK_CHECK(bounded(static_cast<size_t>(from.levels_size()), kMaxFeatures, "features"));
  InitCluster out{from.cluster_id(), {}};
  for (const wire::FeatureLevel& feature : from.levels()) {
    CHRONIK_CHECK(bounded(feature.name().size(), kMaxNameBytes, "bytes of a feature"));
    CHRONIK_TRY(const int16_t value, level(feature.level()));
    out.levels.push_back({feature.name(), value});
  }
  return out;
}

Result<FeatureUpdate> from_wire(const wire::FeatureUpdate& from) {
  FeatureUpdate out;
  CHRONIK_TRY(out.verdict, from_wire(from.verdict()));
  CHRONIK_CHECK(bounded(from.name().size(), kMaxNameBytes, "bytes of a feature"));
  CHRONIK_TRY(out.level, level(from.level()));
  out.name = from.name();
  out.type = from.type();
  return out;
}

Result<RecordChange> from_wire(const wire::RecordChange& from) {
  RecordChange out;
  CHRONIK_TRY(out.verdict, from_wire(from.verdict()));
  out.space = from.space();
  out.key = from.key();
  out.value = from.value();
  out.remove = from.remove();
  if (from.has_expected()) out.expected = from.expected();
  if (!from.has_expected() && from.expected() != 0)
    return std::unexpected(corrupt("a version that is not expected"));
  return out;
}

Result<ToldRange> from_wire(const wire::FeatureRange& from) {
  CHRONIK_CHECK(bounded(from.name().size(), kMaxNameBytes, "bytes of a feature"));
  CHRONIK_TRY(const int16_t min, level(from.min()));
  CHRONIK_TRY(const int16_t max, level(from.max()));
  return ToldRange{from.name(), min, max};
}

}  // namespace chronik::metadata::convert
