#include "raft/group/context.h"

#include <algorithm>
#include <cstring>

namespace chronik::raft {
namespace {

chr_state_machine_v1 copy_of(const chr_state_machine_v1& machine) {
  chr_state_machine_v1 copy{};
  std::memcpy(&copy, &machine, std::min<size_t>(machine.struct_size, sizeof copy));
  return copy;
}

Membership voters_of(const chr_group_options& options) {
  Membership membership;
  for (uint32_t i = 0; i < options.n_voters; ++i)
    membership.voters.push_back(static_cast<NodeId>(options.voters[i]));
  return membership;
}

// The texts are those of the group: the options are gone after the call.
chr_group_id id_of(const chr_group_options& options, const std::string& name, const std::string& label) {
  chr_group_id id{};
  id.partition = options.id.partition;
  id.topic = options.id.topic;
  id.name = to_abi(name);
  id.label = to_abi(label);
  return id;
}

}  // namespace

GroupContext::GroupContext(Shard* of, const chr_group_options& options, const chr_state_machine_v1& with,
                           void* context, std::optional<StateStream> streamed)
    : services(of->services()),
      shard(of),
      name(from_abi(options.id.name)),
      hash(hash_of(name)),
      label(from_abi(options.id.label)),
      id(id_of(options, name, label)),
      machine(copy_of(with)),
      machine_context(context),
      stream(streamed),
      initial(voters_of(options)) {}

}  // namespace chronik::raft
