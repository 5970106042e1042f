#include "kafka-proto/partition/strays.h"

#include <fmt/format.h>

#include <chronik/plugin.hpp>
#include <memory>
#include <optional>

#include "kafka-proto/partition/info.h"

namespace chronik::kafka {

void Strays::look_for_strays() {
  if (state_ != State::kWaiting || services_.stopping) return;
  const Catalog catalog(services_);
  if (catalog.controller() < 0) return;
  if (services_.groups.table != nullptr && !groups_without_topic(catalog).empty()) return make_sure();
  state_ = State::kDone;
}

std::vector<std::string> Strays::groups_without_topic(const Catalog& catalog) const {
  std::vector<std::string> names;
  services_.groups.table->list(
      services_.groups.self,
      [](void* context, chr_str name) {
        static_cast<std::vector<std::string>*>(context)->emplace_back(from_abi(name));
      },
      &names);
  std::erase_if(names, [&](const std::string& name) {
    const std::optional<chr_uuid> topic = PartitionInfo::topic_of_group(name);
    return !topic.has_value() || closing_->contains(name) || catalog.topic(*topic).has_value();
  });
  return names;
}

// A log must not go because this node asked a leader of __meta that is none any more. A change that completes
// here is committed, and so is all that came before it: the catalog that shows it knows every topic whose log
// this node ever had. The cheapest change is to take a block of producer ids.
void Strays::make_sure() {
  constexpr uint64_t kTimeoutNs = 30'000'000'000;
  state_ = State::kAsking;
  // A stop waits for what is counted.
  services_.metadata.allocate_producer_ids(
      kTimeoutNs, [this, count = CallCount(services_)](const Result<chronik::ProducerIds>& ids) {
        state_ = State::kWaiting;
        if (ids) remove_all();
      });
}

void Strays::remove_all() {
  state_ = State::kDone;
  if (services_.stopping) return;
  for (const std::string& group : groups_without_topic(Catalog(services_))) remove(group);
}

void Strays::remove(const std::string& group) {
  const auto count = std::make_shared<CallCount>(services_);
  services_.host.post(services_.consensus.shard_of(group), [this, group, count] {
    services_.consensus.delete_group(group, [this, group, count](const Status& removed) {
      if (removed) {
        services_.host.info("Removed the log of a topic that was deleted while this node was away",
                            fmt::format("group={}", group));
      } else {
        services_.host.error(
            "cannot remove the log of a deleted topic; it is tried again at the next start of this node",
            fmt::format("group={} code={}", group, code_of(removed)));
      }
    });
  });
}

}  // namespace chronik::kafka
