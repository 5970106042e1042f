// What the catalog costs a node: metadata and kafka-proto, each through its ABI, on the
// SDK's fakes, in virtual time.
//
//     bench_catalog METADATA.so KAFKA.so
//
// A cluster of ten nodes with topics of 10 partitions and 3 replicas each. This node leads __meta and hosts
// 3 of 10 partitions; entries of __meta come as from its log. Prints one object of JSON. The fakes' share is
// in every number: theirs are the groups of what is hosted, the queue of jobs and the client.
#include <chronik/plugin.h>
#include <dlfcn.h>
#include <malloc.h>
#include <unistd.h>

#include <chronik/testing/config_defaults.hpp>
#include <chronik/testing/fake_consensus.hpp>
#include <chronik/testing/fake_net.hpp>
#include <chronik/testing/fake_retry_policy.hpp>
#include <cstdio>
#include <ctime>

#include "kafka-proto/messages/metadata.h"
#include "kafka-proto/wire/frame.h"
#include "metadata/wire/codec.h"

namespace {

using chronik::make_abi_error;
using chronik::to_abi;
using namespace chronik::metadata;
namespace fakes = chronik::testing;

constexpr int32_t kNodes = 10, kPartitions = 10, kReplicas = 3;

[[noreturn]] void die(const std::string& message) {
  std::fprintf(stderr, "bench_catalog: %s\n", message.c_str());
  std::exit(1);
}

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double allocated() { return static_cast<double>(mallinfo2().uordblks + mallinfo2().hblkhd); }

class Plugin {
 public:
  Plugin(fakes::FakeHost& host, const std::string& path) {
    void* file = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (file == nullptr) die(dlerror());
    const auto entry = reinterpret_cast<const chr_plugin_v1* (*)(const chr_offer*, chr_error*)>(
        dlsym(file, "chronik_plugin_v1"));
    const chr_offer offer{sizeof offer, CHR_ABI_MAJOR, CHR_ABI_MINOR, 0, CHR_FEATURE_DRAFTS};
    chr_error error = make_abi_error();
    table_ = entry(&offer, &error);
    if (table_ != nullptr) fakes::give_config_defaults(host, *table_);
    if (table_ == nullptr || table_->create(host.core(), to_abi("{}"), &instance_, &error) != CHR_OK)
      die(path + ": " + error.message);
  }
  void start(fakes::FakeHost& host) {
    chr_error error = make_abi_error();
    chr_done done{};
    if (table_->start(instance_, host.begin(&done), &error) < 0) die(error.message);
    host.run();
  }
  void provide(fakes::FakeHost& host, const char* id) {
    void* self = nullptr;
    if (const void* table = table_->service(instance_, id, &self); table != nullptr)
      host.provide(id, table, self);
  }

