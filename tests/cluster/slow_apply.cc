// The raft plugin with slow state machines: every call of apply() first sleeps on a blocking thread. It
// stands in for the plugin under its name: RAFT_PLUGIN names the real one, SLOW_APPLY_MS is how long.
#include <chronik/consensus.h>
#include <chronik/plugin.hpp>

#include <dlfcn.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

namespace {

// One node a process, one raft a node: what the instance would hold may stand here.
chr_plugin_v1 plugin_table;
const chr_plugin_v1* real_plugin = nullptr;
chr_consensus_v1 consensus_table;
const chr_consensus_v1* real_consensus = nullptr;
chronik::Host plugin_host;
std::chrono::milliseconds delay{0};

struct Machine {  // never freed: there are as many as groups
  chr_state_machine_v1 real;
  void* context;
};

Machine* machine_of(void* context) { return static_cast<Machine*>(context); }

chr_status CHR_CALL apply(void* context, const chr_entry* entries, uint32_t n, uint64_t token) {
  Machine* const machine = machine_of(context);
  const auto shard = static_cast<uint32_t>(plugin_host.current_shard());
  plugin_host.blocking([=] {
    std::this_thread::sleep_for(delay);
    plugin_host.post(shard, [=] {
      const chr_status status = machine->real.apply(machine->context, entries, n, token);
      if (status != CHR_PENDING) plugin_host.complete(token, status);
    });
  });
  return CHR_PENDING;
}

chr_state_machine_v1 slow(const chr_state_machine_v1& real) {
  chr_state_machine_v1 out{};
  out.struct_size = sizeof out;
  out.rev = real.rev;
  out.apply = apply;
  out.role = [](void* c, const chr_role* role) { machine_of(c)->real.role(machine_of(c)->context, role); };
  out.committed = [](void* c, uint64_t index, int64_t offset) {
    machine_of(c)->real.committed(machine_of(c)->context, index, offset);
  };
  out.truncated = [](void* c, uint64_t index, int64_t offset) {
    machine_of(c)->real.truncated(machine_of(c)->context, index, offset);
  };
  out.trimmed = [](void* c, int64_t offset) { machine_of(c)->real.trimmed(machine_of(c)->context, offset); };
  out.save = [](void* c, const chr_sink* sink) {
    return machine_of(c)->real.save(machine_of(c)->context, sink);
  };
  out.load = [](void* c, const chr_slice* pieces, uint32_t n, chr_error* error) {
    return machine_of(c)->real.load(machine_of(c)->context, pieces, n, error);
  };
  return out;
}

chr_status CHR_CALL open_group(void* self, const chr_group_options* options,
                               const chr_state_machine_v1* machine, void* context, chr_group** out,
                               uint64_t token, chr_error* error) {
  auto* const wrapped = new Machine{};
  std::memcpy(&wrapped->real, machine, std::min<size_t>(machine->struct_size, sizeof wrapped->real));
  wrapped->context = context;
  const chr_state_machine_v1 table = slow(wrapped->real);
  return real_consensus->open_group(self, options, &table, wrapped, out, token, error);
}

chr_status CHR_CALL create(const chr_host_v1* host, chr_str json, chr_plugin** instance, chr_error* error) {
  plugin_host = chronik::Host(host);
  return real_plugin->create(host, json, instance, error);
}

const void* CHR_CALL service(chr_plugin* self, const char* id, void** instance) {
  const void* const found = real_plugin->service(self, id, instance);
  if (found == nullptr || std::string_view(id) != CHR_CONSENSUS_ID) return found;
  real_consensus = static_cast<const chr_consensus_v1*>(found);
  consensus_table = {};
  std::memcpy(&consensus_table, found, std::min<size_t>(real_consensus->struct_size, sizeof consensus_table));
  consensus_table.open_group = open_group;
  return &consensus_table;
}

}  // namespace

extern "C" CHRONIK_EXPORT const chr_plugin_v1* CHR_CALL chronik_plugin_v1(const chr_offer* offer,
                                                                          chr_error* error) {
  const char* const path = std::getenv("RAFT_PLUGIN");
  const char* const wait = std::getenv("SLOW_APPLY_MS");
  void* const file = path == nullptr ? nullptr : dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (file == nullptr || wait == nullptr) return nullptr;
  delay = std::chrono::milliseconds(std::atoi(wait));
  const auto entry = reinterpret_cast<decltype(&chronik_plugin_v1)>(dlsym(file, "chronik_plugin_v1"));
  real_plugin = entry == nullptr ? nullptr : entry(offer, error);
  if (real_plugin == nullptr) return nullptr;
  plugin_table = *real_plugin;
  plugin_table.create = create;
  plugin_table.service = service;
  return &plugin_table;
}
