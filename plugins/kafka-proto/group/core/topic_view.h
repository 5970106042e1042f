// TopicView: what a consumer group needs to know of topics. Who has the catalog implements it.
#pragma once

#include <chronik/abi.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chronik::kafka::group {

inline bool same_topic(const chr_uuid& a, const chr_uuid& b) {
  return std::memcmp(a.b, b.b, sizeof a.b) == 0;
}

struct TopicIdLess {
  bool operator()(const chr_uuid& a, const chr_uuid& b) const {
    return std::memcmp(a.b, b.b, sizeof a.b) < 0;
  }
};

class TopicView {
 public:
  struct Topic {
    chr_uuid id{};
    int32_t partitions = 0;
    // Of what else an assignment depends on, racks: the same on each node as long as that is the same; 0: of nothing.
    int64_t racks_hash = 0;
  };

  virtual std::optional<Topic> find(std::string_view name) const = 0;
  // Empty: there is no such topic.
  virtual std::string_view name_of(const chr_uuid& id) const = 0;
  // Grows where topics come, go or get partitions, and where racks change; at nothing else, for each group looks at
  // its topics again.
  virtual int64_t version() const = 0;
  virtual void each_name(const std::function<void(std::string_view)>& fn) const = 0;
  // Racks with a replica of the partition; none: not known.
  virtual std::vector<std::string> racks(const chr_uuid& id, int32_t partition) const = 0;

 protected:
  ~TopicView() = default;
};

// The regular expressions that members may subscribe by, as far as the core needs them.
class Patterns {
 public:
  // Why it is none that is taken; empty: it is.
  virtual std::string refuse(std::string_view pattern) const = 0;

 protected:
  ~Patterns() = default;
};

}  // namespace chronik::kafka::group
