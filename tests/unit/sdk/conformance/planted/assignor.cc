// An assignor with a planted bug, chosen by the key `planted`; without one it is uniform. CMakeLists.txt says which
// test of the kit must fail for each.
#include <atomic>
#include <chronik/assignor_plugin.hpp>
#include <thread>

#include "assignor-uniform/uniform.h"

namespace {

enum Fault : int64_t {
  kNone,
  kNoMembers,  // refuses a group without members
  kUnread,     // leaves the last partition to nobody
  kStale,      // lets owners keep what they do not subscribe to
  kFew,        // gives nothing where there are more members than partitions
  kMoody,      // every second answer is another one
  kThread,     // gives nothing on any thread but its first
  kLarge,      // refuses large groups
  kGreedy,     // gives all to the first subscriber
  kRestless,   // hands everything on to the next subscriber
  kForgetful,  // does not look at who had what
  kBeyond,     // writes one more
};

constexpr chr_config_key kSchema[] = {
    chronik::config_key("planted", CHR_CONFIG_INT, "0", "Which bug.", 0, kBeyond)};

class Planted final : public chronik::AssignorPlugin<Planted> {
 public:
  static constexpr std::string_view kId = "planted-assignor", kVersion = "1.0.0", kName = "planted";
  static std::span<const chr_config_key> schema() { return kSchema; }

  explicit Planted(chronik::Host host) : fault_(host.config_int("planted")) {}

  chronik::Status assign(const chr_assignor_group& group, std::span<uint32_t> owners) {
    if ((fault_ == kNoMembers && group.n_members == 0) || (fault_ == kLarge && group.n_partitions > 5'000))
      return chronik::fail(chronik::Code::kFailed, "no such group");
    chr_assignor_group seen = group;
    const std::vector<uint32_t> nobody(group.n_partitions, CHR_ASSIGNOR_NOBODY);
    if (fault_ == kForgetful) seen.owners = nobody.data();
    chronik::assignor::assign_uniform(seen, owners);
    spoil(group, owners);
    return {};
  }

 private:
  // The subscriber that comes after a member, or the first.
  static uint32_t next(const chr_assignor_group& group, uint32_t topic, uint32_t member) {
    for (uint32_t i = 1; i <= group.n_members; ++i) {
      const uint32_t m = (member + i) % group.n_members;
      if (chronik::is_subscribed(group.members[m], topic)) return m;
    }
    return member;
  }

  void spoil(const chr_assignor_group& group, std::span<uint32_t> owners) {
    const bool is_odd = ++calls_ % 2 == 1;
    const bool nothing = (fault_ == kFew && group.n_members > group.n_partitions) ||
                         (fault_ == kThread && std::this_thread::get_id() != thread_);
    if (nothing) std::ranges::fill(owners, CHR_ASSIGNOR_NOBODY);
    if (fault_ == kUnread && !owners.empty()) owners.back() = CHR_ASSIGNOR_NOBODY;
    if (fault_ == kBeyond) owners.data()[owners.size()] = 0;
    for (uint32_t t = 0; t < group.n_topics; ++t) {
      for (uint32_t p = 0; p < group.topics[t].n_partitions; ++p) {
        const uint32_t i = group.topics[t].first + p;
        const uint32_t before = group.owners[i];
        if (owners[i] == CHR_ASSIGNOR_NOBODY) continue;
        if (fault_ == kStale && before != CHR_ASSIGNOR_NOBODY) owners[i] = before;
        if (fault_ == kMoody && is_odd) owners[i] = next(group, t, owners[i]);
        if (fault_ == kGreedy) owners[i] = next(group, t, group.n_members - 1);
        if (fault_ == kRestless && before != CHR_ASSIGNOR_NOBODY) owners[i] = next(group, t, before);
      }
    }
  }

  const int64_t fault_;
  const std::thread::id thread_ = std::this_thread::get_id();
  std::atomic<uint32_t> calls_ = 0;
};

}  // namespace

CHRONIK_PLUGIN(Planted)
