// Log lines, metrics and health.
#include "host/observe/health.h"
#include "host/observe/json.h"
#include "host/observe/logger.h"
#include "host/observe/metrics.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace chronik::host {
namespace {

constexpr int64_t kTime = 1'767'323'045'678'901;  // 2026-01-02T03:04:05.678901Z

TEST(Log, ALineInLogfmt) {
  EXPECT_EQ(
      format_line(LogFormat::kLogfmt, kTime, CHR_LOG_INFO, "raft",
                  "Node 1 became leader for test/0 at term 1", "group=3 term=1"),
      "ts=2026-01-02T03:04:05.678901Z level=info comp=raft msg=\"Node 1 became leader for test/0 at term 1\" "
      "group=3 term=1");
  EXPECT_EQ(format_line(LogFormat::kLogfmt, kTime, CHR_LOG_ERROR, "", "", ""),
            "ts=2026-01-02T03:04:05.678901Z level=error comp=\"\" msg=\"\"");
}

TEST(Log, NothingInAMessageOrFieldEndsTheLine) {
  EXPECT_EQ(format_line(LogFormat::kLogfmt, kTime, CHR_LOG_WARN, "a b", "say \"hi\"\n\x1b[31m\\",
                        "k=v\nlevel=error"),
            "ts=2026-01-02T03:04:05.678901Z level=warn comp=\"a b\" msg=\"say \\\"hi\\\"\\n\\u001b[31m\\\\\" "
            "k=v level=error");
}

TEST(Log, ALineInJson) {
  const std::string fields = Fields().add("peer", "127.0.0.1:5").add("why", "a \"b\"\n").add("n", -3).text();
  EXPECT_EQ(fields, "peer=127.0.0.1:5 why=\"a \\\"b\\\"\\n\" n=-3");
  EXPECT_EQ(format_line(LogFormat::kJson, kTime, CHR_LOG_DEBUG, "net", "it's \"so\"", fields),
            "{\"ts\":\"2026-01-02T03:04:05.678901Z\",\"level\":\"debug\",\"comp\":\"net\",\"msg\":\"it's "
            "\\\"so\\\"\","
            "\"peer\":\"127.0.0.1:5\",\"why\":\"a \\\"b\\\"\\n\",\"n\":\"-3\"}");
  EXPECT_EQ(
      format_line(LogFormat::kJson, kTime, CHR_LOG_INFO, "x", "y", "flag open=\"unclosed =nokey"),
      "{\"ts\":\"2026-01-02T03:04:05.678901Z\",\"level\":\"info\",\"comp\":\"x\",\"msg\":\"y\",\"flag\":\"\","
      "\"open\":\"unclosed =nokey\"}");
}

TEST(Log, FieldsQuoteWhatNeedsIt) {
  EXPECT_EQ(Fields().add("a", "").add("b", "x y").add("c", "k=v").add("d", "plain").text(),
            "a=\"\" b=\"x y\" c=\"k=v\" d=plain");
}

TEST(Log, LevelsHaveNames) {
  for (int32_t level = CHR_LOG_ERROR; level <= CHR_LOG_TRACE; ++level)
    EXPECT_EQ(level_from_name(level_name(level)), level);
  EXPECT_EQ(level_from_name("loud"), 0);
  EXPECT_EQ(level_from_name(""), 0);
}

TEST(Log, LinesOfManyThreadsDoNotMixAndTheLevelHolds) {
  const int fd = ::memfd_create("log", MFD_CLOEXEC);
  Logger logger(fd);
  constexpr int kThreads = 4;
  constexpr int kLines = 2000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kLines; ++i) {
        logger.info("test", std::string(static_cast<size_t>(50 + t * 100), static_cast<char>('a' + t)));
        logger.debug("test", "not written");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::string all(static_cast<size_t>(::lseek(fd, 0, SEEK_END)), '\0');
  ASSERT_EQ(::pread(fd, all.data(), all.size(), 0), static_cast<ssize_t>(all.size()));
  ::close(fd);
  std::istringstream lines(all);
  int counts[kThreads] = {};
  for (std::string line; std::getline(lines, line);) {
    const size_t at = line.find("msg=\"") + 5;
    const int t = line.at(at) - 'a';
    ASSERT_EQ(line.substr(at),
              std::string(static_cast<size_t>(50 + t * 100), static_cast<char>('a' + t)) + "\"");
    ++counts[t];
  }
  for (const int count : counts) EXPECT_EQ(count, kLines);
}

TEST(MetricsText, CountersGaugesAndHistograms) {
  Metrics metrics;
  const uint64_t counter =
      metrics.define(CHR_METRIC_COUNTER, "a_total", label("topic", "x\"y\\z\n"), "Line one\ntwo\\");
  const uint64_t gauge = metrics.define(CHR_METRIC_GAUGE, "b", "", "A gauge.");
  const uint64_t histogram = metrics.define(CHR_METRIC_HISTOGRAM, "c_seconds", "k=\"v\"", "A histogram.");
  EXPECT_NE(counter, 0u);
  metrics.add(counter, 2);
  metrics.add(counter, 0.5);
  metrics.set(gauge, -7);
  metrics.observe(histogram, 0.0001);  // on the bound of the first bucket
  metrics.observe(histogram, 0.003);
  metrics.observe(histogram, 99);
  const std::string text = metrics.expose();
  EXPECT_EQ(text.substr(0, text.find("c_seconds_bucket")),
            "# HELP a_total Line one\\ntwo\\\\\n# TYPE a_total counter\n"
            "a_total{topic=\"x\\\"y\\\\z\\n\"} 2.5\n"
            "# HELP b A gauge.\n# TYPE b gauge\nb -7\n"
            "# HELP c_seconds A histogram.\n# TYPE c_seconds histogram\n");
  for (const char* line :
       {"c_seconds_bucket{k=\"v\",le=\"0.0001\"} 1\n", "c_seconds_bucket{k=\"v\",le=\"0.0025\"} 1\n",
        "c_seconds_bucket{k=\"v\",le=\"0.005\"} 2\n", "c_seconds_bucket{k=\"v\",le=\"10\"} 2\n",
        "c_seconds_bucket{k=\"v\",le=\"+Inf\"} 3\n", "c_seconds_count{k=\"v\"} 3\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "in\n" << text;
  }
  EXPECT_NE(text.find("c_seconds_sum{k=\"v\"} 99.0031\n"), std::string::npos) << text;
}

TEST(MetricsText, TheSameNameAndLabelsAreTheSameSeries) {
  Metrics metrics;
  const uint64_t a = metrics.define(CHR_METRIC_GAUGE, "g", "k=\"1\"", "");
  EXPECT_EQ(metrics.define(CHR_METRIC_GAUGE, "g", "k=\"1\"", ""), a);
  EXPECT_NE(metrics.define(CHR_METRIC_GAUGE, "g", "k=\"2\"", ""), a);
  EXPECT_EQ(metrics.define(CHR_METRIC_COUNTER, "g", "k=\"3\"", ""), 0u);  // another kind
}

TEST(MetricsText, MalformedDefinitionsAreRefused) {
  Metrics metrics;
  for (const char* name : {"", "1a", "a b", "a-b", "a\n"})
    EXPECT_EQ(metrics.define(CHR_METRIC_GAUGE, name, "", ""), 0u) << name;
  for (const char* labels :
       {"k", "k=", "k=v", "k=\"v", "k=\"v\",", "k=\"v\"x", "1k=\"v\"", "k=\"a\nb\"", "k=\"v\\", "=\"v\""})
    EXPECT_EQ(metrics.define(CHR_METRIC_GAUGE, "g", labels, ""), 0u) << labels;
  EXPECT_EQ(metrics.define(9, "g", "", ""), 0u);
  metrics.add(0, 1);
  metrics.set(UINT64_MAX, 1);
  metrics.observe(12345, 1);
  metrics.remove(0);
  EXPECT_EQ(metrics.expose(), "");
}

TEST(MetricsText, RemovedSeriesVanishAndTheirIdsAreDead) {
  Metrics metrics;
  const uint64_t a = metrics.define(CHR_METRIC_COUNTER, "t_total", "topic=\"a\"", "");
  metrics.add(a, 5);
  metrics.remove(a);
  metrics.remove(a);
  EXPECT_EQ(metrics.expose(), "");
  const uint64_t b = metrics.define(CHR_METRIC_HISTOGRAM, "t_seconds", "", "");
  EXPECT_NE(a, b);
  metrics.observe(b, 1);
  metrics.remove(b);
  const uint64_t c = metrics.define(CHR_METRIC_HISTOGRAM, "t_seconds", "", "");
  metrics.add(a, 100);
  metrics.observe(b, 1);
  EXPECT_NE(metrics.expose().find("t_seconds_count 0\n"), std::string::npos);
  metrics.observe(c, 1);
  EXPECT_NE(metrics.expose().find("t_seconds_count 1\n"), std::string::npos);
}

TEST(MetricsText, UpdatesOfManyThreadsAreNotLost) {
  Metrics metrics;
  const uint64_t counter = metrics.define(CHR_METRIC_COUNTER, "n_total", "", "");
  const uint64_t histogram = metrics.define(CHR_METRIC_HISTOGRAM, "n_seconds", "", "");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) {
        metrics.add(counter, 1);
        metrics.observe(histogram, 0.5);
        if (i % 1000 == 0) metrics.define(CHR_METRIC_GAUGE, "other", label("i", std::to_string(i)), "");
      }
    });
  }
  for (int i = 0; i < 20; ++i) metrics.expose();
  for (std::thread& thread : threads) thread.join();
  const std::string text = metrics.expose();
  EXPECT_NE(text.find("n_total 40000\n"), std::string::npos) << text;
  EXPECT_NE(text.find("n_seconds_sum 20000\n"), std::string::npos) << text;
}

