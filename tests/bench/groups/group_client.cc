// Groups for the benchmarks, on raw sockets: the same load on any broker, one JSON line as the result.
//
//   group_client settle-classic   BOOTSTRAP TOPIC PARTITIONS MEMBERS ROUNDS
//       members join at once: until each has its share; then the leader joins again, and all with it: from the last
//       JoinGroup sent to the last one answered
//   group_client settle-consumer  BOOTSTRAP TOPIC PARTITIONS MEMBERS
//       the same of a consumer group (KIP-848)
//   group_client roll-static      BOOTSTRAP TOPIC PARTITIONS MEMBERS
//   group_client roll-cooperative BOOTSTRAP TOPIC PARTITIONS MEMBERS
//       each member restarts in turn: how many rebalances that takes
//   group_client fail-over        BOOTSTRAP TOPIC PARTITIONS MEMBERS
//       members commit again and again; says who coordinates. For each line "killed NANOSECONDS", of the monotonic
//       clock: how long until the next commit, and whether all is as it was. Ends with its input
//   group_client idle             BOOTSTRAP TOPIC PARTITIONS GROUPS MEMBERS WARMUP_S SECONDS
//       groups that do nothing but send heartbeats
//   group_client commits          BOOTSTRAP TOPIC PARTITIONS GROUPS RATE WARMUP_S SECONDS
//       RATE commits/s in all, from groups of one member: time to the answer from when each was due
//   group_client fill-offsets     BOOTSTRAP TOPIC PARTITIONS GROUPS
//   group_client check-offsets    BOOTSTRAP TOPIC PARTITIONS GROUPS STRIDE
//       groups that have offsets and no members; until each STRIDE-th of them shows what was committed
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <map>

#include "bench/groups/loop.h"
#include "bench/groups/workloads.h"

namespace chronik::bench {

std::string Words::text() {
  if (next_ == words_.size()) die("a word is missing; see the head of group_client.cc");
  return words_[next_++];
}

double Words::number() { return std::stod(text()); }

int Words::count() { return std::stoi(text()); }

std::string fresh_group(const std::string& what) { return what + "-" + std::to_string(::getpid()); }

double quantile(const std::vector<double>& sorted, double q) {
  if (sorted.empty()) die("nothing was measured");
  const auto at = static_cast<size_t>(q * static_cast<double>(sorted.size()));
  return sorted[at < sorted.size() ? at : sorted.size() - 1];
}

}  // namespace chronik::bench

int main(int argc, char** argv) {
  using namespace chronik::bench;
  const std::map<std::string, std::function<void(Words)>> verbs = {{"settle-classic", settle_classic},
                                                                   {"settle-consumer", settle_consumer},
                                                                   {"roll-static", roll_static},
                                                                   {"roll-cooperative", roll_cooperative},
                                                                   {"fail-over", fail_over},
                                                                   {"idle", idle},
                                                                   {"commits", commits},
                                                                   {"fill-offsets", fill_offsets},
                                                                   {"check-offsets", check_offsets}};
  const auto verb = verbs.find(argc > 1 ? argv[1] : "");
  if (verb == verbs.end()) {
    std::fprintf(stderr,
                 "usage: group_client VERB BOOTSTRAP TOPIC PARTITIONS ...; see the head of its source\n");
    return 2;
  }
  verb->second(Words({argv + 2, argv + argc}));
  return 0;
}
