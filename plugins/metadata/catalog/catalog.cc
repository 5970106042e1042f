#include "metadata/catalog/catalog.h"

#include <algorithm>

#include "metadata/catalog/features.h"

namespace chronik::metadata {
namespace {

template <class T, class Body>
concept Takes = requires(T& table, const Body& body, Change* change) { table.apply(body, change); };

}  // namespace

Outcome Catalog::apply(const Command& command) {
  Outcome out;
  const uint64_t remembered = applied().digest();
  out.seen = note_command(command);
  if (out.seen == Seen::kNew && admits(command.body, &out)) {
    Change change{*this, version_ + 1, generation_, &out};
    std::visit(
        [&]<class Body>(const Body& body) {
          each_table([&]<class T>(T& table) {
            if constexpr (Takes<T, Body>) table.apply(body, &change);
          });
        },
        command.body);
  }
  if (applied().digest() != remembered) out.changed = true;  // a version is one state
  if (out.changed) ++version_;
  return out;
}

// Two leaders may both have proposed a cluster: the first in the log counts.
bool Catalog::admits(const Body& body, Outcome* out) {
  const auto* init = std::get_if<InitCluster>(&body);
  if (init == nullptr) return true;
  if (!cluster_id_.empty()) return false;
  cluster_id_ = init->cluster_id;
  out->changed = true;
  return true;
}

// Nobody waits for what has no node; and what changes nothing may come as often as it likes.
Seen Catalog::note_command(const Command& command) {
  if (command.request.node < 0 || level() < kRecordsLevel) return Seen::kNew;
  const auto* records = std::get_if<ChangeRecords>(&command.body);
  if (records != nullptr && std::ranges::all_of(records->items, &RecordChange::is_barrier)) return Seen::kNew;
  return std::get<AppliedRequestTable>(tables_).note_request(command.request);
}

ImageRef Catalog::publish() {
  auto* image = new Image;
  ImageRef owned = ImageRef::adopt(image);
  image->version = version_;
  image->digest = digest();
  image->cluster_id = cluster_id_;
  each_table([&](auto& table) { table.publish(image, generation_); });
  ++generation_;
  return owned;
}

uint64_t Catalog::digest() const {
  Digest head("catalog");
  head.text(cluster_id_).number(version_);
  each_table([&](const auto& table) { table.add_to(&head); });
  uint64_t sum = head.value();
  each_table([&](const auto& table) { sum += table.digest(); });
  return sum;
}

}  // namespace chronik::metadata