TEST(MetricsText, EachSeriesStandsOnceInATextThatOthersComeAndGoBeside) {
  constexpr int kSteady = 2'000;
  Metrics metrics;
  for (int i = 0; i < kSteady; ++i)
    metrics.define(CHR_METRIC_GAUGE, "many", label("i", std::to_string(i)), "Many.");
  std::atomic<bool> over = false;
  std::thread changes([&] {
    for (int i = 0; !over; ++i)
      metrics.remove(metrics.define(CHR_METRIC_GAUGE, i % 2 == 0 ? "many" : "some",
                                    label("other", std::to_string(i % 100)), "Others."));
  });
  for (int round = 0; round < 20; ++round) {
    const std::string text = metrics.expose();
    size_t found = 0;
    for (size_t at = 0; (at = text.find("many{i=", at)) != std::string::npos; ++at) ++found;
    EXPECT_EQ(found, kSteady);
  }
  over = true;
  changes.join();
}

TEST(MetricsText, ManyMoreSeriesThanOneChunk) {
  Metrics metrics;
  std::set<uint64_t> ids;
  for (int i = 0; i < 5000; ++i)
    ids.insert(metrics.define(CHR_METRIC_GAUGE, "g", label("i", std::to_string(i)), ""));
  EXPECT_EQ(ids.size(), 5000u);
}

