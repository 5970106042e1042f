#include "kafka-proto/group/core/classic_protocols.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace chronik::kafka::group {

std::vector<Protocol> without_repeats(std::vector<Protocol> protocols) {
  std::unordered_set<std::string_view> seen;
  std::vector<bool> repeated(protocols.size());
  bool any = false;
  for (size_t i = 0; i < protocols.size(); ++i) any |= repeated[i] = !seen.insert(protocols[i].name).second;
  if (!any) return protocols;
  std::vector<Protocol> result;
  for (size_t i = 0; i < protocols.size(); ++i)
    if (!repeated[i]) result.push_back(protocols[i]);
  return result;
}

std::string_view metadata_of(const std::vector<Protocol>& protocols, std::string_view name) {
  for (const Protocol& protocol : protocols)
    if (protocol.name == name) return protocol.metadata;
  return {};
}

void ClassicProtocols::add(const std::vector<Protocol>& of_member) {
  ++size_;
  for (const Protocol& protocol : of_member) ++members_[protocol.name];
}

void ClassicProtocols::remove(const std::vector<Protocol>& of_member) {
  --size_;
  for (const Protocol& protocol : of_member)
    if (const auto at = members_.find(protocol.name); --at->second == 0) members_.erase(at);
}

bool ClassicProtocols::shares_one(const std::vector<Protocol>& of_member) const {
  return std::any_of(of_member.begin(), of_member.end(),
                     [&](const Protocol& protocol) { return is_supported_by_all(protocol.name); });
}

bool ClassicProtocols::is_supported_by_all(std::string_view name) const {
  const auto at = members_.find(name);
  return (at == members_.end() ? 0 : at->second) == size_;
}

void ProtocolVote::cast(const std::vector<Protocol>& of_member) {
  for (const Protocol& protocol : of_member) {
    if (!protocols_.is_supported_by_all(protocol.name)) continue;
    ++votes_[protocol.name];
    return;
  }
}

std::string ProtocolVote::winner() const {
  const auto most = std::max_element(votes_.begin(), votes_.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == votes_.end() ? std::string() : std::string(most->first);
}

}  // namespace chronik::kafka::group
