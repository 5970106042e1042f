// No request costs more than it brings: every API, in its oldest and its newest version, with each array and
// each string grown. Twice the request may take 2.5 times the steps, allocations, memory and bytes of an
// answer, and no byte more than a bound of each. New APIs are covered by their schema.
#include <fmt/format.h>

#include <algorithm>

#include "cost/growth.h"
#include "cost/meter.h"
#include "kafka-proto/handlers/table.h"
#include "kafka-proto/messages/alter_configs.h"
#include "kafka-proto/messages/describe_configs.h"
#include "kafka-proto/messages/find_coordinator.h"
#include "kafka-proto/messages/incremental_alter_configs.h"
#include "kafka-proto/messages/join_group.h"
#include "kafka-proto/messages/metadata.h"
#include "kafka-proto/messages/produce.h"
#include "server/broker_testing.h"

namespace chronik::kafka::testing {
namespace {

// What a byte of a request may cost. Steps: checked against ten times those of a plain Metadata.
constexpr uint64_t kMostStepsPerByte = 200;
constexpr double kMostAllocationsPerByte = 1.0;
constexpr uint64_t kMostMemoryPerByte = 70;
constexpr uint64_t kMostAnswerPerByte = 24;
constexpr double kMostOfTwice = 2.5;
// What any request may cost whatever its size.
constexpr Cost kAllowance = {4'000'000, 40'000, 24u << 20, 1u << 20};

struct NamedTexts {
  std::string_view end;
  std::string_view text;
};
constexpr NamedTexts kTexts[] = {{"configs.name", "cleanup.policy"},
                                 {"configs.value", "delete"},
                                 {"configuration_keys", "cleanup.policy"},
                                 {"rack_id", ""}};
struct NamedNumbers {
  std::string_view end;
  int64_t number;
};
constexpr NamedNumbers kNumbers[] = {
    {"num_partitions", -1}, {"replication_factor", -1},   {"broker_ids", 1}, {"replicas", 1},
    {"topics.count", 301},  {"timeout_ms", 1000},         {"acks", 1},       {"max_bytes", 1 << 20},
    {"session_epoch", -1},  {"current_leader_epoch", -1}, {"timestamp", -1}, {"fetched_epoch", -1},
    {"_limit", 2000},       {"endpoint_type", 1},         {"replica_id", -1}};

}  // namespace

std::string_view Seed::text(std::string_view path) const {
  for (const auto& [end, text] : kTexts)
    if (path.ends_with(end)) return text;
  return name;
}

int64_t Seed::number(std::string_view path) const {
  if (path.ends_with("resource_type")) return resource_type;
  if (path.ends_with("config_operation")) return config_operation;
  for (const auto& [end, number] : kNumbers)
    if (path.ends_with(end)) return number;
  return 0;
}

bool Seed::is_null(std::string_view path) {
  return path == "transactional_id" || path == "cursor" || path == "cluster_id";
}

namespace {

class CostTest : public ::testing::Test {
 protected:
  static constexpr size_t kQuick = 128 << 10;  // of a request: enough to see what is quadratic
  static constexpr size_t kLarge = 224 << 10;  // twice of it are as many short elements as a request may name

  CostTest() {
    broker.features.add("chronik.version", 1, 3, 3);  // groups are coordinated
    broker.start();
    make_group();
    seed.topic = broker.add_topic("t", 300);
    seed.records = broker.batch({.records = 4});
    for (int i = 0; i < 100; ++i) broker.add_topic(fmt::format("plain-{}", i));
    broker.metadata.answer_items(CHR_E_INVALID_ARGUMENT);  // the fake's own changes are not what is measured
  }

  struct Outcome {
    Cost cost;
    size_t request = 0;
    std::string ended;  // why the connection was, if it was
  };
  // Sends a frame on a connection of its own, and waits for what comes of it.
  Outcome run(const std::string& frame, const std::string& what);
  template <class Api>
  std::string frame_of(const typename Api::Request& request, int16_t version) {
    return to_text(encode_request(version, 1, "cost", request));
  }
  void compare(const Outcome& half, const Outcome& whole, const std::string& what);
  void check(const Outcome& outcome, const std::string& what);