TEST(MetricsText, TheProcessDescribesItself) {
  Metrics metrics;
  add_process_metrics(metrics, "1.2.3");
  const std::string text = metrics.expose();
  EXPECT_NE(text.find("chronik_build_info{version=\"1.2.3\"} 1\n"), std::string::npos);
  for (const char* name : {"chronik_uptime_seconds ", "process_resident_memory_bytes ", "process_open_fds ",
                           "process_cpu_seconds_total "}) {
    const size_t at = text.find(std::string("\n") + name);
    ASSERT_NE(at, std::string::npos) << name;
    EXPECT_GT(std::stod(text.substr(at + 1 + std::string(name).size())), 0) << name;
  }
}

TEST(MetricsText, CollectorsRunUntilTheyEnd) {
  Metrics metrics;
  const uint64_t gauge = metrics.define(CHR_METRIC_GAUGE, "g", "", "");
  int runs = 0;
  const uint64_t id = metrics.on_collect([&](Metrics& m) { m.set(gauge, ++runs); });
  EXPECT_NE(metrics.expose().find("g 1\n"), std::string::npos);
  EXPECT_NE(metrics.expose().find("g 2\n"), std::string::npos);
  metrics.off_collect(id);
  metrics.expose();
  EXPECT_EQ(runs, 2);
}

TEST(HealthState, ReadyWhenNothingIsNotReady) {
  Health health;
  EXPECT_TRUE(health.ready());
  EXPECT_EQ(health.ready_json(), "{\"ready\":true,\"reasons\":[]}\n");
  health.set("raft", "start", CHR_HEALTH_NOT_READY, "not \"started\"");
  health.set("store", "disk", CHR_HEALTH_DEGRADED, "nearly full");
  EXPECT_FALSE(health.ready());
  EXPECT_EQ(
      health.ready_json(),
      "{\"ready\":false,\"reasons\":[{\"component\":\"raft\",\"part\":\"start\",\"state\":\"not_ready\","
      "\"reason\":\"not \\\"started\\\"\"},{\"component\":\"store\",\"part\":\"disk\",\"state\":\"degraded\","
      "\"reason\":\"nearly full\"}]}\n");
  health.set("raft", "start", CHR_HEALTH_READY);
  EXPECT_TRUE(health.ready());
  health.set("raft", "log", CHR_HEALTH_NOT_READY);
  health.forget("raft");
  EXPECT_TRUE(health.ready());
}

}  // namespace
}  // namespace chronik::host
