// AttachedStreams: streams (chronik.state_machine_stream/1) that wait for the open of their groups.
#pragma once

#include <chronik/draft/state_machine_stream.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace chronik::raft {

// How the owner of a group saves and loads the state in pieces.
struct StateStream {
  chr_state_stream_v1 table;
  void* context;
};

// Of one shard.
class AttachedStreams {
 public:
  // Of the table there is as much as its struct_size says.
  void attach(std::string_view group, const chr_state_stream_v1& table, void* context) {
    StateStream& stream = waiting_[std::string(group)];
    stream = {{}, context};
    std::memcpy(&stream.table, &table, std::min<size_t>(table.struct_size, sizeof stream.table));
  }
  // Nothing, where the state goes out and in at once.
  std::optional<StateStream> take_stream(std::string_view group) {
    const auto found = waiting_.extract(std::string(group));
    return found.empty() ? std::nullopt : std::optional(found.mapped());
  }

 private:
  std::unordered_map<std::string, StateStream> waiting_;
};

}  // namespace chronik::raft
