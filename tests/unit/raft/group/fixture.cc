#include "unit/raft/group/fixture.h"

#include "raft/wire/stored.h"
#include "storage-memory/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chronik/plugin.hpp>
#include <chronik/testing/config_defaults.hpp>
#include <set>

namespace chronik::raft::test {
namespace {

Journal* of(void* context) { return static_cast<Journal*>(context); }

std::string text_of(const chr_slice& payload) {
  return {reinterpret_cast<const char*>(payload.p), payload.n};
}

chr_status CHR_CALL apply(void* context, const chr_entry* entries, uint32_t n, uint64_t token) {
  EXPECT_EQ(of(context)->stream.open_loads, 0) << "applied to half of a state";
  for (uint32_t i = 0; i < n; ++i) {
    const std::string text = text_of(entries[i].payload);
    of(context)->applied.push_back(text.size() > 12 ? text.substr(12) : text);
  }
  if (!of(context)->hold_applies) return CHR_OK;
  of(context)->held_token = token;
  return CHR_PENDING;
}
void CHR_CALL role(void* context, const chr_role* role) {
  of(context)->roles.push_back(fmt::format("{} {} {}", role->role == CHR_ROLE_LEADER ? "leader" : "follower",
                                           role->term, role->leader));
}
void CHR_CALL committed(void* context, uint64_t, int64_t offset) { of(context)->high_watermark = offset; }
void CHR_CALL truncated(void* context, uint64_t index, int64_t offset) {
  of(context)->truncated = {index, offset};
}
void CHR_CALL trimmed(void* context, int64_t offset) { of(context)->trimmed = offset; }
chr_status CHR_CALL save(void* context, const chr_sink* sink) {
  EXPECT_FALSE(of(context)->stream.on);
  for (const std::string& text : of(context)->applied) {
    const std::string line = text + "\n";
    if (sink->write(sink->context, reinterpret_cast<const uint8_t*>(line.data()), line.size()) == 0)
      return CHR_E_FAILED;
  }
  return CHR_OK;
}
chr_status CHR_CALL load(void* context, const chr_slice* pieces, uint32_t n, chr_error*) {
  EXPECT_FALSE(of(context)->stream.on);
  std::string all;
  for (uint32_t i = 0; i < n; ++i) all += text_of(pieces[i]);
  load_journal(of(context), all);
  return CHR_OK;
}

constexpr chr_state_machine_v1 kMachine = {sizeof kMachine, 1,       apply, role, committed,
                                           truncated,       trimmed, save,  load};

// Counts what reads hand out.
class MemoryStore : public storage_memory::Store {
 public:
  using Store::Store;
  chr_status read(const chr_storage_read* args, chr_entries* out, uint64_t token, chr_error* error) {
    const chr_status status = Store::read(args, out, token, error);
    handed_out.all += out->n;
    handed_out.at_once = std::max<uint64_t>(handed_out.at_once, out->n);
    return status;
  }
  Node::HandedOut handed_out;
};

// The memory storage, or what is left of it.
class BreakableStore : public MemoryStore {
 public:
  using MemoryStore::MemoryStore;
  chr_status open_group(chr_str name, uint64_t* group, chr_error* error) {
    if (broken == Node::Broken::kOpenGroup) return report(error, CHR_E_IO, "the disk is gone");
    return MemoryStore::open_group(name, group, error);
  }
  chr_status get(uint64_t group, chr_str key, chr_slice* out, uint64_t token, chr_error* error) {
    if (broken == Node::Broken::kGet) return report(error, CHR_E_CORRUPT, "a bit is wrong");
    const bool is_piece = from_abi(key).starts_with(std::string(kSnapshotKey) + "/");
    if (broken == Node::Broken::kGetRefused || (broken == Node::Broken::kGetPieceRefused && is_piece))
      return report(error, CHR_E_OVERLOADED, "too many files are open");
    return MemoryStore::get(group, key, out, token, error);
  }
  // A damaged entry is an error of the read that begins with it, and the end of one that begins before it.
  chr_status read(const chr_storage_read* args, chr_entries* out, uint64_t token, chr_error* error) {
    if (broken == Node::Broken::kRead || (broken == Node::Broken::kReadPayload && args->headers_only == 0))
      return report(error, CHR_E_OVERLOADED, "too many files are open");
    const std::set<uint64_t>& bad = args->headers_only != 0 ? headless : damaged;
    const auto next = bad.lower_bound(args->from);
    if (args->group != 1 || next == bad.end() || (args->to != 0 && args->to <= *next))
      return MemoryStore::read(args, out, token, error);
    if (*next == args->from) return report(error, CHR_E_CORRUPT, "an entry is damaged");
    chr_storage_read up_to = *args;
    up_to.to = *next;
    return MemoryStore::read(&up_to, out, token, error);
  }
  void note_cuts(const chr_storage_write& write) {
    if (write.group != 1) return;
    for (uint64_t i = 0; i < write.n; ++i) {
      const chr_storage_step& step = write.steps[i];
      for (std::set<uint64_t>* bad : {&damaged, &headless}) {
        if (step.type == CHR_STORAGE_TRUNCATE) bad->erase(bad->lower_bound(step.index), bad->end());
        if (step.type == CHR_STORAGE_TRIM) bad->erase(bad->begin(), bad->lower_bound(step.index));
      }
    }
  }
  chr_status write(const chr_storage_write* writes, uint32_t n, chr_error* error) {
    const auto cuts = [](const chr_storage_write& write) {
      return std::any_of(write.steps, write.steps + write.n,
                         [](const chr_storage_step& step) { return step.type == CHR_STORAGE_TRUNCATE; });
    };
    if (broken == Node::Broken::kCut && std::any_of(writes, writes + n, cuts))
      return report(error, CHR_E_CORRUPT, "a page is damaged");
    const auto brings_entries = [](const chr_storage_write& write) {
      return std::any_of(write.steps, write.steps + write.n,
                         [](const chr_storage_step& step) { return step.type == CHR_STORAGE_APPEND; });
    };
    if (broken == Node::Broken::kFull && std::any_of(writes, writes + n, brings_entries))
      return report(error, CHR_E_NO_SPACE, "the disk is full");
    for (uint32_t i = 0; i < n; ++i) note_cuts(writes[i]);
    if (broken == Node::Broken::kBehind && std::any_of(writes, writes + n, brings_entries))
      return report(error, CHR_E_OVERLOADED, "the queue is full", CHR_ERROR_RETRIABLE);
    const auto second = [](const chr_storage_write& write) { return write.group == 2; };
    if (broken == Node::Broken::kSecondGroup && std::any_of(writes, writes + n, second))
      return report(error, CHR_E_INVALID_ARGUMENT, "this is wrong");
    return MemoryStore::write(writes, n, error);
  }
  Node::Broken broken = Node::Broken::kNothing;
  std::set<uint64_t> damaged;   // indexes
  std::set<uint64_t> headless;  // of these not even the headers can be read
};

constexpr chr_storage_v1 kStorage = {
    sizeof kStorage,
    1,
    thunk<&BreakableStore::open_group>,
    thunk<&MemoryStore::list_groups>,
    thunk<&BreakableStore::write>,
    thunk<&BreakableStore::read>,
    thunk<&MemoryStore::find>,
    thunk<&BreakableStore::get>,
    thunk<&MemoryStore::bounds>,
    thunk<&MemoryStore::usage>,
};

}  // namespace

struct Node::Storage {
  explicit Storage(Host host) : store(host) {}
  BreakableStore store;
};

void Node::break_storage(Broken what) { storage_->store.broken = what; }

Node::Node(int32_t id, const std::vector<int32_t>& peers, int64_t capacity)
    : host(id, 1, static_cast<uint64_t>(id), FakeHost::Link::kRecorded) {
  host.peers(peers);
  host.config_int("capacity", capacity);
  host.config_int("queue_bytes", 64 << 20);
  storage_ = std::make_unique<Storage>(Host(host.core()));
  storage_->store.start(0);
  host.provide(CHR_STORAGE_ID, &kStorage, &storage_->store);
  const chr_offer offer{sizeof offer, CHR_ABI_MAJOR, CHR_ABI_MINOR, 0, CHR_FEATURE_DRAFTS};
  table_ = chronik_plugin_v1(&offer, nullptr);
  chronik::testing::give_config_defaults(host, *table_);
  start();
}

void Node::damage(uint64_t index, bool header) {
  storage_->store.damaged.insert(index);
  if (header) storage_->store.headless.insert(index);
}
bool Node::is_damaged() const { return !storage_->store.damaged.empty(); }

Node::~Node() {
  if (plugin_ != nullptr) stop();
}

void Node::start() {
  chr_error error = make_abi_error();
  EXPECT_EQ(table_->create(host.core(), to_abi("{}"), &plugin_, &error), CHR_OK) << error.message;
  EXPECT_EQ(table_->start(plugin_, 0, &error), CHR_OK) << error.message;
  consensus = static_cast<const chr_consensus_v1*>(table_->service(plugin_, CHR_CONSENSUS_ID, &instance));
  streams = static_cast<const chr_state_machine_stream_v1*>(
      table_->service(plugin_, CHR_STATE_MACHINE_STREAM_ID, &instance));
  throttle = static_cast<const chr_throttle_v1*>(table_->service(plugin_, CHR_THROTTLE_ID, &instance));
}

void Node::restart_with(const std::string& key, int64_t value) {
  stop();
  host.config_int(key, value);
  start();
}

void Node::stop(bool clean) {
  if (clean) {
    EXPECT_EQ(wait([&](uint64_t token, chr_error* error) { return table_->stop(plugin_, token, error); }),
              CHR_OK);
  } else {  // what a process that is gone had posted and set does not run
    host.run();
    const Host gone(host.core());
    for (uint64_t timer = gone.timer(0, [](void*) {}, nullptr); timer > 0; --timer) gone.cancel_timer(timer);
  }
  table_->destroy(plugin_);
  plugin_ = nullptr;
  groups_.clear();
}

chr_status Node::ask_to_open(const std::string& name, Journal* journal, chr_group** handle, uint64_t token,
                             chr_error* error, const std::optional<std::vector<int32_t>>& created_with) {
  std::vector<int32_t> voters = created_with.value_or(std::vector<int32_t>());
  for (uint32_t i = 0; i < Host(host.core()).node().n_peers && !created_with; ++i)
    voters.push_back(Host(host.core()).node().peers[i].id);
  chr_group_options options{};
  options.struct_size = sizeof options;
  options.id.name = options.id.label = to_abi(name);
  options.n_voters = static_cast<uint32_t>(voters.size());
  options.voters = voters.data();
  if (journal->stream.on) streams->attach(instance, to_abi(name), &journal_stream(), journal);
  return consensus->open_group(instance, &options, &kMachine, journal, handle, token, error);
}

void Node::open(const std::string& name, Journal* journal,
                const std::optional<std::vector<int32_t>>& created_with) {
  chr_group* handle = nullptr;
  EXPECT_EQ(wait([&](uint64_t token, chr_error* error) {
              return ask_to_open(name, journal, &handle, token, error, created_with);
            }),
            CHR_OK);
  groups_[name] = handle;
}

chr_status Node::close(const std::string& name, bool snapshot) {
  chr_group* handle = groups_.at(name);
  groups_.erase(name);
  return wait([&](uint64_t token, chr_error* error) {
    return consensus->close_group(handle, snapshot ? 1 : 0, token, error);
  });
}

chr_status Node::wait(const std::function<chr_status(uint64_t, chr_error*)>& call) {
  chr_done done{};
  done.code = 99;
  chr_error error = make_abi_error();
  chr_status status = CHR_OK;
  host.on_shard(0, [&] { status = call(host.begin(&done), &error); });
  if (status != CHR_PENDING) return status;
  host.run();
  return done.code;
}

chr_status Node::command(const std::string& name, const std::string& text) {
  chr_proposal proposal{};
  proposal.kind = CHR_ENTRY_COMMAND;
  proposal.offset_at = proposal.epoch_at = -1;
  proposal.max_timestamp = -1;
  return propose(name, text, proposal, CHR_UNTIL_COMMITTED, 0);
}

chr_status Node::propose(const std::string& name, const std::string& text, uint32_t records, uint32_t until,
                         int64_t timestamp, uint64_t term) {
  chr_proposal proposal{};
  proposal.kind = CHR_ENTRY_DATA;
  proposal.flags = CHR_PROPOSAL_WRITABLE;
  proposal.records = records;
  proposal.offset_at = 0;
  proposal.epoch_at = 8;
  proposal.max_timestamp = timestamp;
  return propose(name, text, proposal, until, term);
}

chr_status Node::propose(const std::string& name, const std::string& text, chr_proposal proposal,
                         uint32_t until, uint64_t term) {
  proposal.payload = FakeBuffer::copy(std::string(12, '?') + text);
  const Lease lease = Lease::adopt(proposal.payload.lease);
  last = {};
  last.code = 99;
  chr_error error = make_abi_error();
  chr_status status = CHR_OK;
  host.on_shard(0, [&] {
    status = consensus->propose(group(name), term, &proposal, 1, until, &placed, host.begin(&last), &error);
  });
  return status;
}

std::vector<std::string> Node::read(const std::string& name, int64_t offset, uint64_t max_bytes,
                                    int32_t bound) {
  chr_group_read args{};
  args.struct_size = sizeof args;
  args.bound = bound;
  args.offset = offset;
  args.max_bytes = max_bytes;
  chr_entries out{};
  out.struct_size = sizeof out;
  const chr_status status = wait([&](uint64_t token, chr_error* error) {
    return consensus->read(group(name), &args, &out, token, error);
  });
  if (status != CHR_OK) return {fmt::format("error {}", status)};
  const Lease lease = Lease::adopt(out.lease);
  std::vector<std::string> texts;
  for (uint32_t i = 0; i < out.n; ++i) {
    const std::string text = text_of(out.entries[i].payload);
    uint64_t base = 0;
    uint32_t epoch = 0;
    for (size_t k = 0; k < 8; ++k) base = base << 8 | static_cast<uint8_t>(text[k]);
    for (size_t k = 8; k < 12; ++k) epoch = epoch << 8 | static_cast<uint8_t>(text[k]);
    texts.push_back(fmt::format("{}/{}:{}", base, epoch, text.substr(12)));
  }
  return texts;
}

std::vector<int64_t> Node::headers(const std::string& name, int64_t offset, uint64_t max_bytes) {
  chr_group_read args{};
  args.struct_size = sizeof args;
  args.offset = offset;
  args.max_bytes = max_bytes;
  args.headers_only = 1;
  chr_entries out{};
  out.struct_size = sizeof out;
  EXPECT_EQ(wait([&](uint64_t token, chr_error* error) {
              return consensus->read(group(name), &args, &out, token, error);
            }),
            CHR_OK);
  const Lease lease = Lease::adopt(out.lease);
  std::vector<int64_t> offsets;
  for (uint32_t i = 0; i < out.n; ++i) offsets.push_back(out.entries[i].header.base_offset);
  return offsets;
}

Node::HandedOut Node::handed_out() { return std::exchange(storage_->store.handed_out, {}); }

chr_group_bounds Node::bounds(const std::string& name) {
  chr_group_bounds bounds{};
  bounds.struct_size = sizeof bounds;
  host.on_shard(0, [&] { EXPECT_EQ(consensus->bounds(group(name), &bounds), CHR_OK); });
  return bounds;
}

std::string Node::members(const std::string& name) {
  std::array<chr_member, 8> members{};
  chr_group_status status{sizeof status, members.size(), members.data(), 0, 0, 0};
  host.on_shard(0, [&] { EXPECT_EQ(consensus->status(group(name), &status), CHR_OK); });
  std::string out;
  for (uint32_t i = 0; i < status.n_members; ++i) {
    out += fmt::format("{}{}{}{}={} ", members[i].id, (members[i].flags & CHR_MEMBER_VOTER) != 0 ? "v" : "",
                       (members[i].flags & CHR_MEMBER_OUTGOING) != 0 ? "o" : "",
                       (members[i].flags & CHR_MEMBER_LEARNER) != 0 ? "l" : "", members[i].match_index);
  }
  return out + (status.joint != 0 ? "joint" : fmt::format("since {}", status.config_index));
}

chr_status Node::change(const std::string& name, const std::vector<int32_t>& voters, chr_done* done) {
  const chr_members_change change{sizeof change, static_cast<uint32_t>(voters.size()), voters.data()};
  chr_error error = make_abi_error();
  done->code = 99;
  chr_status status = CHR_OK;
  host.on_shard(0,
                [&] { status = consensus->change_members(group(name), &change, host.begin(done), &error); });
  return status;
}

Cluster::Cluster(int32_t n, int64_t capacity, bool of_each) : journals_(static_cast<size_t>(n)) {
  std::vector<int32_t> peers;
  for (int32_t id = 1; id <= n; ++id) peers.push_back(id);
  for (int32_t id = 1; id <= n; ++id)
    nodes_.push_back(std::make_unique<Node>(id, peers, of_each || id == 1 ? capacity : 1 << 30));
}

void Cluster::open(const std::string& name, const std::vector<int32_t>& voters) {
  for (int32_t id = 1; id <= static_cast<int32_t>(nodes_.size()); ++id) {
    const bool voter = std::find(voters.begin(), voters.end(), id) != voters.end();
    if (voters.empty()) {
      node(id).open(name, &journal(id));
    } else {
      node(id).open(name, &journal(id), voter ? voters : std::vector<int32_t>());
    }
  }
}

void Cluster::link(int32_t a, int32_t b, bool up) {
  if (std::exchange(up_[{a, b}], up) == up) return;
  up_[{b, a}] = up;
  node(a).host.set_link("raft", b, up);
  node(b).host.set_link("raft", a, up);
}

void Cluster::connect_all() {
  const auto n = static_cast<int32_t>(nodes_.size());
  for (int32_t a = 1; a <= n; ++a)
    for (int32_t b = a + 1; b <= n; ++b) link(a, b, true);
}

void Cluster::isolate(int32_t id, bool isolated) {
  for (int32_t other = 1; other <= static_cast<int32_t>(nodes_.size()); ++other)
    if (other != id) link(id, other, !isolated);
}

void Cluster::carry() {
  for (bool busy = true; busy;) {
    busy = false;
    for (auto& from : nodes_) {
      from->host.run();
      const int32_t id = Host(from->host.core()).node().id;
      for (const FakeHost::Frame& frame : std::exchange(from->host.frames(), {})) {
        busy = true;
        if (counting_) ++counts_[{id, frame.to}];
        if (counting_) bytes_[{id, frame.to}] += frame.bytes.size();
        if (up_[{id, frame.to}] && !lost_[{id, frame.to}])
          node(frame.to).host.deliver("raft", id, frame.bytes);
        if (on_carried) on_carried();
      }
    }
  }
}

void Cluster::count(bool on) {
  counting_ = on;
  counts_.clear();
  bytes_.clear();
}

void Cluster::run(uint64_t milliseconds) {
  carry();
  for (uint64_t passed = 0; passed < milliseconds; passed += 10) step(std::chrono::milliseconds(10));
}

void Cluster::step(std::chrono::microseconds passed) {
  for (auto& each : nodes_) each->host.advance(passed);
  carry();
}

int32_t Cluster::leader(const std::string& name) {
  for (int32_t id = 1; id <= static_cast<int32_t>(nodes_.size()); ++id)
    if (node(id).bounds(name).usable != 0) return id;
  return 0;
}

}  // namespace chronik::raft::test
