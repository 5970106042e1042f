// CodecLane: what codecs have to do for clients beyond a turn of a shard, on the host's blocking threads, of
// which it takes a few.
//
// Nobody knows beforehand what comes out of a codec. So a job gets a little work to do at first; where that
// is not enough it begins anew, behind all others, with more, and at last with as much as it takes. What is
// small thus never waits for what is large, but for the few turns that are under way. Long turns take some of
// the threads only, and every fourth turn goes to the largest job, so that each of them gets done. Clients
// take turns, whatever each of them asks for, and have one at a time while others wait.
#pragma once

#include <chronik/host.hpp>

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

namespace chronik::kafka {

// Thread-safe. Shared by the threads that work for it: who made it may be gone before the last of them ends.
class CodecLane : public std::enable_shared_from_this<CodecLane> {
 public:
  static constexpr uint32_t kAtOnce = 4;
  static constexpr uint32_t kLongAtOnce = 2;
  // What a job may do in its first turn, in its second and in its last one, in bytes uncompressed.
  static constexpr std::array<uint64_t, 3> kTurns = {1u << 20, 8u << 20, UINT64_MAX};

  using Client = const void*;  // its connection
  // Gets what it may do. False: that is not enough, and nothing came of it; UINT64_MAX always is.
  using Job = std::move_only_function<bool(uint64_t most_bytes)>;

  explicit CodecLane(Host host) : host_(host) {}

  void run_job(Client client, Job job);

 private:
  static constexpr size_t kLong = kTurns.size() - 1;
  // Jobs whose next turn is the same, by client.
  struct Level {
    std::deque<Client> order;  // of those that have jobs here: who comes next
    std::unordered_map<Client, std::deque<Job>> jobs;
  };
  struct Turn {
    Client client;
    size_t level;
    Job job;
  };

  void run_turns();
  void add_job(Client client, size_t level, Job job);
  std::optional<Turn> next_turn();
  Turn take_turn(size_t level, size_t place);

  const Host host_;
  std::mutex mutex_;  // of all below
  std::array<Level, kTurns.size()> levels_;
  size_t waiting_ = 0;  // jobs in levels_
  uint64_t turns_ = 0;
  std::vector<Client> running_;  // whose turns are under way
  uint32_t long_running_ = 0;
  uint32_t workers_ = 0;
};

}  // namespace chronik::kafka
