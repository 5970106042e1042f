#include "sim/check/consensus_watch.h"

#include <chronik/host.hpp>

#include <algorithm>
#include <string>

namespace chronik::sim {

// The callbacks that consensus gets instead of the user's own; context is a Group.
struct ConsensusWatch::Machine {
  static Group& group(void* context) { return *static_cast<Group*>(context); }
  static Checker& checker(Group& g) { return g.seat->watch->checker_; }

  static chr_status CHR_CALL apply(void* context, const chr_entry* entries, uint32_t n, uint64_t token) {
    Group& g = group(context);
    if (g.stream != nullptr) g.stream->expect(!g.stream->loads, "an entry is applied to half of a state");
    checker(g).applied(g.seat->node->id(), *g.truth, entries, n);
    return g.machine->apply(g.context, entries, n, token);
  }
  static void CHR_CALL role(void* context, const chr_role* role) {
    Group& g = group(context);
    const uint32_t node = g.seat->node->id();
    role->role == CHR_ROLE_LEADER ? checker(g).leads(node, *g.truth, role->term)
                                  : checker(g).follows(node, *g.truth);
    if (role->role == CHR_ROLE_LEADER) checker(g).usable(*g.truth);
    g.machine->role(g.context, role);
  }
  static void CHR_CALL committed(void* context, uint64_t index, int64_t offset) {
    Group& g = group(context);
    checker(g).committed(g.seat->node->id(), *g.truth, index, offset);
    g.machine->committed(g.context, index, offset);
  }
  static void CHR_CALL truncated(void* context, uint64_t index, int64_t offset) {
    group(context).machine->truncated(group(context).context, index, offset);
  }
  static void CHR_CALL trimmed(void* context, int64_t offset) {
    group(context).machine->trimmed(group(context).context, offset);
  }
  static chr_status CHR_CALL save(void* context, const chr_sink* sink) {
    return group(context).machine->save(group(context).context, sink);
  }
  static chr_status CHR_CALL load(void* context, const chr_slice* pieces, uint32_t n, chr_error* error) {
    Group& g = group(context);
    g.truth->replicas[g.seat->node->id()].applied = 0;  // the next apply goes on from where the snapshot ends
    return g.machine->load(g.context, pieces, n, error);
  }
  static constexpr chr_state_machine_v1 kTable = {
      sizeof(chr_state_machine_v1), 1, apply, role, committed, truncated, trimmed, save, load};
};

// chronik.state_machine_stream/1, and the callbacks of what is attached; self is a Seat, context a Stream.
struct ConsensusWatch::Streams {
  static Stream& stream(void* context) { return *static_cast<Stream*>(context); }
  static constexpr uint64_t kMaxPiece = 200;

  static chr_status CHR_CALL begin_save(void* context, void** save) {
    Stream& s = stream(context);
    s.expect(!s.saves && !s.loads, "a save begins before what was begun has ended");
    const chr_status status = s.inner.begin_save(s.context, save);
    s.saves = status >= 0;
    return status;
  }
  static chr_status CHR_CALL save_piece(void* context, void* save, const chr_sink* sink, uint64_t max_bytes,
                                        uint32_t* more) {
    Stream& s = stream(context);
    s.expect(s.saves, "a piece of no save");
    return s.inner.save_piece(s.context, save, sink, std::min(max_bytes, s.random.between(1, kMaxPiece)),
                              more);
  }
  static void CHR_CALL end_save(void* context, void* save) {
    Stream& s = stream(context);
    s.expect(s.saves, "a save ends twice");
    s.saves = false;
    s.inner.end_save(s.context, save);
  }
  static chr_status CHR_CALL begin_load(void* context, uint64_t bytes, void** load, chr_error* error) {
    Stream& s = stream(context);
    s.expect(!s.saves && !s.loads, "a load begins before what was begun has ended");
    const chr_status status = s.inner.begin_load(s.context, bytes, load, error);
    s.loads = status >= 0;
    return status;
  }
  static chr_status CHR_CALL load_piece(void* context, void* load, const chr_slice* piece, chr_error* error) {
    Stream& s = stream(context);
    s.expect(s.loads, "a piece of no load");
    for (uint64_t at = 0; at < piece->n;) {
      const chr_slice part{piece->p + at, std::min(piece->n - at, s.random.between(1, kMaxPiece)),
                           piece->lease};
      const chr_status status = s.inner.load_piece(s.context, load, &part, error);
      if (status < 0) return status;
      at += part.n;
    }
    return CHR_OK;
  }
  static chr_status CHR_CALL finish_load(void* context, void* load, chr_error* error) {
    const Stream& s = stream(context);
    s.truth->replicas[s.node->id()].applied = 0;  // as of load() above
    return s.inner.finish_load(s.context, load, error);
  }
  static void CHR_CALL end_load(void* context, void* load) {
    Stream& s = stream(context);
    s.expect(s.loads, "a load ends twice");
    s.loads = false;
    s.inner.end_load(s.context, load);
  }
  static constexpr chr_state_stream_v1 kCallbacks = {sizeof(chr_state_stream_v1),
                                                     1,
                                                     begin_save,
                                                     save_piece,
                                                     end_save,
                                                     begin_load,
                                                     load_piece,
                                                     finish_load,
                                                     end_load};

