// What FakeMetadata does with changes, and its function table. Included by fake_metadata.hpp.
#pragma once

#include <chronik/testing/fake_metadata.hpp>

namespace chronik::testing {

inline chr_change_result FakeMetadata::create(const New& item, bool validate_only) {
  if (has_topic(item.name)) return result(CHR_E_EXISTS, "a topic of this name already exists");
  if (item.partitions < 1) return result(CHR_E_INVALID_ARGUMENT, "the number of partitions is less than 1");
  if (item.factor < 1 || static_cast<size_t>(item.factor) > state_.brokers.size())
    return result(CHR_E_OUT_OF_RANGE, "the replication factor does not fit the number of nodes");
  if (validate_only) {
    chr_change_result out = result(CHR_OK);
    out.n_partitions = static_cast<uint32_t>(item.partitions);
    return out;
  }
  put(item.name, item.replicas.empty() ? spread(item.partitions, item.factor) : item.replicas, item.factor,
      item.configs);
  return result(topic(item.name));
}

inline chr_change_result FakeMetadata::erase(const chr_uuid& id) {
  for (const auto& [name, topic] : state_.topics) {
    if (std::memcmp(topic->id.b, id.b, 16) != 0) continue;
    const chr_change_result out = result(*topic);
    remove_topic(std::string(name));
    return out;
  }
  return result(CHR_E_NOT_FOUND, "this topic does not exist");
}

inline chr_change_result FakeMetadata::extend(const std::string& name, int32_t total, bool validate_only) {
  if (!has_topic(name)) return result(CHR_E_NOT_FOUND, "this topic does not exist");
  Topic grown = topic(name);
  const uint32_t before = grown.partitions();
  if (total <= static_cast<int32_t>(before))
    return result(CHR_E_INVALID_ARGUMENT, "the topic has as many partitions");
  const std::vector<int32_t> all = spread(total, grown.factor);
  grown.replicas.insert(grown.replicas.end(),
                        all.begin() + static_cast<std::ptrdiff_t>(grown.replicas.size()), all.end());
  const chr_change_result out = result(grown);
  if (validate_only) return out;
  lead(grown, before);
  state_.topics[name] = std::make_shared<const Topic>(std::move(grown));
  changed();
  return out;
}

inline const chr_metadata_v1& FakeMetadata::table() {
  using M = FakeMetadata;
  static constexpr chr_metadata_v1 kTable = {
      sizeof kTable,
      1,
      thunk<&M::catalog>,
      thunk<&M::release>,
      thunk<&M::version>,
      thunk<&M::cluster_id>,
      thunk<&M::controller>,
      thunk<&M::n_topics>,
      thunk<&M::topic_at>,
      thunk<&M::topic_by_name>,
      thunk<&M::topic_by_id>,
      thunk<&M::partition>,
      thunk<&M::config_at>,
      thunk<&M::n_brokers>,
      thunk<&M::broker_at>,
      thunk<&M::watch>,
      thunk<&M::unwatch>,
      thunk<&M::create_topics>,
      thunk<&M::delete_topics>,
      thunk<&M::create_partitions>,
      thunk<&M::allocate_producer_ids>,
      thunk<&M::announce>,
  };
  return kTable;
}

}  // namespace chronik::testing