 private:
  const chr_plugin_v1* table_ = nullptr;
  chr_plugin* instance_ = nullptr;
};

Uuid id_of(int32_t topic) {
  Uuid id;
  id.bytes[0] = 1;
  for (size_t i = 0; i < 4; ++i) id.bytes[15 - i] = static_cast<uint8_t>(topic >> (8 * i));
  for (size_t i = 0; i < 4; ++i) id.bytes[1 + i] = static_cast<uint8_t>(topic * 2'654'435'761u >> (8 * i));
  return id;
}

// One node of the cluster. It is never stopped: the process ends with it.
class Bench {
 public:
  Bench(const std::string& metadata, const std::string& kafka)
      : host_(1, 1, 1, fakes::FakeHost::Link::kRecorded), net_(&host_), consensus_(&host_), retry_(&host_) {
    consensus_.auto_elect(false);
    host_.config_list("listen", {"127.0.0.1:9092"});
    Plugin below(host_, metadata);
    below.start(host_);
    for (const char* id : {"chronik.metadata/1", "chronik.metadata.features/1", "chronik.metadata.records/1",
                           "chronik.metadata.topic_changes/1", "chronik.metadata.liveness/1"})
      below.provide(host_, id);
    Plugin above(host_, kafka);
    above.start(host_);
    consensus_.elect("__meta");
    host_.run();
    register_nodes();
    client_ = net_.connect();
  }

  void create(int32_t topics) {
    constexpr int32_t kAtOnce = 100;
    for (int32_t more = topics; more > 0; more -= kAtOnce) {
      CreateTopics body;
      for (int32_t i = 0; i < std::min(more, kAtOnce); ++i) body.items.push_back(new_topic(topics_++));
      apply(std::move(body));
    }
    while (led_ < topics_ * kPartitions) move_leaders(2'000, 1);
  }
  int32_t partitions() const { return topics_ * kPartitions; }

  // Each partition in turn gets another leader, those of one entry with a stride between them.
  void move_leaders(int32_t n, int32_t stride) {
    SyncBatch batch;
    for (int32_t i = 0; i < n; ++i) {
      const int32_t at = static_cast<int32_t>(static_cast<int64_t>(led_++) * stride % partitions());
      const auto round = static_cast<uint64_t>(led_ / partitions() + 1);
      const int32_t leader = replica(at, static_cast<int32_t>(round) % kReplicas);
      batch.assignments.push_back({id_of(at / kPartitions), at % kPartitions, ++term_, leader});
    }
    apply(std::move(batch));
  }

  // A Metadata of all topics, and how many bytes it came to.
  size_t ask_for_all() {
    chronik::kafka::MetadataRequest request;
    request.topics.reset();
    const std::vector<uint8_t> bytes = chronik::kafka::encode_request(12, 1, "bench", request).copy();
    client_->received.clear();
    client_->send({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    host_.run();
    return client_->received.size();
  }

  // How many bytes the state of __meta comes to, as raft lets it be saved on the shard.
  uint64_t save() {
    uint64_t bytes = 0;
    const chr_sink sink{&bytes, [](void* sum, const uint8_t*, uint64_t n) -> uint32_t {
                          *static_cast<uint64_t*>(sum) += n;
                          return 1;
                        }};
    const auto& group = consensus_.group("__meta");
    host_.on_shard(0, [&] {
      if (group.machine->save(group.context, &sink) < 0) die("__meta could not be saved");
    });
    return bytes;
  }

 private:
  void register_nodes() {
    SyncBatch batch;
    for (int32_t id = 1; id <= kNodes; ++id) {
      Node node;
      node.id = id;
      node.host = "node-" + std::to_string(id) + ".example.com";
      node.port = 9092;
      node.rack = "rack-" + std::to_string(id % 3);
      node.incarnation.bytes[0] = static_cast<uint8_t>(id);
      node.raft = node.host + ":9093";
      batch.nodes.push_back(node);
    }
    apply(std::move(batch));
    for (int32_t id = 2; id <= kNodes; ++id)
      for (const char* channel : {"metadata", "kafka"}) host_.set_link(channel, id, true);
    host_.run();
  }
  static int32_t replica(int32_t partition, int32_t i) { return (partition + i) % kNodes + 1; }
  static NewTopic new_topic(int32_t number) {
    NewTopic out;
    out.id = id_of(number);
    char name[32];
    std::snprintf(name, sizeof name, "topic-%06d", number);
    out.name = name;
    out.partitions = kPartitions;
    out.replication_factor = kReplicas;
    for (int32_t p = 0; p < kPartitions; ++p)
      for (int32_t i = 0; i < kReplicas; ++i) out.replicas.push_back(replica(p, i));
    return out;
  }
  // Commits one entry of __meta.
  void apply(Body body) {
    const std::string bytes = encode(Command{{}, std::move(body)});
    const auto& group = consensus_.group("__meta");
    chr_entry_header header{};
    header.index = group.log.back().header.index + 1;
    header.term = group.term;
    header.kind = CHR_ENTRY_COMMAND;
    header.bytes = bytes.size();
    consensus_.receive("__meta", header, bytes);
    host_.run();
    host_.frames().clear();
    if (!host_.fatals().empty()) die(host_.fatals().front());
  }

  fakes::FakeHost host_;
  fakes::FakeNet net_;
  fakes::FakeConsensus consensus_;
  fakes::FakeRetryPolicy retry_;
  std::shared_ptr<fakes::FakeNet::Client> client_;
  int32_t topics_ = 0, led_ = 0;
  uint64_t term_ = 0;
};

double metadata_ms(Bench& bench, int times) {
  bench.ask_for_all();
  const double before = cpu_seconds();
  for (int i = 0; i < times; ++i) bench.ask_for_all();
  return (cpu_seconds() - before) * 1e3 / times;
}

// As many as 1,000 leaders a second: the leader of __meta proposes them in an entry every 20 to 320 ms.
double percent_of_a_core(Bench& bench, int entries_per_second) {
  constexpr int kSeconds = 2, kChanges = 1'000;
  const double before = cpu_seconds();
  for (int i = 0; i < kSeconds * entries_per_second; ++i)
    bench.move_leaders(kChanges / entries_per_second, 7'919);
  return (cpu_seconds() - before) * 100 / kSeconds;
}

double save_ms(Bench& bench, int times) {
  const double before = cpu_seconds();
  for (int i = 0; i < times; ++i) bench.save();
  return (cpu_seconds() - before) * 1e3 / times;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) die("usage: bench_catalog METADATA.so KAFKA.so");
  Bench bench(argv[1], argv[2]);
  bench.create(10);
  const double before = allocated();
  bench.create(990);
  const double bytes = (allocated() - before) / 9'900;
  const double at_10k = metadata_ms(bench, 50);
  const size_t answer = bench.ask_for_all();
  bench.create(9'000);
  const double at_100k = metadata_ms(bench, 5);
  const double often = percent_of_a_core(bench, 50), seldom = percent_of_a_core(bench, 5);
  const double save = save_ms(bench, 5);
  std::printf(
      "{\"metadata_10k_cpu_ms\": %.2f, \"metadata_10k_bytes\": %zu, \"metadata_100k_cpu_ms\": %.2f, "
      "\"changes_50_entries_core_percent\": %.1f, \"changes_5_entries_core_percent\": %.1f, "
      "\"bytes_per_partition\": %.0f, \"save_100k_cpu_ms\": %.2f, \"save_100k_bytes\": %llu}\n",
      at_10k, answer, at_100k, often, seldom, bytes, save, static_cast<unsigned long long>(bench.save()));
  std::fflush(stdout);
  _exit(0);
}
