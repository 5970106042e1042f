// Three nodes, or more, each in its own virtual time, stepped together; the test carries
// frames and committed entries.
#pragma once

#include <gtest/gtest.h>

#include "tests/unit/metadata/node.h"

namespace chronik::metadata::test {

class Cluster : public ::testing::Test {
 protected:
  explicit Cluster(int64_t snapshot_entries = 10'000, int32_t size = 3) {
    for (int32_t id = 1; id <= size; ++id) ids_.push_back(id);
    for (const int32_t id : ids_) {
      nodes_.push_back(std::make_unique<TestNode>(id, ids_));
      node(id).host.config_int("snapshot_entries", snapshot_entries);
      node(id).start();
    }
    for (const int32_t a : ids_) {
      node(a).consensus.on_commit = [this, a](const std::string& name, const chr_entry_header& header,
                                              const std::string& payload) {
        if (a == leader_) replicate(name, header, payload);
      };
      for (const int32_t b : ids_) {
        if (a != b) node(a).host.set_link("metadata", b, true);
      }
    }
  }

  TestNode& node(int32_t id) { return *nodes_[static_cast<size_t>(id - 1)]; }
  void replicate(const std::string& name, const chr_entry_header& header, const std::string& payload) {
    for (const int32_t id : ids_) {
      if (id != leader_ && !cut_off_.contains(id)) node(id).consensus.receive(name, header, payload);
    }
  }
  void elect(int32_t id) {
    leader_ = id;
    ++term_;
    for (const int32_t other : ids_) {
      if (other != id) node(other).consensus.follow("__meta", id, term_);
    }
    node(id).consensus.elect("__meta", term_);
    step();
  }
  void no_leader() {
    leader_ = -1;
    ++term_;
    for (const int32_t id : ids_) node(id).consensus.follow("__meta", -1, term_);
    step();
  }
  // Carries frames until there are none.
  void step() {
    for (bool going = true; going;) {
      going = false;
      for (const auto& from : nodes_) from->host.run();
      for (const int32_t from : ids_) {
        for (const FakeHost::Frame& frame : std::exchange(node(from).host.frames(), {})) {
          going = true;
          ++frames_;
          if (from == keep_) kept_.push_back(frame);
          if (frame.bytes.size() > 0 && !losing_ && !(from == mute_ && is_new(frame.bytes)))
            node(frame.to).host.deliver("metadata", from, frame.bytes);
        }
      }
    }
  }
  void advance(std::chrono::milliseconds time) {
    const auto turn = time > 5s ? 50ms : 1ms;
    for (; time > 0ms; time -= turn) {
      for (const auto& each : nodes_) each->host.advance(turn);
      step();
    }
  }
  // Node 2 takes over from node 1. Node 3, which was cut off, asks it at once, and only then catches up.
  void hand_over_unseen() {
    cut_off_.clear();
    const uint64_t seen = node(3).consensus.group("__meta").log.back().header.index;
    std::vector<std::pair<chr_entry_header, std::string>> late;
    for (const auto& entry : node(1).consensus.group("__meta").log) {
      if (entry.header.index > seen) late.emplace_back(entry.header, *entry.payload);
    }
    leader_ = 2;
    ++term_;
    node(2).consensus.on_commit = [&](const std::string& name, const chr_entry_header& header,
                                      const std::string& payload) {
      for (const auto& [h, p] : std::exchange(late, {})) held_.emplace_back(h, p);
      held_.emplace_back(header, payload);
      if (node(1).consensus.group(name).log.back().header.index < header.index)
        node(1).consensus.receive(name, header, payload);
    };
    node(1).consensus.follow("__meta", 2, term_);
    node(2).consensus.elect("__meta", term_);
    node(2).host.run();
    node(3).consensus.follow("__meta", 2, term_);
    step();  // asked, and answered
    for (const auto& [header, payload] : std::exchange(held_, {}))
      node(3).consensus.receive("__meta", header, payload);
    advance(100ms);
    for (const auto& [header, payload] : std::exchange(held_, {}))
      node(3).consensus.receive("__meta", header, payload);
    advance(5ms);
  }
  // Breaks the link between two nodes, or mends it.
  void set_link(int32_t a, int32_t b, bool up) {
    node(a).host.set_link("metadata", b, up);
    node(b).host.set_link("metadata", a, up);
    step();
  }
  void settle() {
    elect(1);
    advance(20ms);
  }

  // Whether only builds that know feature levels send it: its version is 4 or more.
  static bool is_new(const std::string& frame) { return frame.starts_with('\x08') && frame[1] >= 4; }

  std::vector<int32_t> ids_;
  std::vector<std::unique_ptr<TestNode>> nodes_;
  std::vector<std::pair<chr_entry_header, std::string>> held_;
  std::set<int32_t> cut_off_;
  int32_t keep_ = -1;  // whose frames are kept, to come again
  std::vector<FakeHost::Frame> kept_;
  int32_t leader_ = -1;
  uint64_t term_ = 0;
  uint64_t frames_ = 0;
  bool losing_ = false;
  int32_t mute_ = -1;  // says nothing of feature levels, as a build of before
};

}  // namespace chronik::metadata::test
