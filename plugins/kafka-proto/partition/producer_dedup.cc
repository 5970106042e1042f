#include "kafka-proto/partition/producer_dedup.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace chronik::kafka {

ProducerDedup::Checked ProducerDedup::check(const BatchHeader& batch) const {
  Checked checked = states_.check(batch);
  if (!checked && checked.error().error == ErrorCode::kOutOfOrderSequenceNumber)
    checked.error().error = why_out_of_order(batch, checked.error().ahead);
  return checked;
}

void ProducerDedup::placed(uint64_t index, int64_t base_offset, const BatchHeader& batch) {
  if (!refusals_.empty()) refusals_.erase(batch.producer_id);
  states_.placed(index, base_offset, batch);
}

void ProducerDedup::refused(const BatchHeader& batch, ErrorCode error) {
  if (!batch.has_producer()) return;
  if (refusals_.size() >= kMaxRefusals) refusals_.clear();
  refusals_[batch.producer_id] = {error, replica_.context().host.now_ns()};
}

void ProducerDedup::save(std::vector<uint8_t>& section) const {
  // mutant dedup-not-in-snapshot: ProducerStates().save(section);
  states_.save(section);
}

Status ProducerDedup::load(Bytes section) {
  states_ = ProducerStates();
  if (section.empty()) return {};
  CHRONIK_TRY(states_, ProducerStates::load(section));
  return {};
}

// A new leader does not know what the one before it refused.
ErrorCode ProducerDedup::why_out_of_order(const BatchHeader& batch, bool ahead) const {
  const uint64_t now = replica_.context().host.now_ns();
  const auto found = refusals_.find(batch.producer_id);
  if (found != refusals_.end() && now < found->second.at_ns + kRefusedNs) return found->second.error;
  const bool refused_elsewhere =
      ahead && now < replica_.leading_since_ns() + kRefusedNs && replica_.bounds().n_voters > 1;
  return refused_elsewhere ? ErrorCode::kNotLeaderOrFollower : ErrorCode::kOutOfOrderSequenceNumber;
}

// A snapshot of them is written in one go, on this shard: where clients come and go faster than they expire,
// the longest idle are forgotten early. Their time is known to the tick of these entries, so these come more
// often then.
void ProducerDedup::propose_expiry() {
  constexpr int64_t kLooksPerLife = 10;  // a producer lives up to a tenth longer than it must
  constexpr int64_t kMinMs = 1000, kCrowdedMs = 60'000;
  const Host& host = replica_.context().host;
  const int64_t now_ms = host.unix_ms();
  int64_t expiration_ms = replica_.context().producer_id_expiration_ms;
  int64_t every_ms = std::max(expiration_ms / kLooksPerLife, kMinMs);
  if (states_.size() > kMaxProducers / 2) every_ms = std::min(every_ms, kCrowdedMs);
  if (states_.size() > kMaxProducers) every_ms = kMinMs;
  if (states_.size() == 0 || now_ms - last_expiry_ms_ < every_ms) return;
  last_expiry_ms_ = now_ms;
  if (const std::optional<int64_t> shorter = states_.shorter_expiration(now_ms, kMaxProducers))
    expiration_ms = std::min(expiration_ms, *shorter);
  const std::array<uint8_t, ExpireProducers::kSize> bytes = ExpireProducers{now_ms, expiration_ms}.encode();
  chr_slice payload{};
  if (host.alloc(bytes.size(), &payload) != CHR_OK) return;
  const Lease lease = Lease::adopt(payload.lease);
  std::memcpy(const_cast<uint8_t*>(payload.p), bytes.data(), bytes.size());
  replica_.propose_command(payload);
}

}  // namespace chronik::kafka
