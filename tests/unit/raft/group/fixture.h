// The raft plugin over the memory storage on fake hosts: one node, or a few with links between them.
#pragma once

#include <chronik/consensus.h>
#include <chronik/draft/state_machine_stream.h>
#include <chronik/draft/throttle.h>
#include <chronik/plugin.h>
#include <gtest/gtest.h>

#include <chronik/testing/fake_host.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace chronik::raft::test {

using testing::FakeBuffer;
using testing::FakeHost;

// A state machine that writes down what it is told. Its state is the texts of all applied entries.
struct Journal {
  std::vector<std::string> applied;
  std::vector<std::string> roles;
  int64_t high_watermark = -1;
  int64_t trimmed = -1;
  std::optional<std::pair<uint64_t, int64_t>> truncated;
  int loads = 0;
  bool hold_applies = false;
  uint64_t held_token = 0;

  // Whether it saves and loads in pieces, and what it saw of that.
  struct Stream {
    bool on = false;
    enum class Fails { kNothing, kBeginSave, kSavePiece, kBeginLoad, kLoadPiece, kFinishLoad };
    Fails fails = Fails::kNothing;
    std::function<void()> on_save_piece, on_load_piece;  // before each
    int open_saves = 0, open_loads = 0;                  // begun and not ended
    int saves = 0, save_pieces = 0, load_pieces = 0;     // of all
    std::vector<size_t> applied_at;  // the entries that were applied at each piece of a save
    uint64_t largest_piece = 0;      // of those loaded
  } stream;
};

// The stream of a Journal.
const chr_state_stream_v1& journal_stream();
// Replaces the state by what save() wrote.
void load_journal(Journal* journal, const std::string& saved);

// Storage that is left behind when a node is destroyed, and the host that it was made for.
class Node {
 public:
  explicit Node(int32_t id = 1, const std::vector<int32_t>& peers = {1}, int64_t capacity = 1 << 30);
  ~Node();

  void start();
  // Starts anew with this setting.
  void restart_with(const std::string& key, int64_t value);
  // A clean stop; false in the simulator's manner of a crash.
  void stop(bool clean = true);
  // voters: what the group was created with, by default all nodes; none: this node joins.
  void open(const std::string& name, Journal* journal,
            const std::optional<std::vector<int32_t>>& voters = std::nullopt);
  chr_status close(const std::string& name, bool snapshot);
  chr_group* group(const std::string& name) { return groups_.at(name); }
  // The call that asks for a group, as a state machine's owner makes it.
  chr_status ask_to_open(const std::string& name, Journal* journal, chr_group** handle, uint64_t token,
                         chr_error* error, const std::optional<std::vector<int32_t>>& voters = std::nullopt);
  // From now on the storage refuses to open groups, to read keys, or has no room in its queue for entries, or
  // finds wrong what is written to the group that was opened second, or cannot delete the end of a log, or
  // has no space for entries, or may open no more files to read entries, or their payloads, or keys, or of
  // these pieces of snapshots.
  enum class Broken {
    kNothing,
    kOpenGroup,
    kGet,
    kBehind,
    kSecondGroup,
    kCut,
    kFull,
    kRead,
    kReadPayload,
    kGetRefused,
    kGetPieceRefused
  };
  void break_storage(Broken what);

  // Proposes one batch of `records` records; the first 12 bytes of the payload are offset and epoch.
  chr_status propose(const std::string& name, const std::string& text, uint32_t records = 1,
                     uint32_t until = CHR_UNTIL_COMMITTED, int64_t timestamp = -1, uint64_t term = 0);
  // Proposes one command, which takes no offset.
  chr_status command(const std::string& name, const std::string& text);
  // Entries from offset on: "base_offset/epoch:text" as the payload has them, or the error.
  std::vector<std::string> read(const std::string& name, int64_t offset, uint64_t max_bytes = 1 << 20,
                                int32_t bound = CHR_BOUND_COMMITTED);
  // The base offsets of the batches from offset on whose payload comes to max_bytes, by their headers.
  std::vector<int64_t> headers(const std::string& name, int64_t offset, uint64_t max_bytes);
  // Entries that storage has read since the last call.
  struct HandedOut {
    uint64_t all = 0;
    uint64_t at_once = 0;
  };
  HandedOut handed_out();
  chr_group_bounds bounds(const std::string& name);
  // "1v=5 2vo=5 4l=0 joint": who takes part, with match indexes.
  std::string members(const std::string& name);
  // Asks for other voters; *done gets the completion, 99 until then.
  chr_status change(const std::string& name, const std::vector<int32_t>& voters, chr_done* done);
  // Runs a call to its end: its status, or that of its completion.
  chr_status wait(const std::function<chr_status(uint64_t token, chr_error* error)>& call);

  // The entry of the group that was opened first cannot be read until it is written
  // again, or not even its header.
  void damage(uint64_t index, bool header = false);
  bool is_damaged() const;

  FakeHost host;
  const chr_consensus_v1* consensus = nullptr;
  void* instance = nullptr;
  const chr_throttle_v1* throttle = nullptr;
  const chr_state_machine_stream_v1* streams = nullptr;
  chr_done last{};      // completion of the last propose()
  chr_placed placed{};  // of the last propose()

 private:
  struct Storage;
  chr_status propose(const std::string& name, const std::string& text, chr_proposal proposal, uint32_t until,
                     uint64_t term);
  std::unique_ptr<Storage> storage_;
  const chr_plugin_v1* table_ = nullptr;
  chr_plugin* plugin_ = nullptr;
  std::map<std::string, chr_group*> groups_;
};

// Nodes 1..n, each with every group that is opened.
class Cluster {
 public:
  // capacity: of the storage of node 1, or of each.
  explicit Cluster(int32_t n, int64_t capacity = 1 << 30, bool of_each = false);

  Node& node(int32_t id) { return *nodes_.at(static_cast<size_t>(id - 1)); }
  Journal& journal(int32_t id) { return journals_.at(static_cast<size_t>(id - 1)); }
  // On all of the voters, by default on all nodes; the others join.
  void open(const std::string& name, const std::vector<int32_t>& voters = {});
  void link(int32_t a, int32_t b, bool up);
  void connect_all();
  void isolate(int32_t id, bool isolated);
  // What the two send one another vanishes, while their links stay up.
  void lose(int32_t a, int32_t b, bool lost) { lost_[{a, b}] = lost_[{b, a}] = lost; }
  // Lets virtual time pass everywhere, carrying frames along links that are up.
  void run(uint64_t milliseconds);
  void step(std::chrono::microseconds passed);  // likewise, at once
  std::function<void()> on_carried;             // after each frame, before the plugin has had a turn
  // Counts the frames that are carried from now on.
  void count(bool on);
  uint64_t frames(int32_t from, int32_t to) { return counts_[{from, to}]; }
  uint64_t bytes(int32_t from, int32_t to) { return bytes_[{from, to}]; }
  // The node that leads and is usable, or 0.
  int32_t leader(const std::string& name);

 private:
  void carry();

  std::vector<Journal> journals_;  // outlive the groups that write to them
  std::vector<std::unique_ptr<Node>> nodes_;
  std::map<std::pair<int32_t, int32_t>, bool> up_, lost_;
  std::map<std::pair<int32_t, int32_t>, uint64_t> counts_, bytes_;
  bool counting_ = false;
};

}  // namespace chronik::raft::test
