// chronik.host.files/1 of one node, on its simulated Disk. The bytes of a file lie in a file of the machine
// below that has no name, so that a map of it is a real one. What a power loss leaves of names is decided here.
#pragma once

#include "sim/base/machine.h"
#include "sim/base/world.h"
#include "sim/disk/disk.h"
#include "sim/disk/fd_volume.h"

#include <chronik/draft/files.h>
#include <chronik/host.hpp>

#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace chronik::sim {

class HostFiles {
 public:
  // The node and its disk outlive this.
  HostFiles(Machine& node, uint32_t id, Disk& disk)
      : node_(node), world_(node.world()), id_(id), disk_(disk), rng_(world_.stream("folder", id)) {}
  ~HostFiles() { remove_all(); }
  HostFiles(const HostFiles&) = delete;
  HostFiles& operator=(const HostFiles&) = delete;

  void process_begins() { dead_ = false; }
  // After what the disk had to say of the same. What destructors still do reaches no file.
  void process_dies(uint64_t now, bool power_loss);
  // It stopped as it wished.
  void process_ends() { let_go(); }
  // The disk is another one.
  void remove_all();
  // One bit in front of each place where these bytes lie; false: there is none.
  bool flip_before(const std::string& bytes, uint64_t which);
  // One bit of what is old and durable.
  bool flip(uint64_t now, uint64_t which);

  // ---- chr_files_v1, where the rules stand; self is whose call it is ----
  chr_status open(chr_host* self, std::string_view name, uint32_t flags, uint64_t* file, chr_file_info* info,
                  chr_error* error);
  void close(chr_host* self, uint64_t file);
  chr_status write(chr_host* self, const chr_file_write& args, chr_error* error);
  chr_status sync(chr_host* self, uint64_t file, uint64_t token, chr_error* error);
  chr_status sync_files(chr_host* self, std::span<const uint64_t> files, chr_status* each, chr_error* error);
  chr_status read(chr_host* self, uint64_t file, uint64_t at, uint8_t* p, uint64_t n, chr_error* error);
  chr_status zero(chr_host* self, uint64_t file, uint64_t at, uint64_t n, chr_error* error);
  chr_status resize(chr_host* self, uint64_t file, uint64_t n, chr_error* error);
  chr_status map(chr_host* self, uint64_t file, uint64_t at, uint64_t n, chr_slice* out, chr_error* error);
  chr_status load(chr_host* self, uint64_t file, uint64_t at, uint64_t n, chr_error* error);
  int32_t is_loaded(chr_host* self, uint64_t file);
  chr_status rename(chr_host* self, std::string_view from, std::string_view to, chr_error* error);
  chr_status remove(chr_host* self, std::string_view name, chr_error* error);
  chr_status sync_names(chr_host* self, chr_error* error);
  chr_status list(chr_host* self, void(CHR_CALL* fn)(void*, chr_str, uint64_t), void* context,
                  chr_error* error);
  chr_status space(chr_host* self, uint64_t* free_bytes, chr_error* error);

 private:
  using Names = std::map<std::string, uint64_t, std::less<>>;  // number of the file
  struct Handle {
    uint64_t number;  // of the file
    uint64_t block;
    bool is_to_read = false;
    bool is_closed = false;
  };
  // A write or a sync with a token; the bytes must be the same until its end.
  struct Operation {
    chr_host* self;
    uint64_t handle, at, n, token, ends;
    chr_status status;
    uint64_t digest = 0;
    std::vector<chr_slice> slices{};
    std::vector<Lease> leases{};
  };
  struct NameChange {
    uint64_t time;
    std::string from, to;  // from is empty where the file was made, to where it was removed
    uint64_t number;
    uint64_t durable_at;
  };

  // A rule of the service was broken: the run fails.
  chr_status misuse(chr_host* self, const std::string& what, chr_error* error) const;
  // What every call asks first; blocks: and whether it may.
  chr_status admit(chr_host* self, const char* what, bool blocks, chr_error* error);
  Handle* find(chr_host* self, uint64_t file, const char* what, chr_error* error);
  FdVolume& volume(const Handle& handle) { return *files_.at(handle.number); }
  bool overlaps_one_in_flight(uint64_t number, uint64_t at, uint64_t n) const;
  void wait_for(uint64_t number);
  chr_status begin(Operation operation, const Disk::InFlight& call);
  static void run_end(const Event& event, bool alive);
  void end(uint64_t number);
  void end_if_closed(uint64_t handle);
  void change_name(std::string from, std::string to, uint64_t number);
  static void apply(const NameChange& change, Names& names);
  void settle();
  void let_go();
  void collect();
  void note(uint64_t what) const;
  static uint64_t digest_of(const Operation& operation);

  Machine& node_;
  World& world_;
  const uint32_t id_;
  Disk& disk_;
  Rng rng_;
  bool dead_ = true;
  std::map<uint64_t, std::unique_ptr<FdVolume>> files_;
  Names names_, durable_names_;
  std::deque<NameChange> changes_;  // of names, not durable yet
  std::map<uint64_t, Handle> handles_;
  std::map<uint64_t, Operation> operations_;
  uint64_t last_file_ = 0, last_handle_ = 0, last_operation_ = 0;
};

}  // namespace chronik::sim
