// [[peer]]: the nodes of a cluster, the same list in every node's file.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <span>
#include <utility>

#include "host/config/host_schema.h"
#include "host/config/units.h"

namespace chronik::host {
namespace {

class PeerReader {
 public:
  explicit PeerReader(Settings& settings) : settings_(settings) {}

  std::vector<ConfiguredPeer> read() {
    settings_.leave_alone("peer");
    if (const auto given = settings_.take_override("peer")) {
      read_text(*given);
    } else if (const TomlMember* member = settings_.document().root.find("peer")) {
      read_file(*member);
    }
    check_unique();
    check_self();
    return std::move(entries_);
  }

 private:
  void error(const ConfiguredPeer& entry, std::string message) {
    if (entry.source.empty()) {
      settings_.diagnostics().error(entry.at, entry.end, std::move(message));
    } else {
      settings_.diagnostics().error_from(entry.source, std::move(message));
    }
  }

  void read_file(const TomlMember& member) {
    if (member.value.kind != TomlNode::Kind::kArray) {
      error({0, {}, member.at, member.at, {}}, "peer is a list of tables: write [[peer]] above each entry");
      return;
    }
    for (const TomlNode& item : member.value.items) read_entry(item);
  }

  void read_entry(const TomlNode& item) {
    ConfiguredPeer entry{0, {}, item.begin, item.end, {}};
    if (item.kind != TomlNode::Kind::kTable) {
      error(entry,
            fmt::format("each entry of peer is a table with id and raft, not {}", describe(item.kind)));
      return;
    }
    bool complete = true;
    for (const TomlMember& member : item.members) {
      const TomlNode& value = member.value;
      if (member.key == "id") {
        entry.at = value.begin;
        entry.end = value.end;
        complete &= read_id(value, &entry);
      } else if (member.key == "raft") {
        complete &= read_address(value, &entry);
      } else {
        const std::string_view near = closest(member.key, {"id", "raft"});
        error({0,
               {},
               member.at,
               {member.at.line, member.at.column + static_cast<uint32_t>(member.key.size())},
               {}},
              fmt::format(
                  "unknown key peer.{}{}", member.key,
                  near.empty() ? "; an entry has id and raft" : fmt::format("; did you mean {}?", near)));
      }
    }
    for (const char* name : {"id", "raft"}) {
      if (item.find(name) != nullptr) continue;
      error(entry, fmt::format("peer.{} is missing; an entry has id and raft = \"host:port\"", name));
      complete = false;
    }
    keep(std::move(entry), complete);
  }

  void keep(ConfiguredPeer entry, bool complete) {
    if (!first_) first_ = entry;
    if (entry.id == 0) unknown_id_ = true;
    if (complete) {
      entries_.push_back(std::move(entry));
    } else {
      incomplete_.push_back(entry.id);
    }
  }

  bool read_id(const TomlNode& value, ConfiguredPeer* entry) {
    if (value.kind != TomlNode::Kind::kInteger || value.integer < 1 || value.integer > INT32_MAX) {
      error(*entry, "peer.id: expected a node's id, an integer from 1 on");
      return false;
    }
    entry->id = static_cast<int32_t>(value.integer);
    return true;
  }

  bool read_address(const TomlNode& value, ConfiguredPeer* entry) {
    if (value.kind != TomlNode::Kind::kString) {
      error({0, {}, value.begin, value.end, {}},
            fmt::format("peer.raft: expected an address \"host:port\", got {}", describe(value.kind)));
      return false;
    }
    if (const std::string wrong = address_error(value.text); !wrong.empty()) {
      error({0, {}, value.begin, value.end, {}}, wrong);
      return false;
    }
    entry->raft = value.text;
    return true;
  }

  static std::string address_error(const std::string& text) {
    const auto address = parse_address(text);
    if (!address) return fmt::format("peer.raft: \"{}\" {}", text, address.error().message);
    if (address->port == 0)
      return fmt::format("peer.raft: \"{}\" has port 0; the others must know the port", text);
    return {};
  }

  void read_text(const Override& given) {
    std::string_view rest = given.text;
    while (!rest.empty()) {
      const std::string_view part = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(part.size() + 1, rest.size()));
      ConfiguredPeer entry{0, {}, {}, {}, given.source};
      const size_t at = part.find('@');
      const auto [end, failure] =
          std::from_chars(part.data(), part.data() + std::min(at, part.size()), entry.id);
      if (at == std::string_view::npos || failure != std::errc() || end != part.data() + at || entry.id < 1) {
        error(entry, fmt::format("peer: \"{}\" has not the form ID@HOST:PORT", part));
        entry.id = 0;
        keep(std::move(entry), false);
        continue;
      }
      entry.raft = part.substr(at + 1);
      const std::string wrong = address_error(entry.raft);
      if (!wrong.empty()) error(entry, wrong);
      keep(std::move(entry), wrong.empty());
    }
  }

  void check_unique() {
    for (size_t i = 0; i < entries_.size(); ++i) {
      const ConfiguredPeer& peer = entries_[i];
      const auto before = std::span(entries_).first(i);
      if (std::ranges::find(before, peer.id, &ConfiguredPeer::id) != before.end()) {
        error(peer, fmt::format("peer.id: two peers have the id {}; each node has its own", peer.id));
        unknown_id_ = true;
      }
      const auto same = std::ranges::find(before, peer.raft, &ConfiguredPeer::raft);
      if (same != before.end()) {
        error(peer,
              fmt::format("peer.raft: the peers {} and {} have the same address {}; each node has its own",
                          same->id, peer.id, peer.raft));
      }
    }
  }

  // An entry whose id is wrong may be that of this node: its own error says what to do.
  void check_self() {
    if (!first_) return;
    const Setting* node_id = settings_.find("node_id");
    if (node_id->origin == Origin::kDefault) {
      error(*first_, "node_id is required with [[peer]] entries: which of them is this node?");
      return;
    }
    if (!node_id->value || unknown_id_) return;
    const int64_t self = node_id->value->integer();
    const auto is_self = [self](int64_t id) { return id == self; };
    if (std::ranges::any_of(entries_, is_self, &ConfiguredPeer::id) ||
        std::ranges::any_of(incomplete_, is_self))
      return;
    error(
        *first_,
        fmt::format("peer.id: no [[peer]] has the id of this node ({}); its own entry says where it listens",
                    self));
  }

  Settings& settings_;
  std::optional<ConfiguredPeer> first_;
  std::vector<ConfiguredPeer> entries_;
  std::vector<int32_t> incomplete_;  // the ids of other entries, 0 where that is wrong
  bool unknown_id_ = false;          // which one of the entries was to have is not known
};

}  // namespace

std::vector<ConfiguredPeer> read_peers(Settings& settings) { return PeerReader(settings).read(); }

}  // namespace chronik::host
