#include "sim/workload/record_counter.h"

#include <fmt/format.h>
#include <chronik/host.hpp>

#include <charconv>

namespace chronik::sim {
namespace {

constexpr uint64_t kEvery = kSecond;
constexpr std::string_view kSpace = "sim", kKey = "counter";

}  // namespace

void RecordCounter::begin() {
  step();
  cluster_.world().loop.call(cluster_.world().now() + kEvery, [this] { begin(); });
}

void RecordCounter::step() {
  if (asked_ != 0) {
    const Node& node = cluster_.node(asked_);
    if (node.running() && node.boots() == boots_) return;
    asked_ = 0;
    ++unknown_;
  }
  Node& node = cluster_.node(static_cast<uint32_t>(rng_.between(1, cluster_.size())));
  if (!winding_down_ && node.running() && !cluster_.world().loop.paused(node.id())) raise(node);
}

void RecordCounter::raise(Node& node) {
  const std::optional<Shown> before = shown(node);
  if (!before) return;
  void* self = nullptr;
  const auto* records = static_cast<const chr_records_v1*>(node.service(CHR_RECORDS_ID, &self, false));
  const Enter enter(cluster_.world(), node.at_shard(0));
  value_ = std::to_string(before->value + 1);
  const chr_record_change item{to_abi(kSpace),  to_abi(kKey),        to_abi(value_),
                               before->version, CHR_RECORD_EXPECTED, 0};
  const auto ended = [](void* context, const chr_done* answer) {
    static_cast<RecordCounter*>(context)->done(*answer);
  };
  const uint64_t token = node.ops().begin(&node.harness(), 0, ended, this);
  asked_ = node.id();
  boots_ = node.boots();
  if (records->change(self, &item, 1, 5 * kSecond, &result_, token, nullptr) == CHR_PENDING) return;
  node.ops().abandon(token);
  asked_ = 0;
}

void RecordCounter::done(const chr_done& answer) {
  asked_ = 0;
  if (answer.code != CHR_OK)
    ++unknown_;
  else if (result_.code == CHR_OK)
    ++confirmed_;
}

std::optional<RecordCounter::Shown> RecordCounter::shown(Node& node) const {
  void* of_metadata = nullptr;
  void* of_records = nullptr;
  const auto* metadata =
      static_cast<const chr_metadata_v1*>(node.service(CHR_METADATA_ID, &of_metadata, false));
  const auto* records = static_cast<const chr_records_v1*>(node.service(CHR_RECORDS_ID, &of_records, false));
  if (metadata == nullptr || records == nullptr) return std::nullopt;
  const Enter enter(cluster_.world(), node.at_shard(0));
  chr_catalog* const catalog = metadata->catalog(of_metadata);
  chr_record record{};
  record.struct_size = sizeof record;
  Shown out;
  if (records->seek(of_records, catalog, to_abi(kSpace), to_abi(kKey), &record) == CHR_OK) {
    const std::string_view text = from_abi(record.value);
    std::from_chars(text.data(), text.data() + text.size(), out.value);
    out.version = record.version;
  }
  metadata->release(of_metadata, catalog);
  return out;
}

bool RecordCounter::settled() {
  if (asked_ != 0) return false;
  std::optional<uint64_t> first;
  for (uint32_t id = 1; id <= cluster_.size(); ++id) {
    if (!cluster_.node(id).running()) continue;
    const std::optional<Shown> here = shown(cluster_.node(id));
    if (!here || (first && *first != here->version)) return false;
    first = here->version;
  }
  return true;
}

void RecordCounter::finish() {
  for (uint32_t id = 1; id <= cluster_.size(); ++id) {
    if (!cluster_.node(id).running()) continue;
    const std::optional<Shown> here = shown(cluster_.node(id));
    if (!here || (here->value >= confirmed_ && here->value <= confirmed_ + unknown_)) continue;
    return cluster_.world().fail(
        "records", fmt::format("node {} shows the counter at {}; {} steps were confirmed and {} "
                               "ended unheard",
                               id, here->value, confirmed_, unknown_));
  }
}

std::string RecordCounter::state() {
  return fmt::format("; the counter: {} confirmed, {} unknown{}", confirmed_, unknown_,
                     asked_ == 0 ? "" : fmt::format(", node {} is asked", asked_));
}

}  // namespace chronik::sim
