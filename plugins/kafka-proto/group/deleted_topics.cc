#include "kafka-proto/group/deleted_topics.h"

#include <memory>
#include <utility>

#include "kafka-proto/cluster/catalog.h"
#include "kafka-proto/group/core/offset_rules.h"
#include "kafka-proto/wire/types.h"

namespace chronik::kafka {
namespace {

constexpr uint64_t kTimeoutNs = 5'000'000'000;

struct Barrier {
  explicit Barrier(Services& services) : count(services) {}
  CallCount count;  // a stop waits for it
  chr_change_result result{};
};

// fn(topic of the group, ids) for each that is in both, by way of the one that has fewer; false ends it.
template <class Fn>
void each_common(const group::Offsets& offsets, const DeletedTopics& topics, Fn&& fn) {
  if (topics.size() < offsets.topics().size()) {
    for (const auto& [name, ids] : topics)
      if (const auto found = offsets.topics().find(name); found != offsets.topics().end())
        if (!fn(*found, ids)) return;
  } else {
    for (const auto& topic : offsets.topics())
      if (const auto found = topics.find(topic.first); found != topics.end())
        if (!fn(topic, found->second)) return;
  }
}

bool is_known(const Catalog& catalog, const std::string& name, const chr_uuid& id) {
  return is_zero(id) ? catalog.topic(name).has_value() : catalog.topic(id).has_value();
}

DeletedTopics unknown_of(const Catalog& catalog, const DeletedTopics& topics) {
  DeletedTopics out;
  for (const auto& [name, ids] : topics)
    for (const chr_uuid& id : ids)
      if (!is_known(catalog, name, id)) out[name].insert(id);
  return out;
}

}  // namespace

void add_unknown(const group::Offsets& offsets, const group::TopicView& topics, DeletedTopics& unknown) {
  for (const auto& [name, partitions] : offsets.topics()) {
    const chr_uuid* last = nullptr;
    for (const auto& [partition, committed] : partitions) {
      const chr_uuid& id = committed.topic_id;
      if (last != nullptr && same(*last, id)) continue;
      last = &id;
      const bool known = is_zero(id) ? topics.find(name).has_value() : !topics.name_of(id).empty();
      if (!known) unknown[name].insert(id);
    }
  }
}

DeletedTopics in_both(const DeletedTopics& a, const DeletedTopics& b) {
  DeletedTopics out;
  for (const auto& [name, ids] : a)
    if (const auto found = b.find(name); found != b.end())
      for (const chr_uuid& id : ids)
        if (found->second.contains(id)) out[name].insert(id);
  return out;
}

bool has_offsets_of(const group::Offsets& offsets, const DeletedTopics& topics) {
  bool any = false;
  each_common(offsets, topics, [&](const auto&, const auto&) {
    any = true;
    return false;
  });
  return any;
}

void delete_topics_offsets(const std::string& group, const group::Offsets& offsets,
                           const DeletedTopics& topics, std::vector<group::Record>& records) {
  each_common(offsets, topics, [&](const auto& topic, const auto& ids) {
    for (const chr_uuid& id : ids) group::delete_topic_offsets(group, offsets, topic.first, id, records);
    return records.size() <= group::kMaxRecordsAtOnce;
  });
}

void find_deleted(Services& services, DeletedTopics topics, std::function<void(DeletedTopics)> done) {
  const Service<chr_records_v1>& records = services.records;
  if (records.table == nullptr) return done({});
  const auto barrier = std::make_shared<Barrier>(services);
  const auto shared = std::make_shared<DeletedTopics>(std::move(topics));
  const auto then = std::make_shared<std::function<void(DeletedTopics)>>(std::move(done));
  const chr_status status = services.host.async(
      [&](uint64_t token) {
        return records.table->barrier(records.self, kTimeoutNs, &barrier->result, token, nullptr);
      },
      [&services, barrier, shared, then](const chr_done& d) {
        const bool is_current = d.code == CHR_OK && barrier->result.code == CHR_OK;
        (*then)(is_current ? unknown_of(Catalog(services), *shared) : DeletedTopics());
      });
  if (status != CHR_PENDING) (*then)({});
}

}  // namespace chronik::kafka
