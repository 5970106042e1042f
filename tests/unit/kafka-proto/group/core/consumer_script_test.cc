// Runs the scripts of tests/golden/kafka-proto/group/consumer. A script is a series of commands, each followed by "----" and what
// it prints, up to an empty line. CHRONIK_UPDATE_GOLDEN=1 rewrites the expectations.
//
//   topic NAME PARTITIONS | drop-topic NAME | racks NAME R1 R2 ..
//   join MEMBER names=t1,t2 regex=.. instance=.. rack=.. assignor=.. timeout=MS     a first request
//   alive MEMBER own=t1:0-2+t2:1 epoch=.. full names=.. ..                          a further one, of its last epoch
//   leave MEMBER | away MEMBER                                                      for good; of a static one, for a while
//   tick MS | leader | steps on|off|run | config KEY=VALUE .. | state | snapshot
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/unit/source_tree.h"
#include "unit/kafka-proto/group/core/consumer_testing.h"

namespace chronik::kafka::group::test {
namespace {

using Words = std::vector<std::string>;

std::optional<std::string> option(const Words& words, const std::string& key) {
  for (const std::string& word : words)
    if (word.starts_with(key + "=")) return word.substr(key.size() + 1);
  return std::nullopt;
}

std::vector<std::string> list(const std::string& text) {
  std::vector<std::string> names;
  std::istringstream in(text);
  for (std::string name; std::getline(in, name, ',');) names.push_back(name);
  return names;
}

class Script {
 public:
  std::string run(const std::string& line);

 private:
  void member_command(const Words& words);
  void ask(const Words& words, ConsumerHeartbeatRequest request);
  void change_topics(const Words& words);
  void configure(const Words& words);
  void show_state();
  template <class... Args>
  void print(fmt::format_string<Args...> format, Args&&... args) {
    out_ += fmt::format(format, std::forward<Args>(args)...) + "\n";
  }

  ConsumerHarness group_;
  std::map<std::string, int32_t> epochs_;
  std::map<std::string, std::string> instances_;
  std::string out_;
};

void Script::ask(const Words& words, ConsumerHeartbeatRequest request) {
  const std::string member = words[1];
  if (auto names = option(words, "names")) request.topic_names = list(*names);
  if (auto regex = option(words, "regex")) request.topic_regex = *regex;
  if (auto rack = option(words, "rack")) request.rack_id = *rack;
  if (auto assignor = option(words, "assignor")) request.assignor = *assignor;
  if (auto timeout = option(words, "timeout")) request.rebalance_timeout_ms = std::stoi(*timeout);
  if (auto own = option(words, "own")) request.owned = parse_partitions(*own, group_.topics);
  if (auto epoch = option(words, "epoch")) request.epoch = std::stoi(*epoch);
  const auto instance = option(words, "instance");
  if (instance && !instance->empty()) instances_[member] = *instance;
  const auto known = instances_.find(member);
  request.instance_id = instance || known == instances_.end() ? instance : known->second;
  Outcome out;
  group_.group->heartbeat(
      group_.context(), std::move(request),
      [this, member](ConsumerHeartbeatResult result) {
        if (result.error != ErrorCode::kNone)
          return print("{}: error {}: {}", member, static_cast<int>(result.error), result.error_message);
        epochs_[member] = result.epoch;
        const std::string has =
            result.assignment ? ", has " + describe(*result.assignment, group_.topics) : "";
        print("{}: epoch {}{}", member, result.epoch, has);
      },
      out);
  group_.finish(out);
}

void Script::member_command(const Words& words) {
  const std::string& command = words[0];
  if (command == "join") return ask(words, join(words[1], {}));
  ConsumerHeartbeatRequest request = alive(words[1], epochs_[words[1]]);
  if (command == "leave") request.epoch = kLeaveEpoch;
  if (command == "away") request.epoch = kStaticLeaveEpoch;
  if (std::find(words.begin(), words.end(), "full") != words.end()) {
    request.rebalance_timeout_ms = 60'000;
    request.owned.emplace();
  }
  ask(words, std::move(request));
}

void Script::change_topics(const Words& words) {
  if (words[0] == "topic")
    group_.topics.add(words[1], std::stoi(words[2]));
  else if (words[0] == "drop-topic")
    group_.topics.remove(words[1]);
  else
    group_.topics.set_racks(words[1], {words.begin() + 2, words.end()});
}

void Script::configure(const Words& words) {
  if (auto value = option(words, "max-size")) group_.config.max_size = std::stoi(*value);
  if (auto value = option(words, "assignors")) group_.config.assignors = list(*value);
  if (auto value = option(words, "interval")) group_.config.assignment_interval_ms = std::stoi(*value);
}

void Script::show_state() {
  const ConsumerState& state = group_.state;
  print("epoch {}, target {}", state.epoch(), state.target_epoch().epoch);
  for (const auto& [id, member] : state.members())
    print("{} {}; shall have {}", id,
          describe(CurrentMemberRecord{"", id, member.current}, group_.topics)
              .substr(std::string("current ").size() + id.size() + 1),
          describe(member.target, group_.topics));
}

std::string Script::run(const std::string& line) {
  out_.clear();
  std::istringstream in(line);
  const Words words{std::istream_iterator<std::string>(in), {}};
  const std::string& command = words[0];
  if (command == "topic" || command == "drop-topic" || command == "racks") {
    change_topics(words);
  } else if (command == "tick") {
    group_.tick(std::stoll(words[1]));
  } else if (command == "leader") {
    group_.new_leader();
  } else if (command == "config") {
    configure(words);
  } else if (command == "steps") {
    group_.runs_steps = words[1] == "on";
    if (words[1] != "off") group_.run_steps();
  } else if (command == "state") {
    show_state();
  } else if (command == "snapshot") {
    group_.state.each_record("g",
                             [&](const Record& record) { print("{}", describe(record, group_.topics)); });
  } else {
    member_command(words);
  }
  for (const Record& record : group_.written) print("  {}", describe(record, group_.topics));
  group_.written.clear();
  return out_.empty() ? "ok\n" : out_;
}

std::string replay(std::istream& in) {
  Script script;
  std::string result;
  std::string line;
  while (std::getline(in, line)) {
    if (line.empty() || line[0] == '#') {
      result += line + "\n";
      continue;
    }
    result += line + "\n----\n" + script.run(line);
    while (std::getline(in, line) && !line.empty()) {
    }
    result += "\n";
  }
  return result;
}

class ConsumerScript : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(ConsumerScript, PrintsWhatIsExpected) {
  std::ifstream in(GetParam());
  std::stringstream expected;
  expected << in.rdbuf();
  const std::string actual = replay(expected);
  if (std::getenv("CHRONIK_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(GetParam()) << actual;
    return;
  }
  EXPECT_EQ(actual, expected.str()) << "CHRONIK_UPDATE_GOLDEN=1 rewrites it; look at the difference first";
}

std::vector<std::filesystem::path> scripts() {
  std::vector<std::filesystem::path> files;
  for (const auto& file :
       std::filesystem::directory_iterator(in_source_tree("tests/golden/kafka-proto/group/consumer")))
    if (file.path().extension() == ".txt") files.push_back(file.path());
  std::sort(files.begin(), files.end());
  return files;
}

INSTANTIATE_TEST_SUITE_P(Golden, ConsumerScript, testing::ValuesIn(scripts()), [](const auto& script) {
  std::string name = script.param.stem().string();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(ConsumerScripts, AreThere) { EXPECT_GE(scripts().size(), 6u); }

}  // namespace
}  // namespace chronik::kafka::group::test