  static void CHR_CALL attach(void* self, chr_str name, const chr_state_stream_v1* inner, void* context) {
    Seat& seat = *static_cast<Seat*>(self);
    auto& added = *seat.attached.emplace_back(std::make_unique<Stream>());
    added = {seat.watch,
             seat.node,
             &seat.watch->checker_.group(from_abi(name)),
             *inner,
             context,
             seat.node->world().stream("state-stream", seat.attached.size() * 1000 + seat.node->id())};
    seat.streams->attach(seat.streams_instance, name, &kCallbacks, &added);
  }
  static constexpr chr_state_machine_stream_v1 kTable = {sizeof(chr_state_machine_stream_v1), 1, attach};
};

// The functions of chronik.consensus/1; self is a Seat, a chr_group is a Group.
struct ConsensusWatch::Calls {
  static Seat& seat(void* self) { return *static_cast<Seat*>(self); }
  static Group& group(chr_group* handle) { return *reinterpret_cast<Group*>(handle); }

  static uint32_t CHR_CALL shard_of(void* self, chr_str name) {
    return seat(self).inner->shard_of(seat(self).instance, name);
  }
  static chr_status CHR_CALL open_group(void* self, const chr_group_options* options,
                                        const chr_state_machine_v1* machine, void* context, chr_group** out,
                                        uint64_t token, chr_error* error) {
    Seat& s = seat(self);
    auto& g = *s.groups.emplace_back(std::make_unique<Group>());
    g.seat = &s;
    g.truth = &s.watch->checker_.group(from_abi(options->id.name));
    g.machine = machine;
    g.context = context;
    g.shard = s.inner->shard_of(s.instance, options->id.name);
    for (const auto& attached : s.attached) {
      if (attached->truth != g.truth || attached->taken) continue;
      attached->taken = true;
      g.stream = attached.get();  // the last one: it replaces those before it
    }
    s.watch->checker_.opened(s.node->id(), *g.truth, {options->voters, options->voters + options->n_voters});
    const chr_status status =
        s.inner->open_group(s.instance, options, &Machine::kTable, &g, &g.inner, token, error);
    *out = reinterpret_cast<chr_group*>(&g);
    if (status == CHR_PENDING) {
      Asked asked;
      asked.group = &g;
      asked.open = true;
      s.watch->observe(s, token, std::move(asked));
    } else if (status != CHR_OK) {
      g.inner = nullptr;
    }
    return status;
  }
  static chr_status CHR_CALL close_group(chr_group* handle, uint32_t snapshot, uint64_t token,
                                         chr_error* error) {
    Group& g = group(handle);
    const chr_status status = g.seat->inner->close_group(g.inner, snapshot, token, error);
    if (status == CHR_PENDING) {
      Asked asked;
      asked.group = &g;
      asked.close = true;
      g.seat->watch->observe(*g.seat, token, std::move(asked));
    }
    return status;
  }
  static chr_status CHR_CALL delete_group(void* self, chr_str name, uint64_t token, chr_error* error) {
    return seat(self).inner->delete_group(seat(self).instance, name, token, error);
  }
  static chr_status CHR_CALL propose(chr_group* handle, uint64_t term, const chr_proposal* items, uint32_t n,
                                     uint32_t until, chr_placed* placed, uint64_t token, chr_error* error) {
    Group& g = group(handle);
    const chr_status status = g.seat->inner->propose(g.inner, term, items, n, until, placed, token, error);
    if (status == CHR_PENDING) {
      Asked asked;
      asked.group = &g;
      asked.placed.assign(placed, placed + n);
      asked.until = until;
      g.seat->watch->observe(*g.seat, token, std::move(asked));
    }
    return status;
  }
  static chr_status CHR_CALL read(chr_group* handle, const chr_group_read* args, chr_entries* out,
                                  uint64_t token, chr_error* error) {
    Group& g = group(handle);
    const chr_status status = g.seat->inner->read(g.inner, args, out, token, error);
    if (status == CHR_OK) g.seat->watch->check_read(g, *out, args->bound);
    if (status == CHR_PENDING) {
      Asked asked;
      asked.group = &g;
      asked.read = out;
      asked.bound = args->bound;
      g.seat->watch->observe(*g.seat, token, std::move(asked));
    }
    return status;
  }
  static chr_status CHR_CALL find(chr_group* handle, int32_t by, int64_t value, chr_entry_header* out,
                                  uint64_t token, chr_error* error) {
    return group(handle).seat->inner->find(group(handle).inner, by, value, out, token, error);
  }
  static chr_status CHR_CALL epoch_end(chr_group* handle, uint64_t term, uint64_t* found, int64_t* end) {
    Group& g = group(handle);
    const chr_status status = g.seat->inner->epoch_end(g.inner, term, found, end);
    if (status == CHR_OK) g.seat->watch->checker_.epoch_ends(g.seat->node->id(), *g.truth, *found, *end);
    return status;
  }
  static chr_status CHR_CALL bounds(chr_group* handle, chr_group_bounds* out) {
    return group(handle).seat->inner->bounds(group(handle).inner, out);
  }
  static chr_status CHR_CALL trim(chr_group* handle, int64_t offset, uint64_t token, chr_error* error) {
    return group(handle).seat->inner->trim(group(handle).inner, offset, token, error);
  }
  static chr_status CHR_CALL barrier(chr_group* handle, uint64_t token, chr_error* error) {
    Group& g = group(handle);
    const chr_status status = g.seat->inner->barrier(g.inner, token, error);
    if (status == CHR_PENDING) {
      Asked asked;
      asked.group = &g;
      asked.floor = g.truth->commit_index();
      g.seat->watch->observe(*g.seat, token, std::move(asked));
    }
    return status;
  }
  static chr_status CHR_CALL transfer(chr_group* handle, int32_t to, uint64_t token, chr_error* error) {
    return group(handle).seat->inner->transfer(group(handle).inner, to, token, error);
  }
  static void CHR_CALL watch(void* self, chr_role_fn fn, void* context) {
    seat(self).inner->watch(seat(self).instance, fn, context);
  }
  static void CHR_CALL unwatch(void* self, chr_role_fn fn, void* context) {
    seat(self).inner->unwatch(seat(self).instance, fn, context);
  }
  static chr_status CHR_CALL status(chr_group* handle, chr_group_status* out) {
    return group(handle).seat->inner->status(group(handle).inner, out);
  }
  static chr_status CHR_CALL change_members(chr_group* handle, const chr_members_change* change,
                                            uint64_t token, chr_error* error) {
    Group& g = group(handle);
    const chr_status status = g.seat->inner->change_members(g.inner, change, token, error);
    if (status == CHR_PENDING) {
      Asked asked;
      asked.group = &g;
      asked.target.assign(change->voters, change->voters + change->n_voters);
      asked.known = g.truth->configs.size();
      g.seat->watch->observe(*g.seat, token, std::move(asked));
    }
    return status;
  }
  static constexpr chr_consensus_v1 kTable = {sizeof(chr_consensus_v1),
                                              1,
                                              shard_of,
                                              open_group,
                                              close_group,
                                              delete_group,
                                              propose,
                                              read,
                                              find,
                                              epoch_end,
                                              bounds,
                                              trim,
                                              barrier,
                                              transfer,
                                              watch,
                                              unwatch,
                                              status,
                                              change_members};
};

const void* ConsensusWatch::wrap(Node& node, std::string_view service, const void* inner, void** instance) {
  if (service == CHR_STATE_MACHINE_STREAM_ID) return wrap_streams(node, inner, instance);
  if (service != CHR_CONSENSUS_ID) return inner;
  Seat& seat = seats_[node.id()];
  if (seat.boot != node.boots()) {
    seat.watch = this;
    seat.node = &node;
    seat.boot = node.boots();
    seat.inner = static_cast<const chr_consensus_v1*>(inner);
    seat.instance = *instance;
    seat.groups.clear();
    seat.attached.clear();
    seat.asked.clear();
    seat.inner->watch(seat.instance, &ConsensusWatch::on_role, &seat);
  }
  *instance = &seat;
  return &Calls::kTable;
}

// For those who have consensus already.
const void* ConsensusWatch::wrap_streams(Node& node, const void* inner, void** instance) {
  Seat& seat = seats_[node.id()];
  if (seat.boot != node.boots()) {
    node.world().fail("state-stream", "consensus is acquired after " CHR_STATE_MACHINE_STREAM_ID);
    return nullptr;
  }
  seat.streams = static_cast<const chr_state_machine_stream_v1*>(inner);
  seat.streams_instance = *instance;
  *instance = &seat;
  return &Streams::kTable;
}

void ConsensusWatch::Stream::expect(bool holds, const char* what) const {
  if (!holds)
    node->world().fail("state-stream", truth->name + " on node " + std::to_string(node->id()) + ": " + what);
}

// Whoever owns the state machine may free it now.
void ConsensusWatch::Group::expect_ended() const {
  if (stream == nullptr) return;
  stream->expect(!stream->saves && !stream->loads, "it is closed before its save or load has ended");
}

void ConsensusWatch::node_gone(Node& node) {
  seats_[node.id()].boot = 0;
  checker_.node_gone(node.id());
}

void CHR_CALL ConsensusWatch::on_role(void* context, const chr_group_id* id, const chr_role* role, uint32_t) {
  const Seat& seat = *static_cast<Seat*>(context);
  Checker& checker = seat.watch->checker_;
  GroupTruth& group = checker.group(from_abi(id->name));
  const uint32_t node = seat.node->id();
  role->role == CHR_ROLE_LEADER ? checker.leads(node, group, role->term) : checker.follows(node, group);
}

void ConsensusWatch::observe(Seat& seat, uint64_t token, Asked asked) {
  const uint64_t tag = next_tag_++;
  seat.asked.emplace(tag, std::move(asked));
  seat.node->ops().observe(token, &seat, tag);
}

void ConsensusWatch::Seat::on_completion(uint64_t tag, const chr_done& done) {
  auto found = asked.extract(tag);
  if (found.empty()) return;
  const Asked& request = found.mapped();
  if (request.open) {
    if (done.code != CHR_OK) request.group->expect_ended();
    if (done.code != CHR_OK) request.group->inner = nullptr;  // the handle is gone
    return;
  }
  if (done.code != CHR_OK) return;
  if (request.close) {
    request.group->expect_ended();
    watch->checker_.closed(node->id(), *request.group->truth);
    request.group->inner = nullptr;
  } else if (!request.target.empty()) {
    watch->checker_.members_changed(node->id(), *request.group->truth, request.target, request.known);
  } else if (request.floor) {
    watch->checker_.readable(node->id(), *request.group->truth, *request.floor);
  } else if (request.read != nullptr) {
    watch->check_read(*request.group, *request.read, request.bound);
  } else {
    for (const chr_placed& placed : request.placed) {
      watch->checker_.acknowledged(node->id(), *request.group->truth, placed, request.until);
    }
  }
}

void ConsensusWatch::check_read(Group& group, const chr_entries& entries, int32_t bound) {
  ++reads_;
  for (uint32_t i = 0; i < entries.n; ++i) {
    checker_.was_read(group.seat->node->id(), *group.truth, entries.entries[i], bound);
  }
}

bool ConsensusWatch::bounds(Node& node, std::string_view name, chr_group_bounds* out) {
  Seat& seat = seats_[node.id()];
  const bool up =
      node.running() || node.state() == Node::State::kStopping;  // one that stops may lead until it has
  if (seat.boot != node.boots() || !up) return false;
  for (const auto& group : seat.groups) {
    if (group->truth->name != name || group->inner == nullptr) continue;
    *out = {};
    out->struct_size = sizeof *out;
    const Enter enter(node.world(), node.at_shard(group->shard));
    return seat.inner->bounds(group->inner, out) == CHR_OK;
  }
  return false;
}

}  // namespace chronik::sim
