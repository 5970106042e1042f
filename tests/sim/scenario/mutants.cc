#include "sim/scenario/mutants.h"

#include <chronik/consensus.h>
#include <chronik/host.hpp>

#include "raft/wire/stored.h"

#include <deque>
#include <map>

namespace chronik::sim {
namespace {

// Changes the writes of chronik.storage/1, passes everything else on.
class StorageMutant : public Interposer {
 public:
  const void* wrap(Node& node, std::string_view service, const void* inner, void** instance) override {
    if (service != CHR_STORAGE_ID) return inner;
    Seat& seat = seats_[node.id()];
    seat = {this, &node, static_cast<const chr_storage_v1*>(inner), *instance};
    *instance = &seat;
    return &kTable;
  }
  void node_gone(Node&) override {}

 protected:
  struct Seat {
    StorageMutant* mutant = nullptr;
    Node* node = nullptr;
    const chr_storage_v1* inner = nullptr;
    void* instance = nullptr;
  };
  virtual chr_status write(Seat& seat, const chr_storage_write* writes, uint32_t n, chr_error* error) = 0;

 private:
  static Seat& seat(void* self) { return *static_cast<Seat*>(self); }
  static chr_status CHR_CALL do_open(void* self, chr_str name, uint64_t* group, chr_error* error) {
    return seat(self).inner->open_group(seat(self).instance, name, group, error);
  }
  static void CHR_CALL do_list(void* self, void(CHR_CALL* fn)(void*, chr_str, uint64_t), void* context) {
    seat(self).inner->list_groups(seat(self).instance, fn, context);
  }
  static chr_status CHR_CALL do_write(void* self, const chr_storage_write* writes, uint32_t n,
                                      chr_error* error) {
    return seat(self).mutant->write(seat(self), writes, n, error);
  }
  static chr_status CHR_CALL do_read(void* self, const chr_storage_read* args, chr_entries* out,
                                     uint64_t token, chr_error* error) {
    return seat(self).inner->read(seat(self).instance, args, out, token, error);
  }
  static chr_status CHR_CALL do_find(void* self, uint64_t group, int32_t by, int64_t value,
                                     chr_entry_header* out, uint64_t token, chr_error* error) {
    return seat(self).inner->find(seat(self).instance, group, by, value, out, token, error);
  }
  static chr_status CHR_CALL do_get(void* self, uint64_t group, chr_str key, chr_slice* out, uint64_t token,
                                    chr_error* error) {
    return seat(self).inner->get(seat(self).instance, group, key, out, token, error);
  }
  static chr_status CHR_CALL do_bounds(void* self, uint64_t group, chr_storage_bounds* out) {
    return seat(self).inner->bounds(seat(self).instance, group, out);
  }
  static chr_status CHR_CALL do_usage(void* self, chr_storage_usage* out) {
    return seat(self).inner->usage(seat(self).instance, out);
  }
  static constexpr chr_storage_v1 kTable = {
      sizeof(chr_storage_v1), 1, do_open, do_list, do_write, do_read, do_find, do_get, do_bounds, do_usage};

  std::map<uint32_t, Seat> seats_;
};

// Terms are stored, votes are not: a node that restarts votes again in the same term.
class VotesNotPersisted final : public StorageMutant {
  chr_status write(Seat& seat, const chr_storage_write* writes, uint32_t n, chr_error* error) override {
    std::vector<chr_storage_write> changed(writes, writes + n);
    std::vector<std::vector<chr_storage_step>> steps(n);
    std::deque<std::string> values;
    for (uint32_t i = 0; i < n; ++i) {
      steps[i].assign(writes[i].steps, writes[i].steps + writes[i].n);
      for (chr_storage_step& step : steps[i]) {
        if (step.type != CHR_STORAGE_PUT || from_abi(step.key) != raft::kVoteKey) continue;
        auto vote = raft::decode_vote({reinterpret_cast<const char*>(step.value.p), step.value.n});
        if (!vote) continue;
        vote->hard_state.vote = raft::kNobody;
        const std::string& value = values.emplace_back(raft::encode(*vote));
        step.value = {reinterpret_cast<const uint8_t*>(value.data()), value.size(), nullptr};
      }
      changed[i].steps = steps[i].data();
    }
    return seat.inner->write(seat.instance, changed.data(), n, error);
  }
};

// A write is said to be durable as soon as it was handed over.
class AcknowledgedBeforeSync final : public StorageMutant {
  chr_status write(Seat& seat, const chr_storage_write* writes, uint32_t n, chr_error* error) override {
    std::vector<chr_storage_write> changed(writes, writes + n);
    Ops& ops = seat.node->ops();
    for (chr_storage_write& write : changed) {
      write.token = ops.begin(&seat.node->harness(), 0, [](void*, const chr_done*) {}, nullptr);
    }
    const chr_status status = seat.inner->write(seat.instance, changed.data(), n, error);
    for (uint32_t i = 0; i < n; ++i) {
      if (status != CHR_PENDING) {
        ops.abandon(changed[i].token);
        continue;
      }
      chr_done done{};
      done.token = writes[i].token;
      done.code = CHR_OK;
      seat.node->harness().core.complete(&seat.node->harness(), &done, 1);
    }
    return status;
  }
};

}  // namespace

const std::vector<MutantInfo>& mutants() {
  static const std::vector<MutantInfo> kMutants = {
      {"votes-not-persisted", "votes are not stored, only terms",
       "--workload log --groups 1 --rate 1 --seconds 60 --faults crash,delay", ""},
      {"ack-before-sync", "storage completes a write before it was synced", "--workload log", ""},
      {"sync-stubbed", "the disk's sync does nothing", "--workload log", ""},
      {"durable-answered-early", "what makes files durable completes before it has", "--workload log", ""},
      {"write-back-told-once",
       "the host tells a failed write-back to a durable write or to a sync, not to both",
       "--storage storage-log --workload log --nodes 1 --seconds 20 --record-bytes 3000 --rate 100 --faults "
       "write-back,power",
       ""},
#include "sim/mutants/patched.inc"
  };
  return kMutants;
}

const MutantInfo* find_mutant(std::string_view name) {
  for (const MutantInfo& mutant : mutants()) {
    if (mutant.name == name) return &mutant;
  }
  return nullptr;
}

std::unique_ptr<Interposer> make_mutant(std::string_view name) {
  if (name == "votes-not-persisted") return std::make_unique<VotesNotPersisted>();
  if (name == "ack-before-sync") return std::make_unique<AcknowledgedBeforeSync>();
  return nullptr;
}

void apply_mutant(std::string_view name, Node& node) {
  if (name == "sync-stubbed") node.disk().sync_lies = true;
  if (name == "durable-answered-early") node.disk().answers_early = true;
  if (name == "write-back-told-once") node.disk().tells_once = true;
}

}  // namespace chronik::sim
