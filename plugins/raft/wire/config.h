// Configurations and boundaries of terms as messages, on the wire and in keys.
#pragma once

#include "raft/core/raft_log.h"
#include "raft/wire/raft.pb.h"

namespace chronik::raft {

inline void fill(const ConfigEntry& config, wire::Config* to) {
  to->set_index(config.index);
  to->set_term(config.term);
  for (const NodeId node : config.members.voters) to->add_voters(node);
  for (const NodeId node : config.members.outgoing) to->add_outgoing(node);
}

inline ConfigEntry config_of(const wire::Config& from) {
  return {
      from.index(),
      from.term(),
      {{from.voters().begin(), from.voters().end()}, {from.outgoing().begin(), from.outgoing().end()}, {}}};
}

inline void fill(const TermStart& start, wire::TermStart* to) {
  to->set_term(start.term);
  to->set_first_index(start.first_index);
  to->set_base_offset(start.base_offset);
}

inline TermStart term_start_of(const wire::TermStart& from) {
  return {from.term(), from.first_index(), from.base_offset()};
}

}  // namespace chronik::raft
