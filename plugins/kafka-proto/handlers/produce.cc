// Produce (0): checks every batch on the connection's shard, or on a blocking thread where codecs have much
// to do, appends it on the shard of its partition, answers when all of them reached what `acks` asks for.
#include <map>
#include <utility>

#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/produce.h"
#include "kafka-proto/partition/by_shard.h"
#include "kafka-proto/partition/directory.h"

namespace chronik::kafka {
namespace {

using Request = ProduceRequest;
using Response = ProduceResponse;

// More codec work than this in one turn leaves the shard.
constexpr uint64_t kMaxCodecBytesInTurn = 256 << 10;
// Nor are more bytes than this looked at in one turn, but for the last batch. A request that has so many is
// alone on its connection, so that nothing overtakes it.
constexpr size_t kMaxBytesInTurn = 8 << 20;
static_assert(kMaxBytesInTurn >= Connection::kMaxBytesUnderWay);
// What all batches of a request may take uncompressed, in requests of the largest size.
constexpr uint64_t kMaxRequestsUncompressed = 4;

struct ProduceJob;

// A partition of the request, and its row in the answer.
struct Asked {
  const Request::Topic* topic;
  const Request::Partition* partition;
  size_t row, partition_row;
};

// One batch on its way into one partition.
struct Item {
  Response::Partition* answer;  // in the job; touched on the connection's shard only
  std::shared_ptr<Partition> partition;
  AdmittedBatch batch;
  Lease bytes;
  Appended result{ErrorCode::kRequestTimedOut, -1, kNoTimestamp, -1, {}};
  LeaderHint hint{};
};

// The batches of one request for one shard, where all but job is touched until it is merged.
struct Bundle {
  std::shared_ptr<ProduceJob> job;
  std::vector<Item> items;
  size_t left = 0;
  bool over = false;  // what was there was handed over; later results are dropped
};

struct ProduceJob : std::enable_shared_from_this<ProduceJob> {
  ProduceJob(Broker& b, Call<Produce> c)
      : broker(b),
        call(std::move(c)),
        map(b.partitions->map()),
        codec_bytes_left(kMaxRequestsUncompressed * b.config.max_request_bytes),
        bundles(b.host.shard_count()) {}
  Broker& broker;
  Call<Produce> call;
  Response response;
  Texts texts{call.room()};
  const std::shared_ptr<const PartitionMap> map;
  std::vector<Asked> asked;
  size_t taken = 0;  // of them, so many were judged
  uint64_t codec_bytes_left;
  std::vector<std::shared_ptr<Bundle>> bundles;  // under way, by shard; null: none
  size_t bundles_left = 0;
  bool failed = false;                           // some partition has an error
  size_t record_errors_left = kMaxRecordErrors;  // that the answer may still tell
  uint64_t timer = 0;
  std::shared_ptr<ProduceJob> alive;  // while the timer runs
};

void set_error(ProduceJob& job, Response::Partition& out, ErrorCode code) {
  job.failed = true;
  out.error_code = code;
  out.base_offset = -1;
}

void set_refusal(ProduceJob& job, Response::Partition& out, Refusal refusal) {
  set_error(job, out, refusal.error);
  if (!refusal.message.empty()) out.error_message = job.texts.keep(std::move(refusal.message));
  // mutant record_errors_of_each_batch: left out
  job.record_errors_left -= refusal.records.size();
  for (RecordError& record : refusal.records) {
    Response::RecordError& error = job.call.room().row(out.record_errors);
    error.batch_index = record.index;
    error.batch_index_error_message = job.texts.keep(std::move(record.message));
  }
}

void answer(ProduceJob& job) {
  job.broker.host.cancel_timer(std::exchange(job.timer, 0));
  const std::shared_ptr<ProduceJob> alive = std::exchange(job.alive, nullptr);
  if (job.call.request().acks != 0) return job.call.answer(job.response);
  if (!job.failed) return job.call.answer_nothing();
  // Without an answer this is how the client learns that something went wrong.
  job.call.end_connection("a Produce request with acks=0 failed");
}

// On the connection's shard: the results of one shard arrived.
void merge(ProduceJob& job, Bundle& bundle) {
  for (Item& item : bundle.items) {
    Response::Partition& out = *item.answer;
    out.error_code = item.result.error;
    out.base_offset = item.result.base_offset;
    out.log_append_time_ms = item.result.log_append_time_ms;
    out.log_start_offset = item.result.log_start;
    if (!item.result.message.empty()) out.error_message = job.texts.keep(std::move(item.result.message));
    job.failed = job.failed || out.error_code != ErrorCode::kNone;
    if (out.error_code == ErrorCode::kNotLeaderOrFollower)
      add_leader(Catalog(job.broker), item.hint, job.texts, job.response, out);
  }
  if (--job.bundles_left == 0) answer(job);
}

// On the shard of the partitions: everything is there, or time is up.
void hand_over(const std::shared_ptr<Bundle>& bundle) {
  if (std::exchange(bundle->over, true)) return;
  on_shard(bundle->job->broker.host, bundle->job->call.shard(), [bundle] {
    bundle->job->bundles[bundle->items[0].partition->shard()] = nullptr;
    merge(*bundle->job, *bundle);
  });
}

// On the shard of the partitions.
void append(const std::shared_ptr<Bundle>& bundle) {
  bundle->left = bundle->items.size();
  const int16_t acks = bundle->job->call.request().acks;
  for (size_t i = 0; i < bundle->items.size(); ++i) {
    Item& item = bundle->items[i];
    item.partition->append(item.batch, item.bytes, acks, Origin::kClient, [bundle, i](Appended result) {
      if (bundle->over) return;
      Item& done = bundle->items[i];
      done.result = std::move(result);
      if (done.result.error == ErrorCode::kNotLeaderOrFollower) done.hint = done.partition->leader_hint();
      if (--bundle->left == 0) hand_over(bundle);
    });
  }
}

// A batch that the topic's compression.type made anew stands in memory of its own. Null: there is none.
Lease own_bytes(const Host& host, AdmittedBatch& batch, const Lease& frame) {
  if (batch.recompressed.empty()) return frame;
  chr_slice copy{};
  if (host.alloc(batch.recompressed.size(), &copy) != CHR_OK) return {};
  auto* const bytes = const_cast<uint8_t*>(copy.p);
  std::memcpy(bytes, batch.recompressed.data(), batch.recompressed.size());
  batch.bytes = MutableBytes(bytes, batch.recompressed.size());
  return Lease::adopt(copy.lease);
}

const HostedTopic* find_topic(const ProduceJob& job, const Request::Topic& topic) {
  return job.call.version() >= 13 ? job.map->find(topic.topic_id) : job.map->find(topic.name);
}

void refuse_elsewhere(ProduceJob& job, const HostedTopic& topic, Response::Partition& out) {
  set_error(job, out, ErrorCode::kNotLeaderOrFollower);
  const Catalog catalog(job.broker);
  if (const std::optional<chr_topic> known = catalog.topic(topic.id); known.has_value())
    add_leader(catalog, leader_in_catalog(job.broker, catalog, *known, out.index), job.texts, job.response,
               out);
}

// The partition that a batch is for; null: it got its error.
std::shared_ptr<Partition> find_partition(ProduceJob& job, const Asked& asked, Response::Partition& out) {
  const int16_t acks = job.call.request().acks;
  const int32_t index = asked.partition->index;
  const HostedTopic* const topic = find_topic(job, *asked.topic);
  if (topic == nullptr || !topic->has(index)) {
    const chr_uuid* const id = job.call.version() >= 13 ? &asked.topic->topic_id : nullptr;
    set_error(job, out, not_hosted(job.broker, asked.topic->name, id, index));
  } else if (acks < -1 || acks > 1) {
    set_error(job, out, ErrorCode::kInvalidRequiredAcks);
  } else if (topic->internal || is_internal_topic(topic->name)) {
    set_error(job, out, ErrorCode::kInvalidTopicException);
  } else if (topic->partitions[static_cast<size_t>(index)] == nullptr) {
    refuse_elsewhere(job, *topic, out);
  } else {
    return topic->partitions[static_cast<size_t>(index)];
  }
  return nullptr;
}

using Judged = std::expected<AdmittedBatch, Refusal>;

// Any thread.
Judged judge(const ProduceJob& job, const Request::Partition& asked, const TopicConfig& config,
             Codecs& codecs, uint64_t* codec_bytes_left) {
  const Bytes records = asked.records.bytes();
  ProduceContext context;
  context.version = job.call.version();
  context.now_ms = job.broker.host.unix_ms();
  context.most_record_errors = job.record_errors_left;
  context.codec_bytes_left = codec_bytes_left;
  // The frame's bytes belong to this request: nobody else looks at them.
  return validate_batch(MutableBytes(const_cast<uint8_t*>(records.data()), records.size()), config, context,
                        codecs);
}

void add_batch(ProduceJob& job, const std::shared_ptr<Partition>& partition, Judged judged,
               Response::Partition& out) {
  if (!judged) return set_refusal(job, out, std::move(judged.error()));
  Lease bytes = own_bytes(job.broker.host, *judged, job.call.frame());
  if (bytes.get() == nullptr) return set_error(job, out, ErrorCode::kUnknownServerError);
  std::shared_ptr<Bundle>& bundle = job.bundles[partition->shard()];
  if (bundle == nullptr) {
    bundle = std::make_shared<Bundle>();
    bundle->job = job.shared_from_this();
    ++job.bundles_left;
  }
  bundle->items.push_back({&out, partition, std::move(*judged), std::move(bytes)});
}

// Makes a row for each partition. Of one that is named several times only the last batch counts, as in Kafka.
void make_rows(ProduceJob& job) {
  AnswerRoom& room = job.call.room();
  const bool by_id = job.call.version() >= 13;
  std::vector<Response::Topic>& rows = job.response.responses;
  const std::vector<Request::Topic>& named = job.call.request().topic_data;
  std::map<std::string_view, size_t> topics;
  std::map<uint64_t, size_t> places;  // of partitions, in `asked`
  std::vector<Asked>& asked = job.asked;
  if (named.size() == 1 && named[0].partition_data.size() == 1) {  // most often: nothing to compare
    room.row(rows).name = named[0].name;
    rows[0].topic_id = named[0].topic_id;
    room.row(rows[0].partition_responses).index = named[0].partition_data[0].index;
    asked.push_back({named.data(), named[0].partition_data.data(), 0, 0});
    return;
  }
  for (const Request::Topic& topic : named) {
    const std::string_view id(reinterpret_cast<const char*>(topic.topic_id.b), sizeof topic.topic_id.b);
    const auto [found, is_new] = topics.try_emplace(by_id ? id : topic.name);
    if (is_new) {
      Response::Topic& out = room.row(rows);
      out.name = topic.name;
      out.topic_id = topic.topic_id;
      found->second = rows.size() - 1;
    }
    std::vector<Response::Partition>& partitions = rows[found->second].partition_responses;
    for (const Request::Partition& partition : topic.partition_data) {
      const uint64_t key = uint64_t{found->second} << 32 | static_cast<uint32_t>(partition.index);
      const auto [place, is_first] = places.try_emplace(key, asked.size());
      if (!is_first) {
        asked[place->second].partition = &partition;
        continue;
      }
      room.row(partitions).index = partition.index;
      asked.push_back({&topic, &partition, found->second, partitions.size() - 1});
    }
  }
}

// When time is up, what is not there yet says REQUEST_TIMED_OUT: its outcome is unknown.
void start_timer(ProduceJob& job) {
  constexpr int32_t kMinMs = 1;
  const int32_t timeout_ms = std::max(job.call.request().timeout_ms, kMinMs);
  job.alive = job.shared_from_this();
  job.timer = job.broker.host.timer(
      static_cast<uint64_t>(timeout_ms) * 1'000'000,
      [](void* context) {
        const std::shared_ptr<ProduceJob> late = static_cast<ProduceJob*>(context)->alive;
        late->timer = 0;
        const std::vector<std::shared_ptr<Bundle>> bundles = late->bundles;
        for (uint32_t shard = 0; shard < bundles.size(); ++shard) {
          if (bundles[shard] != nullptr)
            on_shard(late->broker.host, shard, [bundle = bundles[shard]] { hand_over(bundle); });
        }
      },
      &job);
}

// Whether nobody has to be waited for but this node.
bool are_alone(const ProduceJob& job) {
  for (const std::shared_ptr<Bundle>& bundle : job.bundles) {
    if (bundle == nullptr) continue;
    for (const Item& item : bundle->items)
      if (item.partition->members()->all().size() > 1) return false;
  }
  return true;
}

void append_all(ProduceJob& job) {
  if (job.bundles_left == 0) return answer(job);
  const std::vector<std::shared_ptr<Bundle>> bundles = job.bundles;
  for (uint32_t shard = 0; shard < bundles.size(); ++shard) {
    if (bundles[shard] != nullptr)
      on_shard(job.broker.host, shard, [bundle = bundles[shard]] { append(bundle); });
  }
  if (job.bundles_left == 0 || job.call.request().acks != -1) return;
  // A client that gives no time still hears how an append ends that needs no other node.
  const bool gives_none = job.call.request().timeout_ms <= 0;
  if (!gives_none || !are_alone(job)) start_timer(job);
}

void go_on(const std::shared_ptr<ProduceJob>& job);

// A batch that takes long is judged on a blocking thread, and the job goes on after it. Meanwhile the
// connection starts nothing, so that nothing overtakes it.
void leave_shard(const std::shared_ptr<ProduceJob>& job, const std::shared_ptr<Partition>& partition) {
  job->call.hold_connection(true);
  const auto on_thread = [job, partition, config = partition->config()](uint64_t most) {
    Codecs codecs;
    const Request::Partition& asked = *job->asked[job->taken].partition;
    const uint64_t may_do = std::min(most, job->codec_bytes_left);
    uint64_t left = may_do;
    Judged judged = judge(*job, asked, *config, codecs, &left);
    if (!judged && judged.error().too_much_work && may_do < job->codec_bytes_left) return false;
    job->codec_bytes_left -= may_do - left;
    job->broker.host.post(job->call.shard(), [job, partition, judged = std::move(judged)]() mutable {
      const Asked& at = job->asked[job->taken++];
      add_batch(*job, partition, std::move(judged),
                job->response.responses[at.row].partition_responses[at.partition_row]);
      job->call.hold_connection(false);
      go_on(job);
    });
    return true;
  };
  job->broker.partitions->codec_lane().run_job(job->call.client(), on_thread);
}

// On the connection's shard.
void go_on(const std::shared_ptr<ProduceJob>& job) {
  uint64_t turn = std::min(kMaxCodecBytesInTurn, job->codec_bytes_left);
  size_t looked_at = 0;  // bytes
  for (; job->taken < job->asked.size(); ++job->taken) {
    if (looked_at >= kMaxBytesInTurn) return job->broker.host.post(job->call.shard(), [job] { go_on(job); });
    const Asked& asked = job->asked[job->taken];
    Response::Partition& out = job->response.responses[asked.row].partition_responses[asked.partition_row];
    const std::shared_ptr<Partition> partition = find_partition(*job, asked, out);
    if (partition == nullptr) continue;
    looked_at += asked.partition->records.size();
    const uint64_t before = turn;
    Judged judged =
        judge(*job, *asked.partition, *partition->config(), *job->broker.codecs[job->call.shard()], &turn);
    if (!judged && judged.error().too_much_work) return leave_shard(job, partition);
    job->codec_bytes_left -= before - turn;
    add_batch(*job, partition, std::move(judged), out);
  }
  append_all(*job);
}

}  // namespace

template <>
void handle<Produce>(Broker& broker, Call<Produce> call) {
  const auto job = std::make_shared<ProduceJob>(broker, std::move(call));
  make_rows(*job);
  if (job->call.is_too_large()) return job->call.answer(job->response);
  go_on(job);
}

}  // namespace chronik::kafka
