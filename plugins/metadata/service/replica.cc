#include "metadata/service/replica.h"

#include <fmt/format.h>

#include <algorithm>
#include <chronik/plugin.hpp>

#include "metadata/wire/codec.h"

namespace chronik::metadata {
namespace {

constexpr std::string_view kName = "__meta";
constexpr size_t kRememberedDigests = 1'024;

constexpr chr_state_machine_v1 kMachine = {
    sizeof kMachine,
    1,
    thunk<&Replica::apply>,
    thunk<&Replica::role>,
    thunk<&Replica::committed>,
    thunk<&Replica::truncated>,
    thunk<&Replica::trimmed>,
    thunk<&Replica::save>,
    thunk<&Replica::load>,
};

constexpr const char* kNotOpen = "__meta is not open on this node";
constexpr std::string_view kProposalsHelp = "Commands proposed to __meta by this node.";

}  // namespace

Replica::Replica(Host host, Owner* owner, const Services& services, LogLimits limits)
    : host_(host),
      owner_(owner),
      services_(services),
      limits_(limits),
      assignments_metric_(
          host.counter("chronik_metadata_proposals_total", kProposalsHelp, "what=\"assignments\"")),
      changes_metric_(host.counter("chronik_metadata_proposals_total", kProposalsHelp, "what=\"changes\"")),
      fenced_metric_(host.counter("chronik_meta_fenced_updates_total",
                                  "Assignments and nodes that lost against newer ones when applied.")) {
  role_.leader = -1;
}

void Replica::open(const Done& done) {
  std::vector<int32_t> voters;
  const chr_node_info& node = host_.node();
  for (uint32_t i = 0; i < node.n_peers; ++i) voters.push_back(node.peers[i].id);
  if (voters.empty()) voters.push_back(node.id);
  chr_group_options options{};
  options.id.partition = -1;
  options.id.name = options.id.label = to_abi(kName);
  options.n_voters = static_cast<uint32_t>(voters.size());
  options.voters = voters.data();
  opening_ = true;
  services_.consensus.open_group(options, kMachine, this, &group_, [this, done](const Status& opened) {
    opening_ = false;
    open_ = opened && !early_close_;
    done(opened);
    if (early_close_) close(std::exchange(early_close_, nullptr));
  });
}

void Replica::close(const Done& done) {
  if (opening_) {
    early_close_ = done;
    return;
  }
  if (!group_) return done({});
  open_ = false;
  std::exchange(group_, {}).close(CHR_CLOSE_SNAPSHOT, done);
}

void Replica::change_members(const std::vector<int32_t>& voters, const Done& done) {
  group_.change_members(voters, done);
}

Status Replica::set_learners(const std::vector<int32_t>& nodes) {
  if (!has_learners()) return {};
  chr_error error = make_abi_error();
  const chr_status status = services_.learners->set(services_.learners_instance, to_abi(kName), nodes.data(),
                                                    static_cast<uint32_t>(nodes.size()), &error);
  return to_status(status, error.message);
}

Status Replica::propose(const Command& command, Done done) {
  if (!leads()) return fail(Code::kNotLeader, fmt::format("node {} does not lead __meta", host_.node().id));
  const std::string bytes = encode(command);
  if (bytes.size() > kMaxCommandBytes)
    return fail(Code::kInvalidArgument, "the change is too large; ask for fewer items at once");
  chr_proposal proposal{};
  proposal.kind = CHR_ENTRY_COMMAND;
  proposal.offset_at = proposal.epoch_at = -1;
  proposal.max_timestamp = -1;
  if (host_.alloc(bytes.size(), &proposal.payload) != CHR_OK)
    return fail(Code::kOverloaded, "no memory for a proposal");
  const Lease lease = Lease::adopt(proposal.payload.lease);
  std::memcpy(const_cast<uint8_t*>(proposal.payload.p), bytes.data(), bytes.size());
  CHRONIK_CHECK(group_.propose(role_.term, proposal, CHR_UNTIL_COMMITTED, std::move(done)));
  host_.add(std::holds_alternative<SyncBatch>(command.body) ? assignments_metric_ : changes_metric_);
  return {};
}

std::vector<chr_member> Replica::members() const {
  if (!group_) return {};
  Result<GroupMembers> known = group_.members();
  return known ? std::move(known->members) : std::vector<chr_member>();
}

std::vector<int32_t> Replica::voters() const {
  std::vector<int32_t> out;
  for (const chr_member& member : members())
    if ((member.flags & CHR_MEMBER_VOTER) != 0) out.push_back(member.id);
  return out;
}

std::set<int32_t> Replica::lagging_learners() const {
  std::set<int32_t> out;
  if (!group_) return out;
  const Result<chr_group_bounds> bounds = group_.bounds();
  if (!bounds) return out;
  const uint64_t now = host_.now_ns();
  for (const chr_member& member : members()) {
    const bool follows = member.match_index >= bounds->commit_index || now - member.caught_up_ns < kFollowsNs;
    if ((member.flags & CHR_MEMBER_LEARNER) != 0 && !follows) out.insert(member.id);
  }
  return out;
}

Status Replica::describe(QuorumReplyFrame* out) const {
  const std::vector<chr_member> members = this->members();
  if (members.empty()) return fail(Code::kUnavailable, kNotOpen);
  const Result<chr_group_bounds> bounds = group_.bounds();
  if (!bounds) return fail(Code::kUnavailable, kNotOpen);
  out->leader = bounds->leader;
  out->term = bounds->term;
  out->commit_index = bounds->commit_index;
  const uint64_t now = host_.now_ns();
  const int64_t unix_ms = host_.unix_ms();
  const auto to_unix = [&](uint64_t ns) {
    return ns == 0 ? int64_t{-1} : unix_ms - static_cast<int64_t>((now - std::min(now, ns)) / 1'000'000);
  };
  for (const chr_member& member : members) {
    const bool self = member.id == host_.node().id;
    const bool voter = (member.flags & (CHR_MEMBER_VOTER | CHR_MEMBER_OUTGOING)) != 0;
    out->members.push_back({member.id, voter, member.match_index, self ? unix_ms : to_unix(member.heard_ns),
                            self ? unix_ms : to_unix(member.caught_up_ns)});
  }
  return {};
}

chr_status Replica::apply(const chr_entry* entries, uint32_t n, uint64_t) {
  for (uint32_t i = 0; i < n; ++i) {
    const Status status = apply_one(entries[i]);
    if (!status) {
      host_.fatal(fmt::format("entry {} of __meta cannot be applied: {}", entries[i].header.index,
                              status.error().message));
      return static_cast<chr_status>(status.error().code);
    }
  }
  entries_ += n;
  owner_->catalog_changed();
  maybe_trim();
  return CHR_OK;
}

Status Replica::apply_one(const chr_entry& entry) {
  if (entry.header.kind != CHR_ENTRY_COMMAND)
    return fail(Code::kCorrupt, fmt::format("its kind is {}, not that of a command", entry.header.kind));
  CHRONIK_TRY(const Command command,
              decode_command({reinterpret_cast<const char*>(entry.payload.p), entry.payload.n}));
  const Outcome outcome = catalog_.apply(command);
  applied_index_ = entry.header.index;
  digests_.emplace_back(applied_index_, catalog_.digest());
  if (digests_.size() > kRememberedDigests) digests_.pop_front();
  if (outcome.fenced > 0) host_.add(fenced_metric_, outcome.fenced);
  owner_->command_applied(command, outcome);
  return {};
}

std::optional<uint64_t> Replica::digest_at(uint64_t index) const {
  const auto found =
      std::lower_bound(digests_.begin(), digests_.end(), std::pair<uint64_t, uint64_t>{index, 0});
  if (found == digests_.end() || found->first != index) return std::nullopt;
  return found->second;
}

void Replica::role(const chr_role* role) {
  role_ = *role;
  pause_ = 0;
  owner_->role_changed();
  maybe_trim();
}

// Entries count since the last snapshot, which is what a restart applies. Bytes are those of the whole log:
// what a new leader finds there was written before it counted.
bool Replica::log_is_long() const {
  if (entries_ >= limits_.entries) return true;
  if (entries_ < pause_) return false;
  const Result<chr_group_bounds> bounds = group_.bounds();
  return bounds && bounds->bytes >= limits_.bytes;
}

// Every replica takes a snapshot and deletes the log below, but for what a member still needs that is not too
// far behind. The log has no records: its end is at the offset where it starts.
void Replica::maybe_trim() {
  if (!leads() || trimming_ || !log_is_long()) return;
  constexpr int64_t kEnd = 0;
  constexpr uint64_t kPauses = 8;  // while a member is waited for, the log stays long
  trimming_ = true;
  group_.trim(kEnd, [this](const Status& trimmed) {
    trimming_ = false;
    if (!trimmed) return;
    entries_ = 0;
    pause_ = limits_.entries / kPauses;
  });
}

chr_status Replica::save(const chr_sink* sink) {
  const Status saved = catalog_.save([&](std::string_view piece) {
    return sink->write(sink->context, reinterpret_cast<const uint8_t*>(piece.data()), piece.size()) != 0;
  });
  if (saved) entries_ = 0;
  if (saved) return CHR_OK;
  host_.warn("The snapshot of __meta failed: " + saved.error().message);
  return static_cast<chr_status>(saved.error().code);
}

chr_status Replica::load(const chr_slice* pieces, uint32_t n, chr_error* error) {
  std::string bytes;
  for (uint32_t i = 0; i < n; ++i) bytes.append(reinterpret_cast<const char*>(pieces[i].p), pieces[i].n);
  Result<Catalog> loaded = Catalog::load(bytes);
  if (!loaded) return report(error, loaded.error());
  std::vector<Uuid> deleted;
  catalog_.topics().each([&](const Topic& topic) {
    if (loaded->find(topic.id) == nullptr) deleted.push_back(topic.id);
  });
  // mutant catalog-kept: left out
  catalog_ = std::move(*loaded);
  digests_.clear();
  entries_ = 0;
  owner_->catalog_replaced(deleted);
  owner_->catalog_changed();
  return CHR_OK;
}

}  // namespace chronik::metadata
