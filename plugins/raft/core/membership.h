// Who takes part in a group, and what a majority of them is. Joint consensus: while `outgoing` is not empty,
// every decision needs a majority of both sets.
#pragma once

#include "raft/core/types.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace chronik::raft {

inline constexpr uint32_t kMaxMembers = 1024;  // of one set
inline constexpr size_t kUsualMembers = 8;     // for these no memory is taken from the heap

enum class VoteOutcome : uint8_t { kPending, kWon, kLost };

struct Membership {
  std::vector<NodeId> voters;    // in order of preference for leadership
  std::vector<NodeId> outgoing;  // voters of the configuration being left
  // Receive the log, have no vote. Only a leader knows of them: they are no part of what the log says.
  std::vector<NodeId> learners;

  bool operator==(const Membership&) const = default;
  bool joint() const { return !outgoing.empty(); }
  bool is_voter(NodeId node) const { return contains(voters, node) || contains(outgoing, node); }
  bool sole_voter(NodeId node) const {
    return voters.size() == 1 && voters.front() == node && outgoing.empty();
  }

  // All members in a fixed order, each once.
  std::vector<NodeId> members() const {
    std::vector<NodeId> all = voters;
    for (const auto* set : {&outgoing, &learners})
      for (NodeId node : *set)
        if (!contains(all, node)) all.push_back(node);
    return all;
  }

  // The largest index that a majority has, given match(node).
  template <class Match>
  Index quorum_index(Match&& match) const {
    const Index incoming = majority_index(voters, match);
    return outgoing.empty() ? incoming : std::min(incoming, majority_index(outgoing, match));
  }

  // answer(node): positive granted, negative refused, zero not yet known.
  template <class Answer>
  VoteOutcome tally(Answer&& answer) const {
    const VoteOutcome incoming = tally_of(voters, answer);
    if (outgoing.empty()) return incoming;
    const VoteOutcome leaving = tally_of(outgoing, answer);
    if (incoming == VoteOutcome::kLost || leaving == VoteOutcome::kLost) return VoteOutcome::kLost;
    return incoming == leaving ? incoming : VoteOutcome::kPending;
  }

  // What at least n of a set have, given match(node); 0 where there are fewer.
  template <class Match>
  static Index index_of_copies(const std::vector<NodeId>& set, size_t n, Match&& match) {
    if (n == 0 || n > set.size()) return 0;
    std::array<Index, kUsualMembers> few;
    std::vector<Index> many(set.size() > few.size() ? set.size() : 0);
    Index* const matches = many.empty() ? few.data() : many.data();
    for (size_t i = 0; i < set.size(); ++i) matches[i] = match(set[i]);
    std::nth_element(matches, matches + n - 1, matches + set.size(), std::greater<>());
    return matches[n - 1];
  }

  static bool contains(const std::vector<NodeId>& set, NodeId node) {
    return std::find(set.begin(), set.end(), node) != set.end();
  }

 private:
  template <class Match>
  static Index majority_index(const std::vector<NodeId>& set, Match& match) {
    return index_of_copies(set, set.size() / 2 + 1, match);
  }

  template <class Answer>
  static VoteOutcome tally_of(const std::vector<NodeId>& set, Answer& answer) {
    size_t granted = 0;
    size_t refused = 0;
    for (NodeId node : set) {
      const int vote = answer(node);
      granted += vote > 0;
      refused += vote < 0;
    }
    const size_t majority = set.size() / 2 + 1;
    if (granted >= majority) return VoteOutcome::kWon;
    return set.size() - refused < majority ? VoteOutcome::kLost : VoteOutcome::kPending;
  }
};

// A membership and the entry that brought it.
struct ConfigEntry {
  Index index = 0;  // 0: the one that the group was created with
  Term term = 0;
  Membership members;
};

// The payload of an entry of the kind CHR_ENTRY_CONFIG: voters, then outgoing, each a count and ids.
std::string encode_members(const Membership& membership);
// The bytes are untrusted. False: they are no membership.
bool decode_members(std::string_view bytes, Membership* membership);

}  // namespace chronik::raft
