#include "unit/raft/group/parts.h"

#include <chronik/plugin.hpp>

#include <utility>

namespace chronik::raft::test {
namespace {

Machine* of(void* context) { return static_cast<Machine*>(context); }

chr_status CHR_CALL apply(void* context, const chr_entry*, uint32_t n, uint64_t token) {
  of(context)->told.push_back("apply " + std::to_string(n));
  if (of(context)->fail_applies) return CHR_E_FAILED;
  if (!of(context)->hold_applies) return CHR_OK;
  of(context)->held_token = token;
  return CHR_PENDING;
}
void CHR_CALL role(void* context, const chr_role* role) {
  of(context)->told.push_back(role->role == CHR_ROLE_LEADER ? "leader" : "follower");
}
void CHR_CALL committed(void* context, uint64_t, int64_t offset) {
  of(context)->told.push_back("committed " + std::to_string(offset));
}
void CHR_CALL truncated(void* context, uint64_t, int64_t) { of(context)->told.emplace_back("truncated"); }
void CHR_CALL trimmed(void* context, int64_t offset) {
  of(context)->told.push_back("trimmed " + std::to_string(offset));
}
chr_status CHR_CALL save(void* context, const chr_sink* sink) {
  if (of(context)->fail_saves) return CHR_E_FAILED;
  return sink->write(sink->context, reinterpret_cast<const uint8_t*>("state"), 5) != 0 ? CHR_OK
                                                                                       : CHR_E_FAILED;
}
chr_status CHR_CALL load(void* context, const chr_slice*, uint32_t, chr_error*) {
  of(context)->told.emplace_back("load");
  return CHR_OK;
}

constexpr chr_state_machine_v1 kMachine = {sizeof kMachine, 1,       apply, role, committed,
                                           truncated,       trimmed, save,  load};

chr_status CHR_CALL begin_save(void* context, void** save) {
  *save = new int(of(context)->save_pieces);
  ++of(context)->open_saves;
  return CHR_OK;
}
// The same bytes as save().
chr_status CHR_CALL save_piece(void* context, void* save, const chr_sink* sink, uint64_t, uint32_t* more) {
  if (of(context)->on_save_piece) of(context)->on_save_piece();
  int& left = *static_cast<int*>(save);
  const uint8_t* const next = reinterpret_cast<const uint8_t*>("state") + 5 - left;
  if (sink->write(sink->context, next, 1) == 0) return CHR_E_FAILED;
  *more = --left > 0 ? 1 : 0;
  return of(context)->fail_saves ? CHR_E_FAILED : CHR_OK;
}
void CHR_CALL end_save(void* context, void* save) {
  delete static_cast<int*>(save);
  --of(context)->open_saves;
}
constexpr chr_state_stream_v1 kStream = {sizeof kStream, 1,       begin_save, save_piece, end_save,
                                         nullptr,        nullptr, nullptr,    nullptr};

constexpr chr_storage_v1 kStorage = {
    sizeof kStorage,
    1,
    thunk<&storage_memory::Store::open_group>,
    thunk<&storage_memory::Store::list_groups>,
    thunk<&FullStore::write>,
    thunk<&storage_memory::Store::read>,
    thunk<&storage_memory::Store::find>,
    thunk<&storage_memory::Store::get>,
    thunk<&storage_memory::Store::bounds>,
    thunk<&storage_memory::Store::usage>,
};

}  // namespace

Parts::Parts(const std::vector<int32_t>& voters, bool in_pieces) {
  host_.config_int("capacity", 1 << 20);
  host_.config_int("queue_bytes", 1 << 20);
  const Host host(host_.core());
  memory_ = std::make_unique<FullStore>(host);
  memory_->start(0);
  services_.host = host;
  services_.exec = host.find<chr_exec_v1>(CHR_EXEC_ID);
  services_.store = Store(host, &kStorage, memory_.get());
  services_.self = 1;
  services_.heartbeats.start({1, 1, 1'000'000'000});
  Settings& settings = services_.settings;
  settings.election_timeout = 3'000'000'000;
  settings.heartbeat_interval = 150'000'000;
  settings.max_append_bytes = settings.max_inflight_bytes = settings.max_uncommitted_bytes = 1 << 20;
  settings.max_unwritten_bytes = settings.tail_cache_bytes = settings.snapshot_bytes = 1 << 20;
  shard_ = std::make_unique<Shard>(&services_, 0);
  chr_group_options options{};
  options.struct_size = sizeof options;
  options.id.name = options.id.label = abi_text("test/0");
  options.voters = voters.data();
  options.n_voters = static_cast<uint32_t>(voters.size());
  group_ = std::make_shared<Owner>(shard_.get(), options, kMachine, &machine_,
                                   in_pieces ? std::optional(StateStream{kStream, &machine_}) : std::nullopt);
  parts_ = std::make_unique<All>(group_.get());
  Config config;
  config.self = 1;
  config.election_timeout = settings.election_timeout;
  config.retry_interval = settings.heartbeat_interval;
  config.max_append_bytes = config.max_inflight_bytes = config.max_uncommitted_bytes = 1 << 20;
  host_.on_shard(0, [&] {
    group_->storage_group = *services_.store.open_group(group_->name);
    group_->raft = std::make_unique<Raft>(config, group_->initial, HardState{}, StoredLog{});
    group_->state = GroupState::kOpen;
    parts_->writes.restore({}, false);
    parts_->role.restore();
    group_->raft->start(group_->now());
  });
}

Parts::~Parts() {
  host_.on_shard(0, [&] { parts_->writes.cancel_retry(); });
  host_.run();
}

void Parts::turn() {
  host_.on_shard(0, [&] {
    if (group_->is_open()) group_->raft->take_ready(&ready_, parts_->writes.room());
    for (const Event& event : ready_.events) {
      if (event.kind == EventKind::kRole && event.role == Role::kLeader) parts_->role.become_leader(event);
      if (event.kind == EventKind::kCommitted) parts_->role.set_committed(event.index, event.offset);
      if (event.kind == EventKind::kCommitted) parts_->role.tell_committed();
    }
    if (ready_.storage.ticket != 0) parts_->writes.write_batch(ready_.storage);
    if (ready_.apply_to != 0) parts_->applier.set_target(ready_.apply_to);
    parts_->applier.apply_committed();
    parts_->proposals.complete_reached();
    ready_.clear();
  });
  host_.run();
}

void Parts::lead() {
  host_.on_shard(0, [&] { group_->raft->campaign(group_->now()); });
  for (int i = 0; i < 6; ++i) turn();
  EXPECT_TRUE(group_->leads());
}

chr_status Parts::wait(const std::function<chr_status(uint64_t token, chr_error* error)>& call) {
  chr_error error = make_abi_error();
  auto ended = std::make_shared<chr_status>(CHR_PENDING);
  host_.on_shard(0, [&] {
    const chr_status status = services_.host.async([&](uint64_t token) { return call(token, &error); },
                                                   [ended](const chr_done& done) { *ended = done.code; });
    if (status != CHR_PENDING) *ended = status;
  });
  for (int i = 0; i < 6; ++i) turn();
  return *ended;
}

chr_status Parts::propose(uint32_t records) {
  chr_slice payload{};
  EXPECT_EQ(services_.host.alloc(8, &payload), CHR_OK);
  chr_proposal item{};
  item.kind = CHR_ENTRY_DATA;
  item.records = records;
  item.payload = payload;
  item.offset_at = item.epoch_at = -1;
  item.max_timestamp = -1;
  chr_placed placed{};
  return wait([&](uint64_t token, chr_error* error) {
    return parts_->proposals.propose(0, &item, 1, CHR_UNTIL_COMMITTED, &placed, token, error);
  });
}

}  // namespace chronik::raft::test