  struct Growing {
    std::string path;
    Growth how;
    std::string alone;
    std::string what;
    std::vector<size_t> sizes;
  };
  template <class Api>
  void grow_array_in(const typename Api::Request& request, int16_t version, const Growing& growing);
  template <class Api>
  void grow_arrays(int16_t version);
  template <class Api>
  void grow_strings(int16_t version);
  template <class Api>
  void grow(const ApiEntry& api);
  // With a member that is waiting for others, so that its description has something to say.
  void make_group();

  TestBroker broker{{.start = false, .links = true}};
  Seed seed;
  std::function<void()> before_each;
};

CostTest::Outcome CostTest::run(const std::string& frame, const std::string& what) {
  Outcome out;
  out.request = frame.size();
  TestClient client = broker.client();
  broker.host.clear_logs();
  if (before_each) before_each();
  meter::start(kAllowance.steps + 2 * kMostStepsPerByte * frame.size(), what.c_str());
  client.wire().send(frame);
  broker.host.run();
  for (int i = 0; i < 200 && client.open() && client.wire().received.empty(); ++i)
    broker.host.advance(milliseconds(50));
  out.cost = meter::stop();
  out.cost.answered = client.wire().received.size();
  if (!client.open()) {
    out.ended = "without a word";
    for (const auto& line : broker.host.logs())
      if (line.message.starts_with("closed a connection")) out.ended = line.message;
  }
  if (client.open()) client.wire().hang_up();
  broker.host.run();
  client.wire().received = {};
  return out;
}

void CostTest::compare(const Outcome& half, const Outcome& whole, const std::string& what) {
  const auto grows = [&](const char* name, uint64_t Cost::* part) {
    const uint64_t before = half.cost.*part + kAllowance.*part / 8;
    EXPECT_LE(static_cast<double>(whole.cost.*part), kMostOfTwice * static_cast<double>(before))
        << what << ": " << name << " for " << half.request << " and " << whole.request
        << " bytes: " << half.cost.*part << " and " << whole.cost.*part;
  };
  grows("steps", &Cost::steps);
  grows("allocations", &Cost::allocations);
  grows("memory", &Cost::memory);
  grows("bytes answered", &Cost::answered);
}

void CostTest::check(const Outcome& outcome, const std::string& what) {
  const auto bytes = static_cast<double>(outcome.request);
  const auto within = [&](const char* name, uint64_t Cost::* part, double most) {
    EXPECT_LE(static_cast<double>(outcome.cost.*part), most * bytes + static_cast<double>(kAllowance.*part))
        << what << ": " << name << " for " << outcome.request << " bytes: " << outcome.cost.*part;
  };
  EXPECT_TRUE(outcome.cost.answered != 0 || !outcome.ended.empty()) << what << ": nothing came of it";
  within("steps", &Cost::steps, kMostStepsPerByte);
  within("allocations", &Cost::allocations, kMostAllocationsPerByte);
  within("memory", &Cost::memory, kMostMemoryPerByte);
  within("bytes answered", &Cost::answered, kMostAnswerPerByte);
  // The bounds of a message are told and end the connection; anything else is answered.
  const auto says = [&](const char* why) { return outcome.ended.find(why) != std::string::npos; };
  const bool bounded = says("more than one request may name") || says("the limit is 32767");
  EXPECT_TRUE(outcome.ended.empty() || bounded) << what << ": the connection ended: " << outcome.ended;
  if (std::getenv("CHRONIK_COSTS") != nullptr)
    fmt::print(
        "{:80} {:9} bytes: {:6.1f} steps {:5.2f} allocations {:5.1f} memory {:5.1f} answered a byte {}\n",
        what, outcome.request, static_cast<double>(outcome.cost.steps) / bytes,
        static_cast<double>(outcome.cost.allocations) / bytes,
        static_cast<double>(outcome.cost.memory) / bytes, static_cast<double>(outcome.cost.answered) / bytes,
        outcome.ended);
}

template <class Api>
void CostTest::grow_array_in(const typename Api::Request& request, int16_t version, const Growing& growing) {
  std::deque<std::string> texts;
  const auto grown = [&](uint32_t n) {
    typename Api::Request larger = request;
    grow_array(larger, version, growing.path, growing.how, n, texts, growing.alone);
    return frame_of<Api>(larger, version);
  };
  const size_t one = grown(3).size() - grown(2).size();
  const auto of_size = [&](size_t size) { return grown(static_cast<uint32_t>(size / one)); };
  for (const size_t size : growing.sizes) {
    const Outcome whole = run(of_size(2 * size), growing.what);
    compare(run(of_size(size), growing.what), whole, growing.what);
    check(whole, growing.what);
    if (HasFailure()) return;
  }
}

template <class Api>
void CostTest::grow_arrays(int16_t version) {
  typename Api::Request request;
  fill(request, version, seed);
  const Paths paths = paths_of(request, version);
  for (const std::string& path : paths.arrays) {
    const std::string what = fmt::format("{} v{} {} ", Api::Request::kName, version, path);
    grow_array_in<Api>(request, version, {path, Growth::kRepeated, "", what + "repeated", {kQuick, kLarge}});
    grow_array_in<Api>(request, version, {path, Growth::kCounted, "", what + "counted up", {kQuick, kLarge}});
    for (const std::string& alone : paths.counted_in(path))
      grow_array_in<Api>(request, version,
                         {path, Growth::kCounted, alone, what + "with " + alone + " counted up", {kQuick}});
    if (HasFailure()) return;
  }
}

template <class Api>
void CostTest::grow_strings(int16_t version) {
  typename Api::Request request;
  fill(request, version, seed);
  for (const std::string& path : paths_of(request, version).strings) {
    for (const Growth how : {Growth::kLetters, Growth::kWords}) {
      const std::string what = fmt::format("{} v{} {} {}", Api::Request::kName, version, path,
                                           how == Growth::kLetters ? "of letters" : "of words");
      const auto of_size = [&](size_t size) {
        std::string text(how == Growth::kLetters ? size : 0, 'x');
        for (int i = 0; text.size() < size; ++i) text += fmt::format("{}w{}", i == 0 ? "" : ",", i);
        text.resize(size);
        set_string(request, version, path, text);
        return frame_of<Api>(request, version);
      };
      constexpr size_t kLongest = Reader::kMaxStringBytes;
      const Outcome whole = run(of_size(kLongest), what);
      compare(run(of_size(kLongest / 2), what), whole, what);
      check(whole, what);
    }
    set_string(request, version, path, seed.text(path));
  }
}

template <class Api>
void CostTest::grow(const ApiEntry& api) {
  if (api.key == ApiKey::kCreateTopics) seed.name = "new";
  // The fake catalog copies a topic for each partition of it that moves; ours does not.
  if (api.key == ApiKey::kAlterPartitionReassignments) broker.metadata.answer_changes(CHR_E_UNAVAILABLE);
  for (const int16_t version : {api.min_version, api.max_version}) {
    grow_arrays<Api>(version);
    grow_strings<Api>(version);
  }
}

void CostTest::make_group() {
  TestClient client = broker.client();
  FindCoordinatorRequest find;
  find.key = "t";
  EXPECT_EQ(client.call<FindCoordinator>(0, find).error_code, ErrorCode::kNone);
  const std::string metadata(1000, 'm');
  JoinGroupRequest join;
  join.group_id = "t";
  join.session_timeout_ms = 1'800'000;
  join.protocol_type = "test";
  auto& protocol = join.protocols.emplace_back();
  protocol.name = "range";
  protocol.metadata = {reinterpret_cast<const uint8_t*>(metadata.data()), metadata.size()};
  client.send<JoinGroup>(0, join);
  broker.host.advance(seconds(4));
  EXPECT_EQ(client.receive<JoinGroup>(0).error_code, ErrorCode::kNone);
}

// One test for each API that is served.
class EveryApi : public CostTest, public ::testing::WithParamInterface<int16_t> {};

TEST_P(EveryApi, CostsWhatItBrings) {
  const ApiEntry& api = *std::ranges::find(api_entries(), static_cast<ApiKey>(GetParam()), &ApiEntry::key);
  for_each_api([&]<class Api>() {
    if constexpr (requires { Api::kApi; }) {
      if (Api::kApi == api.key) grow<Api>(api);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(All, EveryApi, ::testing::ValuesIn([] {
                           std::vector<int16_t> keys;
                           for (const ApiEntry& api : api_entries())
                             keys.push_back(static_cast<int16_t>(api.key));
                           return keys;
                         }()),
                         [](const auto& key) {
                           return std::string(api_info(static_cast<ApiKey>(key.param)).name);
                         });

// Right after a link was lost, Metadata looks whether there are leaders before it answers.
TEST_F(CostTest, MetadataThatWaitsForLeaders) {
  before_each = [this] {
    broker.set_link(2, true);
    broker.set_link(2, false);
  };
  for (const int16_t version : {int16_t{0}, int16_t{13}}) grow_arrays<Metadata>(version);
}

// The bound of steps is no more than ten times what a plain request takes.
TEST_F(CostTest, APlainMetadataIsTheMeasure) {
  MetadataRequest request;
  request.topics.emplace();
  std::deque<std::string> names;
  for (int i = 0; i < 100; ++i)
    request.topics->emplace_back().name = names.emplace_back(fmt::format("plain-{}", i));
  const Outcome outcome = run(frame_of<Metadata>(request, 12), "a plain Metadata");
  const uint64_t a_byte = outcome.cost.steps / outcome.request;
  fmt::print("a plain Metadata takes {} steps a byte\n", a_byte);
  EXPECT_TRUE(outcome.ended.empty());
  EXPECT_LE(kMostStepsPerByte, 10 * a_byte);
}

// Three hundred partitions with three replicas cost no more allocations than one, but for a few that grow.
TEST_F(CostTest, APartitionInMetadataAllocatesNothing) {
  for (const int32_t node : {2, 3}) {
    broker.metadata.set_broker({node, "host", 9092, ""});
    broker.set_link(node, true);
  }
  broker.add_topic("one", 1, {}, 3);
  broker.add_topic("many", 300, {}, 3);
  const auto allocations = [&](std::string_view name) {
    MetadataRequest request;
    request.topics.emplace().emplace_back().name = name;
    return run(frame_of<Metadata>(request, 12), "a Metadata of one topic").cost.allocations;
  };
  EXPECT_LE(allocations("many"), allocations("one") + 20);
}

// A batch of which every record fails compresses well, and what is told of it does not.
TEST_F(CostTest, RecordsThatFail) {
  seed.records = broker.batch({.records = 1000, .timestamp = 1LL << 60, .codec = Compression::kZstd});
  grow_arrays<Produce>(9);
}

// A few bytes ask for every config of a topic, or of a broker.
class DescribeAll : public CostTest {
 protected:
  void describe(int8_t type, std::string_view name, const std::string& what) {
    const auto frame = [&](int mentions) {
      DescribeConfigsRequest request;
      for (int i = 0; i < mentions; ++i) {
        auto& resource = request.resources.emplace_back();
        resource.resource_type = type;
        resource.resource_name = name;
        resource.configuration_keys.reset();
      }
      return frame_of<DescribeConfigs>(request, 4);
    };
    const Outcome whole = run(frame(8000), what);
    compare(run(frame(4000), what), whole, what);
    check(whole, what);
  }
};

TEST_F(DescribeAll, TopicsAgainAndAgain) { describe(2, "t", "DescribeConfigs of one topic again and again"); }

TEST_F(DescribeAll, BrokersAgainAndAgain) {
  describe(4, "1", "DescribeConfigs of the broker again and again");
}

// The same APIs about brokers, whose configs are removed: those may have any name.
TEST_F(CostTest, ConfigsOfBrokers) {
  seed.resource_type = 4;
  seed.config_operation = 1;
  seed.name = "1";
  for (const int16_t version : {int16_t{0}, int16_t{1}}) grow_arrays<IncrementalAlterConfigs>(version);
  for (const int16_t version : {int16_t{0}, int16_t{2}}) grow_arrays<AlterConfigs>(version);
  for (const int16_t version : {int16_t{1}, int16_t{4}}) grow_arrays<DescribeConfigs>(version);
}

}  // namespace
}  // namespace chronik::kafka::testing
