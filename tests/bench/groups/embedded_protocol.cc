#include "bench/groups/embedded_protocol.h"

#include <algorithm>
#include <set>

#include "bench/groups/loop.h"
#include "kafka-proto/wire/reader.h"
#include "kafka-proto/wire/writer.h"

namespace chronik::bench {
namespace {

constexpr int16_t kVersion = 1;  // with what is owned

void put(kafka::Writer& out, const std::string& topic, const Partitions& partitions) {
  out.array_length(partitions.empty() ? 0 : 1, false);
  if (partitions.empty()) return;
  out.string(topic, false);
  out.array_length(partitions.size(), false);
  for (const int32_t partition : partitions) out.int32(partition);
}

Partitions take(kafka::Reader& in) {
  Partitions all;
  for (int32_t topics = in.int32("topics"); topics > 0 && in.ok(); --topics) {
    in.string("topic", false);
    for (int32_t n = in.int32("partitions"); n > 0 && in.ok(); --n) all.push_back(in.int32("partition"));
  }
  std::ranges::sort(all);
  return all;
}

std::vector<uint8_t> bytes_of(kafka::Writer&& out) { return std::move(out).finish().copy(); }

size_t share_of(size_t member, size_t members, int32_t partitions) {
  const auto n = static_cast<size_t>(partitions);
  return n / members + (member < n % members ? 1 : 0);
}

}  // namespace

std::vector<uint8_t> encode_subscription(const std::string& topic, const Partitions& owned) {
  kafka::Writer out;
  out.int16(kVersion);
  out.array_length(1, false);
  out.string(topic, false);
  out.int32(-1);  // no user data
  put(out, topic, owned);
  return bytes_of(std::move(out));
}

Partitions decode_owned(kafka::Bytes subscription) {
  kafka::Reader in(subscription);
  if (in.int16("version") < 1) return {};
  for (int32_t topics = in.int32("topics"); topics > 0 && in.ok(); --topics) in.string("topic", false);
  in.nullable_bytes("user data", false, true);
  return take(in);
}

std::vector<uint8_t> encode_assignment(const std::string& topic, const Partitions& partitions) {
  kafka::Writer out;
  out.int16(kVersion);
  put(out, topic, partitions);
  out.int32(-1);
  return bytes_of(std::move(out));
}

Partitions decode_assignment(kafka::Bytes assignment) {
  if (assignment.empty()) return {};
  kafka::Reader in(assignment);
  in.int16("version");
  return take(in);
}

Shares share_range(const Shares& owned, int32_t partitions) {
  Shares shares;
  int32_t next = 0;
  for (const auto& [member, _] : owned)
    for (size_t n = share_of(shares.size(), owned.size(), partitions), i = (shares[member], 0); i < n; ++i)
      shares[member].push_back(next++);
  return shares;
}

Shares share_cooperatively(const Shares& owned, int32_t partitions) {
  std::set<int32_t> free;
  for (int32_t partition = 0; partition < partitions; ++partition) free.insert(partition);
  // Those that own most have the larger shares.
  std::vector<const Shares::value_type*> members;
  for (const auto& each : owned) {
    members.push_back(&each);
    for (const int32_t partition : each.second) free.erase(partition);
  }
  std::ranges::stable_sort(members, std::ranges::greater(),
                           [](const auto* each) { return each->second.size(); });
  Shares shares;
  for (size_t i = 0; i < members.size(); ++i) {
    const auto& [member, has] = *members[i];
    const size_t share = share_of(i, members.size(), partitions);
    Partitions& gets = shares[member];
    gets.assign(has.begin(), has.begin() + static_cast<ptrdiff_t>(std::min(has.size(), share)));
    while (gets.size() < share && !free.empty()) gets.push_back(free.extract(free.begin()).value());
    std::ranges::sort(gets);
  }
  return shares;
}

}  // namespace chronik::bench
