// What FakeMetadata does with changes, and its function table. Included by fake_metadata.hpp.
#pragma once

#include <chronik/draft/internal_topics.h>

#include <chronik/testing/fake_metadata.hpp>

namespace chronik::testing {

inline void FakeMetadata::remove_topic(const std::string& name) {
  const chr_uuid id = state_.topics.at(name)->id;
  std::erase_if(leaders_,
                [&](const auto& item) { return std::memcmp(item.first.first.data(), id.b, 16) == 0; });
  state_.topics.erase(name);
  changed();
}

inline chr_status FakeMetadata::describe(chr_catalog* catalog, size_t at, chr_topic* out) {
  const Topic& topic = *of(catalog).topics[at];
  const auto internal = topic.configs.find(CHR_INTERNAL_CONFIG);
  out->n_partitions = topic.partitions();
  out->id = topic.id;
  out->name = to_abi(topic.name);
  out->handle = static_cast<uint32_t>(at);
  out->internal = internal != topic.configs.end() && internal->second == "true" ? 1 : 0;
  return CHR_OK;
}

inline FakeMetadata::New FakeMetadata::copy(const chr_new_topic& from) {
  New out{std::string(from_abi(from.name)), from.partitions, from.replication_factor, {}, {}};
  if (from.assignment != nullptr) {
    for (const int32_t* at = from.assignment; out.replicas.size() < static_cast<size_t>(from.partitions);
         at += from.replication_factor)
      out.replicas.emplace_back(at, at + from.replication_factor);
  }
  for (uint64_t i = 0; i < from.n_configs; ++i)
    out.configs.emplace(from_abi(from.configs[i].key), from_abi(from.configs[i].value));
  return out;
}

inline chr_change_result FakeMetadata::create(const New& item, bool validate_only) {
  if (items_ != CHR_OK) return result(items_, "the test says so");
  if (has_topic(item.name)) return result(CHR_E_EXISTS, "a topic of this name already exists");
  if (item.partitions < 1) return result(CHR_E_INVALID_ARGUMENT, "the number of partitions is less than 1");
  if (item.factor < 1 || static_cast<size_t>(item.factor) > state_.brokers.size())
    return result(CHR_E_OUT_OF_RANGE, "the replication factor does not fit the number of nodes");
  for (const Nodes& nodes : item.replicas)
    for (const int32_t node : nodes)
      if (!state_.brokers.contains(node)) return result(CHR_E_INVALID_ARGUMENT, "a node is not known");
  if (validate_only) {
    chr_change_result out = result(CHR_OK);
    out.n_partitions = static_cast<uint32_t>(item.partitions);
    return out;
  }
  put(item.name, item.replicas.empty() ? spread(item.partitions, item.factor) : item.replicas, item.configs);
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
  const std::vector<Nodes> all = spread(total, static_cast<int32_t>(grown.replicas[0].size()));
  grown.replicas.insert(grown.replicas.end(),
                        all.begin() + static_cast<std::ptrdiff_t>(grown.replicas.size()), all.end());
  const chr_change_result out = result(grown);
  if (validate_only) return out;
  lead(grown, before);
  state_.topics[name] = std::make_shared<const Topic>(std::move(grown));
  changed();
  return out;
}

inline std::optional<FakeMetadata::Topic> FakeMetadata::partition_of(const Reassigned& item) const {
  for (const auto& [name, topic] : state_.topics) {
    if (std::memcmp(topic->id.b, item.topic.b, 16) == 0 && item.partition >= 0 &&
        static_cast<uint32_t>(item.partition) < topic->partitions())
      return *topic;
  }
  return std::nullopt;
}

inline chr_change_result FakeMetadata::reassign(const Reassigned& item) {
  std::optional<Topic> topic = partition_of(item);
  if (!topic) return result(CHR_E_NOT_FOUND, "there is no such partition");
  const Nodes& replicas = topic->replicas[static_cast<size_t>(item.partition)];
  const bool cancel = (item.flags & CHR_REASSIGN_CANCEL) != 0;
  if (cancel && !topic->moves.contains(item.partition))
    return result(CHR_E_CONFLICT, "nothing is in progress");
  if ((item.flags & CHR_REASSIGN_SAME_FACTOR) != 0 && item.replicas.size() != replicas.size())
    return result(CHR_E_OUT_OF_RANGE, "the replication factor would change");
  for (const int32_t node : item.replicas)
    if (!state_.brokers.contains(node)) return result(CHR_E_INVALID_ARGUMENT, "a node is not known");
  Move& move = topic->moves[item.partition];
  const Nodes before = std::exchange(move.target, cancel ? replicas : item.replicas);
  for (const int32_t node : before) {
    const auto is_in = [node](const Nodes& nodes) {
      return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
    };
    if (!is_in(replicas) && !is_in(move.target) && !is_in(move.others)) move.others.push_back(node);
  }
  const chr_change_result out = result(*topic);
  state_.topics[topic->name] = std::make_shared<const Topic>(*topic);
  changed();
  return out;
}

inline chr_change_result FakeMetadata::finish(const Reassigned& item) {
  std::optional<Topic> topic = partition_of(item);
  if (!topic) return result(CHR_E_NOT_FOUND, "there is no such partition");
  const auto move = topic->moves.find(item.partition);
  if (move == topic->moves.end() || move->second.target != item.replicas)
    return result(CHR_E_CONFLICT, "the reassignment was changed meanwhile");
  topic->replicas[static_cast<size_t>(item.partition)] = item.replicas;
  topic->moves.erase(move);
  const chr_change_result out = result(*topic);
  state_.topics[topic->name] = std::make_shared<const Topic>(*topic);
  changed();
  return out;
}

inline std::vector<FakeMetadata::Reassigned> FakeMetadata::copy(const chr_reassignment* items, uint32_t n) {
  std::vector<Reassigned> out;
  for (const chr_reassignment* item = items; item != items + n; ++item)
    out.push_back(
        {item->topic, item->partition, item->flags, {item->replicas, item->replicas + item->n_replicas}});
  return out;
}

inline chr_status FakeMetadata::alter_configs(const chr_topic_configs* items, uint32_t n,
                                              uint32_t validate_only, uint64_t, chr_change_result* results,
                                              uint64_t token, chr_error*) {
  std::vector<Altered> wanted;
  for (const chr_topic_configs* item = items; item != items + n; ++item) {
    Altered& out = wanted.emplace_back(Altered{item->topic, {}});
    for (const chr_config_change* c = item->changes; c != item->changes + item->n_changes; ++c) {
      auto& value = out.changes.emplace_back(from_abi(c->key), std::nullopt).second;
      if (c->remove == 0) value = std::string(from_abi(c->value));
    }
  }
  return change(token, [this, wanted, validate_only, results](chr_done*) {
    for (size_t i = 0; i < wanted.size(); ++i) results[i] = alter(wanted[i], validate_only != 0);
  });
}

inline chr_change_result FakeMetadata::alter(const Altered& item, bool validate_only) {
  if (items_ != CHR_OK) return result(items_, "the test says so");
  for (auto& [name, topic] : state_.topics) {
    if (std::memcmp(topic->id.b, item.topic.b, 16) != 0) continue;
    Topic now = *topic;
    for (const auto& [key, value] : item.changes) {
      now.configs.erase(key);
      if (value) now.configs.emplace(key, *value);
    }
    const chr_change_result out = result(now);
    if (validate_only) return out;
    topic = std::make_shared<const Topic>(std::move(now));
    changed();
    return out;
  }
  return result(CHR_E_NOT_FOUND, "this topic does not exist");
}

inline chr_status FakeMetadata::describe_quorum(uint64_t, chr_quorum* out, uint64_t token, chr_error*) {
  return change(token, [this, out](chr_done*) {
    out->leader = controller_;
    out->term = quorum_term;
    out->commit_index = quorum_commit;
    const size_t room = std::min<size_t>(out->n_members, quorum.size());
    std::copy_n(quorum.begin(), room, out->members);
    out->n_members = static_cast<uint32_t>(quorum.size());
  });
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
      thunk<&M::alter_reassignments>,
      thunk<&M::finish_reassignments>,
      thunk<&M::describe_quorum>,
      thunk<&M::alter_configs>,
  };
  return kTable;
}

}  // namespace chronik::testing
