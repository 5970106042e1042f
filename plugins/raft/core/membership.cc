#include "raft/core/membership.h"

namespace chronik::raft {
namespace {

void put(std::string* out, uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) out->push_back(static_cast<char>(value >> shift));
}

bool get(std::string_view* bytes, uint32_t* value) {
  if (bytes->size() < 4) return false;
  *value = 0;
  for (size_t i = 0; i < 4; ++i)
    *value |= static_cast<uint32_t>(static_cast<uint8_t>((*bytes)[i])) << (8 * i);
  bytes->remove_prefix(4);
  return true;
}

bool get_set(std::string_view* bytes, std::vector<NodeId>* set) {
  uint32_t n = 0;
  if (!get(bytes, &n) || n > kMaxMembers) return false;
  for (uint32_t i = 0; i < n; ++i) {
    NodeId node = kNobody;
    if (!get(bytes, &node) || node == kNobody || Membership::contains(*set, node)) return false;
    set->push_back(node);
  }
  return true;
}

}  // namespace

std::string encode_members(const Membership& membership) {
  std::string out;
  for (const auto* set : {&membership.voters, &membership.outgoing}) {
    put(&out, static_cast<uint32_t>(set->size()));
    for (const NodeId node : *set) put(&out, node);
  }
  return out;
}

bool decode_members(std::string_view bytes, Membership* membership) {
  *membership = {};
  return get_set(&bytes, &membership->voters) && get_set(&bytes, &membership->outgoing) && bytes.empty() &&
         !membership->voters.empty();
}

}  // namespace chronik::raft
