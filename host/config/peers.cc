// [[peer]]: the nodes of a cluster, the same list in every node's file.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "host/config/host_schema.h"
#include "host/config/units.h"

namespace chronik::host {
namespace {

struct Entry {
  ConfiguredPeer peer;
  Position at, end;    // where its id, or the entry itself, stands
  std::string source;  // for a peer that does not come from the file
};

class PeerReader {
 public:
  explicit PeerReader(Settings& settings) : settings_(settings) {}

  std::vector<ConfiguredPeer> read() {
    settings_.leave_alone("peer");
    if (const auto given = settings_.take("peer")) {
      read_text(*given);
    } else if (const TomlMember* member = settings_.document().root.find("peer")) {
      read_file(*member);
    }
    check_unique();
    check_self();
    std::vector<ConfiguredPeer> peers;
    for (const Entry& entry : entries_) peers.push_back(entry.peer);
    return peers;
  }

 private:
  void error(const Entry& entry, std::string message) {
    if (entry.source.empty()) {
      settings_.diagnostics().error(entry.at, entry.end, std::move(message));
    } else {
      settings_.diagnostics().error_from(entry.source, std::move(message));
    }
  }

  void read_file(const TomlMember& member) {
    if (member.value.kind != TomlNode::Kind::kArray) {
      error({{}, member.at, member.at, {}}, "peer is a list of tables: write [[peer]] above each entry");
      return;
    }
    for (const TomlNode& item : member.value.items) read_entry(item);
  }

  void read_entry(const TomlNode& item) {
    Entry entry{{}, item.begin, item.end, {}};
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
        error({{},
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
    if (complete) entries_.push_back(std::move(entry));
  }

  bool read_id(const TomlNode& value, Entry* entry) {
    if (value.kind != TomlNode::Kind::kInteger || value.integer < 1 || value.integer > INT32_MAX) {
      error(*entry, "peer.id: expected a node's id, an integer from 1 on");
      return false;
    }
    entry->peer.id = static_cast<int32_t>(value.integer);
    return true;
  }

  bool read_address(const TomlNode& value, Entry* entry) {
    if (value.kind != TomlNode::Kind::kString) {
      error({{}, value.begin, value.end, {}},
            fmt::format("peer.raft: expected an address \"host:port\", got {}", describe(value.kind)));
      return false;
    }
    if (const std::string wrong = address_error(value.text); !wrong.empty()) {
      error({{}, value.begin, value.end, {}}, wrong);
      return false;
    }
    entry->peer.raft = value.text;
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
      Entry entry{{}, {}, {}, given.source};
      const size_t at = part.find('@');
      const auto [end, failure] =
          std::from_chars(part.data(), part.data() + std::min(at, part.size()), entry.peer.id);
      if (at == std::string_view::npos || failure != std::errc() || end != part.data() + at ||
          entry.peer.id < 1) {
        error(entry, fmt::format("peer: \"{}\" has not the form ID@HOST:PORT", part));
        continue;
      }
      entry.peer.raft = part.substr(at + 1);
      if (const std::string wrong = address_error(entry.peer.raft); !wrong.empty()) {
        error(entry, wrong);
      } else {
        entries_.push_back(std::move(entry));
      }
    }
  }

  void check_unique() {
    for (size_t i = 0; i < entries_.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        if (entries_[i].peer.id == entries_[j].peer.id) {
          error(entries_[i],
                fmt::format("two peers have the id {}; each node has its own", entries_[i].peer.id));
        }
        if (entries_[i].peer.raft == entries_[j].peer.raft) {
          error(entries_[i], fmt::format("the peers {} and {} have the same address {}", entries_[j].peer.id,
                                         entries_[i].peer.id, entries_[i].peer.raft));
        }
      }
    }
  }

  void check_self() {
    if (entries_.empty()) return;
    const Setting* node_id = settings_.find("node_id");
    if (node_id->origin == Origin::kDefault) {
      error(entries_[0], "node_id is required with [[peer]] entries: which of them is this node?");
      return;
    }
    if (!node_id->value) return;
    const int64_t self = node_id->value->integer();
    if (std::ranges::none_of(entries_, [&](const Entry& e) { return e.peer.id == self; })) {
      error(
          entries_[0],
          fmt::format("no [[peer]] has the id of this node ({}); its own entry says where it listens", self));
    }
  }

  Settings& settings_;
  std::vector<Entry> entries_;
};

}  // namespace

std::vector<ConfiguredPeer> read_peers(Settings& settings) { return PeerReader(settings).read(); }

}  // namespace chronik::host
