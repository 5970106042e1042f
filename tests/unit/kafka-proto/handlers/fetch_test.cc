// Fetch over the wire: what is read, when a long poll ends, limits, and sessions.
#include "kafka-proto/messages/fetch.h"
#include "kafka-proto/messages/produce.h"
#include "server/broker_testing.h"

namespace chronik::kafka::testing {
namespace {

class FetchTest : public ::testing::Test {
 protected:
  FetchTest() : id(broker.add_topic("t", 3)) {}
  // Returns the records as they were sent.
  std::string produce(int32_t partition = 0, BatchOptions options = {}) {
    const std::string records = broker.batch(options);
    TestClient other = broker.client();
    EXPECT_EQ(only(other.call<Produce>(9, produce_request("t", partition, records))).error_code,
              ErrorCode::kNone);
    return records;
  }
  FetchResponse::Partition fetch(int64_t offset, int16_t version = 11) {
    response = client.call<Fetch>(version, fetch_request("t", 0, offset));
    return only(response);
  }
  // What differs after the base offset and the leader epoch, which the broker sets.
  static std::string behind_patches(const std::string& batch) { return batch.substr(kMagicAt); }
  bool answered() { return !client.wire().received.empty(); }

  TestBroker broker;
  TestClient client = broker.client();
  chr_uuid id;
  FetchResponse response;
};

TEST_F(FetchTest, GivesBackTheBytesOverAllVersions) {
  const std::string a = produce(0, {.records = 3}), b = produce();
  for (int16_t version = 4; version <= 18; ++version) {
    FetchRequest request = fetch_request(version >= 13 ? "" : "t", 0, 0);
    request.topics[0].topic_id = id;
    response = client.call<Fetch>(version, request);
    const auto& partition = only(response);
    ASSERT_EQ(partition.error_code, ErrorCode::kNone) << version;
    EXPECT_EQ(partition.high_watermark, 4);
    EXPECT_EQ(partition.last_stable_offset, 4);
    const std::string got = text_of(partition.records);
    ASSERT_EQ(got.size(), a.size() + b.size()) << version;
    EXPECT_EQ(behind_patches(got.substr(0, a.size())), behind_patches(a));
    EXPECT_EQ(behind_patches(got.substr(a.size())), behind_patches(b));
    const auto second = decode_batch_header(Bytes(partition.records.bytes()).subspan(a.size()));
    EXPECT_EQ(second->base_offset, 3);
    EXPECT_EQ(second->leader_epoch, 1);
    EXPECT_FALSE(partition.aborted_transactions.has_value());
  }
}

TEST_F(FetchTest, ReadCommittedHasAnEmptyListOfAborts) {
  produce();
  FetchRequest request = fetch_request("t", 0, 0);
  request.isolation_level = 1;
  response = client.call<Fetch>(11, request);
  ASSERT_TRUE(only(response).aborted_transactions.has_value());
  EXPECT_TRUE(only(response).aborted_transactions->empty());
}

TEST_F(FetchTest, InsideOfABatchComesTheWholeBatch) {
  produce(0, {.records = 5});
  const std::string second = produce(0, {.records = 5});
  EXPECT_EQ(text_of(fetch(7).records).size(), second.size());
  EXPECT_EQ(decode_batch_header(only(response).records.bytes())->base_offset, 5);
}

TEST_F(FetchTest, OutsideOfTheLog) {
  produce();
  for (const int64_t offset : {int64_t{2}, int64_t{-1}, INT64_MAX, INT64_MIN}) {
    EXPECT_EQ(fetch(offset).error_code, ErrorCode::kOffsetOutOfRange) << offset;
    EXPECT_EQ(only(response).high_watermark, -1);
    EXPECT_EQ(only(response).log_start_offset, -1);
  }
}

TEST_F(FetchTest, UncommittedIsNotShown) {
  broker.consensus.hold_commits(true);
  TestClient other = broker.client();
  other.send<Produce>(9, produce_request("t", 0, broker.batch()));
  broker.host.run();
  client.send<Fetch>(11, fetch_request("t", 0, 0));
  broker.host.advance(milliseconds(499));
  EXPECT_FALSE(answered());
  broker.consensus.commit(broker.group("t"));
  broker.host.run();
  EXPECT_NE(only(client.receive<Fetch>(11)).records.size(), 0u);
  // Between the committed and the log's end is no error, but nothing to read.
  other.send<Produce>(9, produce_request("t", 0, broker.batch()));
  broker.host.run();
  client.send<Fetch>(11, fetch_request("t", 0, 2));
  broker.host.advance(milliseconds(500));
  response = client.receive<Fetch>(11);
  EXPECT_EQ(only(response).error_code, ErrorCode::kNone);
  EXPECT_EQ(only(response).high_watermark, 1);
  EXPECT_EQ(only(response).records.size(), 0u);
}

TEST_F(FetchTest, WaitsForMinBytes) {
  FetchRequest request = fetch_request("t", 0, 0);
  request.min_bytes = 280;
  request.max_wait_ms = 10'000;
  const size_t timers = broker.host.open_timers();
  client.send<Fetch>(11, request);
  for (int i = 0; i < 3; ++i) {
    produce(0, {.value_size = 30});
    EXPECT_EQ(answered(), i == 2) << i;
  }
  EXPECT_GE(only(client.receive<Fetch>(11)).records.size(), 280u);
  EXPECT_EQ(broker.host.open_timers(), timers) << "that of the wait is gone";
}

TEST_F(FetchTest, WaitsAtMostMaxWait) {
  client.send<Fetch>(11, fetch_request("t", 0, 0));
  broker.host.advance(milliseconds(499));
  EXPECT_FALSE(answered());
  broker.host.advance(milliseconds(1));
  EXPECT_EQ(only(client.receive<Fetch>(11)).records.size(), 0u);
}

TEST_F(FetchTest, DoesNotWaitWhereNothingIsAskedFor) {
  FetchRequest request = fetch_request("t", 0, 0);
  request.min_bytes = 0;
  client.call<Fetch>(11, request);
  request.min_bytes = 1;
  request.max_wait_ms = 0;
  client.call<Fetch>(11, request);
  request.max_wait_ms = 1000;
  request.topics.clear();
  client.call<Fetch>(11, request);
}

TEST_F(FetchTest, LosingLeadershipEndsTheWait) {
  broker.metadata.set_broker({2, "other.example", 9094, ""});
  broker.host.run();
  FetchRequest request = fetch_request(id, 0, 0);
  client.send<Fetch>(16, request);
  broker.host.run();
  EXPECT_FALSE(answered());
  broker.consensus.follow(broker.group("t"), 2, 9);
  broker.host.run();
  response = client.receive<Fetch>(16);
  EXPECT_EQ(only(response).error_code, ErrorCode::kNotLeaderOrFollower);
  EXPECT_EQ(only(response).current_leader.leader_id, 2);
  EXPECT_EQ(only(response).current_leader.leader_epoch, 9);
  ASSERT_EQ(response.node_endpoints.size(), 1u);
  EXPECT_EQ(response.node_endpoints[0].host, "other.example");
}

TEST_F(FetchTest, DeletingTheTopicEndsTheWait) {
  client.send<Fetch>(11, fetch_request("t", 0, 0));
  broker.metadata.remove_topic("t");
  broker.host.run();
  EXPECT_NE(only(client.receive<Fetch>(11)).error_code, ErrorCode::kNone);
}

TEST_F(FetchTest, EpochsAreFenced) {
  produce();
  broker.consensus.elect(broker.group("t"), 5);
  broker.host.run();
  FetchRequest request = fetch_request("t", 0, 0);
  const auto code = [&](int32_t epoch) {
    request.topics[0].partitions[0].current_leader_epoch = epoch;
    return only(client.call<Fetch>(11, request)).error_code;
  };
  EXPECT_EQ(code(4), ErrorCode::kFencedLeaderEpoch);
  EXPECT_EQ(code(6), ErrorCode::kUnknownLeaderEpoch);
  EXPECT_EQ(code(5), ErrorCode::kNone);
  EXPECT_EQ(code(-1), ErrorCode::kNone);
  EXPECT_EQ(code(-2), ErrorCode::kNone);
}

TEST_F(FetchTest, OldVersionsDoNotKnowStorageErrors) {
  produce();
  broker.consensus.fail_reads(CHR_E_IO);
  EXPECT_EQ(fetch(0, 5).error_code, ErrorCode::kNotLeaderOrFollower);
  EXPECT_EQ(fetch(0, 6).error_code, ErrorCode::kKafkaStorageError);
}

// Kafka's consumer throws on errors that it does not know of a Fetch, as it does on a timeout.
TEST_F(FetchTest, AReadThatIsRefusedForNowIsAskedForAgain) {
  produce();
  for (const chr_status refused : {CHR_E_OVERLOADED, CHR_E_TIMEOUT}) {
    broker.consensus.fail_reads(refused);
    EXPECT_EQ(fetch(0).error_code, ErrorCode::kKafkaStorageError);
  }
  broker.consensus.fail_reads(CHR_OK);
  EXPECT_EQ(fetch(0).error_code, ErrorCode::kNone);
}

TEST_F(FetchTest, ADivergingLogIsTold) {
  produce(0, {.records = 4});
  broker.consensus.elect(broker.group("t"), 5);
  broker.host.run();
  produce(0, {.records = 2});
  FetchRequest request = fetch_request(id, 0, 6);
  auto& partition = request.topics[0].partitions[0];
  const auto ask = [&](int32_t last_epoch, int64_t offset) {
    partition.last_fetched_epoch = last_epoch;
    partition.fetch_offset = offset;
    request.max_wait_ms = 0;
    response = client.call<Fetch>(13, request);
    return only(response);
  };
  EXPECT_EQ(ask(1, 6).diverging_epoch.epoch, 1);  // term 1 ended at 4, the client has 6
  EXPECT_EQ(only(response).diverging_epoch.end_offset, 4);
  EXPECT_EQ(only(response).records.size(), 0u);
  EXPECT_EQ(ask(3, 6).diverging_epoch.epoch, 1);  // nobody wrote in term 3
  EXPECT_EQ(ask(1, 4).diverging_epoch.end_offset, -1);
  EXPECT_NE(only(response).records.size(), 0u);
  EXPECT_EQ(ask(5, 6).diverging_epoch.end_offset, -1);
  EXPECT_EQ(ask(9, 6).error_code, ErrorCode::kOffsetOutOfRange);
}

TEST_F(FetchTest, WhatWasDeletedIsOutOfRangeWhateverTheEpochs) {
  produce(0, {.records = 2});
  produce(0, {.records = 2});
  broker.consensus.elect(broker.group("t"), 5);
  broker.host.run();
  broker.consensus.trim(broker.group("t"), 2);
  FetchRequest request = fetch_request(id, 0, 1);
  request.topics[0].partitions[0].last_fetched_epoch = 3;
  EXPECT_EQ(only(client.call<Fetch>(13, request)).error_code, ErrorCode::kOffsetOutOfRange);
}

TEST_F(FetchTest, UnknownPartitions) {
  EXPECT_EQ(only(client.call<Fetch>(11, fetch_request("x", 0, 0))).error_code,
            ErrorCode::kUnknownTopicOrPartition);
  EXPECT_TRUE(only(client.call<Fetch>(11, fetch_request("x", 0, 0))).aborted_transactions.has_value());
  EXPECT_FALSE(only(client.call<Fetch>(11, fetch_request("t", 0, 99))).aborted_transactions.has_value());
  EXPECT_EQ(only(client.call<Fetch>(11, fetch_request("t", 3, 0))).error_code,
            ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(only(client.call<Fetch>(11, fetch_request("t", -1, 0))).error_code,
            ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(only(client.call<Fetch>(13, fetch_request(chr_uuid{}, 0, 0))).error_code,
            ErrorCode::kUnknownTopicId);
}

TEST_F(FetchTest, LimitsCutAtBatchesAndTheFirstIsWhole) {
  std::vector<std::string> batches;
  for (int i = 0; i < 6; ++i) batches.push_back(produce(i % 2, {.value_size = 1000}));
  const uint64_t one = batches[0].size();
  const auto sizes = [&](int32_t total, int32_t each) {
    FetchRequest request = fetch_request("t", 0, 0);
    request.max_bytes = total;
    request.topics[0].partitions[0].partition_max_bytes = each;
    request.topics[0].partitions.push_back(request.topics[0].partitions[0]);
    request.topics[0].partitions[1].partition = 1;
    response = client.call<Fetch>(11, request);
    std::vector<uint64_t> out;
    for (const auto& p : response.responses[0].partitions) out.push_back(p.records.size() / one);
    return out;
  };
  using V = std::vector<uint64_t>;
  const auto n = [&](uint64_t batches_) { return static_cast<int32_t>(batches_ * one + batches_ * 10); };
  EXPECT_EQ(sizes(n(10), n(10)), (V{3, 3}));
  EXPECT_EQ(sizes(n(4), n(10)), (V{3, 1}));  // what the first leaves of what both may have
  EXPECT_EQ(sizes(n(10), n(2)), (V{2, 2}));
  EXPECT_EQ(sizes(n(3), n(2)), (V{2, 1}));
  EXPECT_EQ(sizes(1, 1), (V{1, 0}));
  EXPECT_EQ(sizes(0, 0), (V{1, 0}));
}

TEST_F(FetchTest, SlowReadsGiveTheSame) {
  const std::string a = produce(0, {.records = 3});
  broker.consensus.slow_reads(true);
  EXPECT_EQ(behind_patches(text_of(fetch(0).records)), behind_patches(a));
}

TEST_F(FetchTest, AClientThatHungUpDoesNotWait) {
  FetchRequest request = fetch_request("t", 0, 0);
  request.max_wait_ms = 300'000;
  const size_t timers = broker.host.open_timers();
  client.send<Fetch>(11, request);
  broker.host.run();
  EXPECT_EQ(broker.host.open_timers(), timers + 1);
  client.wire().hang_up();
  broker.host.run();
  EXPECT_EQ(broker.host.open_timers(), timers);
}

TEST_F(FetchTest, ManyShardsWakeOneFetch) {
  TestBroker wide({.shards = 3, .start = false});
  wide.consensus.place = [](std::string_view name) { return static_cast<uint32_t>(name.back() - '0') % 3; };
  wide.start();
  wide.add_topic("w", 6);
  TestClient reader = wide.client(2);
  TestClient writer = wide.client(1);
  FetchRequest request = fetch_request("w", 0, 0);
  for (int32_t p = 1; p < 6; ++p) request.topics[0].partitions.push_back(fetch_partition(p, 0));
  for (int32_t p = 0; p < 6; ++p) {
    reader.send<Fetch>(11, request);
    wide.host.run();
    EXPECT_TRUE(reader.wire().received.empty());
    writer.call<Produce>(9, produce_request("w", p, wide.batch()));
    const FetchResponse got = reader.receive<Fetch>(11);
    ASSERT_EQ(got.responses.at(0).partitions.size(), 6u);
    for (int32_t q = 0; q < 6; ++q)
      EXPECT_EQ(got.responses[0].partitions[static_cast<size_t>(q)].records.size() != 0, p == q);
    request.topics[0].partitions[static_cast<size_t>(p)].fetch_offset = 1;
  }
}

// ---- sessions (KIP-227) ----

class FetchSessionTest : public FetchTest {
 protected:
  FetchResponse begin() {
    FetchRequest request = fetch_request("t", 0, 0);
    request.topics[0].partitions.push_back(fetch_partition(1, 0));
    request.session_epoch = 0;
    request.max_wait_ms = 0;
    FetchResponse out = client.call<Fetch>(11, request);
    session = out.session_id;
    return out;
  }
  FetchResponse next(int32_t epoch, FetchRequest request = {}, int16_t version = 11) {
    request.session_id = session;
    request.session_epoch = epoch;
    request.min_bytes = 1;
    return client.call<Fetch>(version, request);
  }
  int32_t session = 0;
};

TEST_F(FetchSessionTest, TellsOnlyNews) {
  const FetchResponse all = begin();
  ASSERT_NE(session, 0);
  EXPECT_EQ(all.responses.at(0).partitions.size(), 2u);
  FetchResponse news = next(1);
  EXPECT_EQ(news.session_id, session);
  EXPECT_TRUE(news.responses.empty());
  produce(1);
  news = next(2);
  ASSERT_EQ(news.responses.size(), 1u);
  EXPECT_EQ(only(news).partition_index, 1);
  EXPECT_NE(only(news).records.size(), 0u);
  // The client moved on; nothing is new any more.
  FetchRequest moved = fetch_request("t", 1, 1);
  moved.max_wait_ms = 0;
  EXPECT_TRUE(next(3, moved).responses.empty());
}

TEST_F(FetchSessionTest, AnErrorIsToldAgainAndSoIsItsEnd) {
  begin();
  broker.consensus.follow(broker.group("t"), 2, 2);
  broker.host.run();
  EXPECT_EQ(only(next(1)).error_code, ErrorCode::kNotLeaderOrFollower);
  EXPECT_EQ(only(next(2)).error_code, ErrorCode::kNotLeaderOrFollower);
  broker.consensus.elect(broker.group("t"), 3);
  broker.host.run();
  EXPECT_EQ(only(next(3)).error_code, ErrorCode::kNone);
  EXPECT_TRUE(next(4).responses.empty());
}

TEST_F(FetchSessionTest, AddsAndForgets) {
  begin();
  produce(0), produce(1), produce(2);
  FetchRequest change = fetch_request("t", 2, 0);
  FetchRequest::ForgottenTopic& forgotten = change.forgotten_topics_data.emplace_back();
  forgotten.topic = "t";
  forgotten.partitions = {0};
  const FetchResponse news = next(1, change);
  ASSERT_EQ(news.responses.size(), 1u);
  std::vector<int32_t> told;
  for (const auto& p : news.responses[0].partitions) told.push_back(p.partition_index);
  std::ranges::sort(told);
  EXPECT_EQ(told, (std::vector<int32_t>{1, 2}));
  // Named and forgotten at once it is forgotten.
  FetchRequest both = fetch_request("t", 1, 0);
  both.forgotten_topics_data.push_back(forgotten);
  both.forgotten_topics_data[0].partitions = {1, 2};
  EXPECT_EQ(next(2, both).session_id, 0);  // nothing is left
}

TEST_F(FetchSessionTest, WrongIdsAndEpochs) {
  begin();
  EXPECT_EQ(next(2).error_code, ErrorCode::kInvalidFetchSessionEpoch);
  EXPECT_EQ(next(1).error_code, ErrorCode::kNone);
  EXPECT_EQ(next(1).error_code, ErrorCode::kInvalidFetchSessionEpoch);
  EXPECT_EQ(next(2, {}, 13).error_code, ErrorCode::kFetchSessionTopicIdError);
  ++session;
  const FetchResponse unknown = next(2);
  EXPECT_EQ(unknown.error_code, ErrorCode::kFetchSessionIdNotFound);
  EXPECT_EQ(unknown.session_id, 0);
}

TEST_F(FetchSessionTest, EndsWhenAskedOrEmpty) {
  begin();
  const int32_t first = session;
  FetchRequest last = fetch_request("t", 0, 0);
  last.max_wait_ms = 0;
  EXPECT_EQ(next(-1, last).session_id, 0);
  session = first;
  EXPECT_EQ(next(1).error_code, ErrorCode::kFetchSessionIdNotFound);
  begin();
  FetchRequest forget;
  FetchRequest::ForgottenTopic& forgotten = forget.forgotten_topics_data.emplace_back();
  forgotten.topic = "t";
  forgotten.partitions = {0, 1};
  const FetchResponse over = next(1, forget);
  EXPECT_EQ(over.error_code, ErrorCode::kNone);
  EXPECT_EQ(over.session_id, 0);
  EXPECT_EQ(next(2).error_code, ErrorCode::kFetchSessionIdNotFound);
}

TEST_F(FetchSessionTest, BeginningAnewReplacesTheOldOne) {
  begin();
  FetchRequest anew = fetch_request("t", 0, 0);
  anew.max_wait_ms = 0;
  const int32_t old = session;
  const FetchResponse fresh = next(0, anew);
  EXPECT_NE(fresh.session_id, 0);
  session = old;
  if (fresh.session_id != old) {
    EXPECT_EQ(next(1).error_code, ErrorCode::kFetchSessionIdNotFound);
  }
}

}  // namespace
}  // namespace chronik::kafka::testing
