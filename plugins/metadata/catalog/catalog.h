// The catalog as a pure state machine: commands in log order in, the same state and the same outcomes on
// every node. No clock, no randomness, no I/O. Lives on the shard of __meta; other threads read the images it
// publishes. What there is lies in tables (table.h); the catalog hands them what comes, and puts together
// what they make of it.
#pragma once

#include <chronik/result.hpp>

#include <tuple>

#include "metadata/catalog/applied_request_table.h"
#include "metadata/catalog/node_table.h"
#include "metadata/catalog/producer_id_table.h"
#include "metadata/catalog/record_table.h"
#include "metadata/catalog/topic_table.h"

namespace chronik::metadata {

class Catalog {
 public:
  Catalog() = default;
  Catalog(const Catalog&) = delete;
  Catalog& operator=(const Catalog&) = delete;
  Catalog(Catalog&&) = default;
  Catalog& operator=(Catalog&&) = default;

  // Applies one command. What is wrong with it is in the outcome, and costs what it is about, nothing else.
  Outcome apply(const Command& command);
  // The state as of now. The caller owns one reference.
  ImageRef publish();
  // A 64-bit digest: the sum of the digests of its parts, so that it is kept up to date part by part and does
  // not depend on their order. Equal on every node and build; no protection against an adversary.
  uint64_t digest() const;

  // A snapshot (snapshot.cc): "CMET", a format version, a head, then the rows of the tables, each behind its
  // length. write returns false to give up.
  Status save(const SnapshotWriter::Write& write) const;
  // Reads what save() wrote. Checks counts and the digest, and refuses a newer format by name.
  static Result<Catalog> load(std::string_view bytes);

  const std::string& cluster_id() const { return cluster_id_; }
  uint64_t version() const { return version_; }
  // The finalized level of our own feature, which says what may be proposed.
  int16_t level() const;

  // ---- the tables ----
  const TopicTable& topics() const { return table<TopicTable>(); }
  const std::map<int32_t, Node>& nodes() const { return table<NodeTable>().all(); }
  const std::set<int32_t>& removed_nodes() const { return table<NodeTable>().removed(); }
  const Records& records() const { return table<RecordTable>().records(); }
  const AppliedRequestTable& applied() const { return table<AppliedRequestTable>(); }
  const Topic* find(std::string_view name) const { return topics().find(name); }
  const Topic* find(const Uuid& id) const { return topics().find(id); }

 private:
  // In the order in which they add to the digest, and in which their rows stand in a snapshot. Nodes come
  // before the topics on them, applied requests after all that says what was applied.
  using Tables = std::tuple<ProducerIdTable, NodeTable, TopicTable, RecordTable, AppliedRequestTable>;

  template <class T>
  const T& table() const {
    return std::get<T>(tables_);
  }
  template <class F>
  void each_table(F&& fn) const {
    std::apply([&](const auto&... table) { (fn(table), ...); }, tables_);
  }
  template <class F>
  void each_table(F&& fn) {
    std::apply([&](auto&... table) { (fn(table), ...); }, tables_);
  }
  // Whether the request is applied for the first time.
  Seen note_command(const Command& command);
  // Whether the tables get to see it; what the catalog has itself is done then.
  bool admits(const Body& body, Outcome* out);

  Tables tables_;
  std::string cluster_id_;
  uint64_t version_ = 0;
  uint64_t generation_ = Image::kFirstGeneration;
};

}  // namespace chronik::metadata
