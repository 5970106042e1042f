// An assignor that saves traffic between racks: a partition goes to a member in a rack with one of its replicas,
// as long as nobody gets much more of a topic than the others. With it in the folder of plugins,
//
//     [assignor]
//     plugins = ["assignor-uniform", "assignor-range", "assignor-nearest"]
//     [assignor.nearest]
//     slack = 20
//
// consumers may ask for the assignor "nearest".
#include <array>
#include <chronik/assignor_plugin.hpp>

namespace {

constexpr std::array kSchema = {
    chronik::config_key(
        "slack", CHR_CONFIG_INT, "0",
        "By how many percent a member may read more of a topic than its share, to read nearby.", 0, 100),
};

// One topic on its way to its subscribers.
class Deal {
 public:
  Deal(const chr_assignor_group& group, const chr_assignor_topic& topic,
       std::span<const uint32_t> subscribers, uint64_t slack)
      : group_(group),
        left_(group.n_members),
        near_(group.n_racks),
        all_(subscribers.begin(), subscribers.end()) {
    const uint64_t share = (topic.n_partitions + subscribers.size() - 1) / subscribers.size();
    for (const uint32_t m : subscribers) {
      left_[m] = share + share * slack / 100;
      const uint32_t rack = group.members[m].rack;
      if (rack != CHR_ASSIGNOR_NO_RACK) near_[rack].push_back(m);
    }
  }

  // A subscriber near the partition, or nobody.
  uint32_t take_near(uint32_t partition) {
    for (const uint32_t rack : chronik::racks_of(group_, partition)) {
      const uint32_t member = take(&near_[rack]);
      if (member != CHR_ASSIGNOR_NOBODY) return member;
    }
    return CHR_ASSIGNOR_NOBODY;
  }
  // Any: all together may take more than there are partitions.
  uint32_t take_any() { return take(&all_); }

 private:
  // The members of a list in turn. Whoever has enough leaves it.
  struct Turns {
    std::vector<uint32_t> members;
    size_t next = 0;

    Turns() = default;
    template <class It>
    Turns(It begin, It end) : members(begin, end) {}
    void push_back(uint32_t member) { members.push_back(member); }
  };
  uint32_t take(Turns* turns) {
    while (!turns->members.empty()) {
      turns->next %= turns->members.size();
      const uint32_t member = turns->members[turns->next];
      if (left_[member] > 0) {
        --left_[member];
        ++turns->next;
        return member;
      }
      turns->members[turns->next] = turns->members.back();
      turns->members.pop_back();
    }
    return CHR_ASSIGNOR_NOBODY;
  }

  const chr_assignor_group& group_;
  std::vector<uint64_t> left_;  // how many more each member may get of the topic
  std::vector<Turns> near_;     // by rack
  Turns all_;
};

class Nearest final : public chronik::AssignorPlugin<Nearest> {
 public:
  static constexpr std::string_view kId = "assignor-nearest", kVersion = "1.0.0", kName = "nearest";
  static std::span<const chr_config_key> schema() { return kSchema; }

  explicit Nearest(chronik::Host host) : slack_(static_cast<uint64_t>(host.config_int("slack"))) {}

  chronik::Status assign(const chr_assignor_group& group, std::span<uint32_t> owners) const {
    const chronik::Subscribers subscribers(group, chronik::in_order(group));
    for (uint32_t t = 0; t < group.n_topics; ++t) {
      const chr_assignor_topic& topic = group.topics[t];
      if (subscribers.of(t).empty()) continue;
      Deal deal(group, topic, subscribers.of(t), slack_);
      const std::span<uint32_t> readers = owners.subspan(topic.first, topic.n_partitions);
      for (uint32_t p = 0; p < readers.size(); ++p) readers[p] = deal.take_near(topic.first + p);
      for (uint32_t& reader : readers) {
        if (reader == CHR_ASSIGNOR_NOBODY) reader = deal.take_any();
      }
    }
    return {};
  }

 private:
  const uint64_t slack_;
};

}  // namespace

CHRONIK_PLUGIN(Nearest)
