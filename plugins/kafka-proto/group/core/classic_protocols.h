// ClassicProtocols: which of the members' protocols each of them supports, counted as they come and go.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kafka-proto/group/core/classic_requests.h"

namespace chronik::kafka::group {

// Protocols of one name: the first counts.
std::vector<Protocol> without_repeats(std::vector<Protocol> protocols);
// Empty: the member does not support it.
std::string_view metadata_of(const std::vector<Protocol>& protocols, std::string_view name);

class ClassicProtocols {
 public:
  void add(const std::vector<Protocol>& of_member);
  void remove(const std::vector<Protocol>& of_member);
  // Whether one of these is supported by all members.
  bool shares_one(const std::vector<Protocol>& of_member) const;
  bool is_supported_by_all(std::string_view name) const;

 private:
  std::map<std::string, size_t, std::less<>> members_;  // by protocol
  size_t size_ = 0;
};

// An election among what all members support: each votes for the first such one of its own.
class ProtocolVote {
 public:
  explicit ProtocolVote(const ClassicProtocols& protocols) : protocols_(protocols) {}
  void cast(const std::vector<Protocol>& of_member);
  // Of most votes, and of those the first by name; empty: nobody voted.
  std::string winner() const;

 private:
  const ClassicProtocols& protocols_;
  std::map<std::string_view, size_t> votes_;
};

}  // namespace chronik::kafka::group
