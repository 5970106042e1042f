// A librdkafka client that leaves a history to be checked: the events that history.hpp lists, on its output.
//   history_client create  BOOTSTRAP TOPIC PARTITIONS [replicas=N] [config=value...]
//   history_client produce BOOTSTRAP TOPIC PARTITIONS [id=N] [rate=N] [size=BYTES] [key=value...]
//       idempotent, acks=all, to each partition in turn, until SIGTERM
//       rate: records a second; without it as fast as it goes
//   history_client consume BOOTSTRAP TOPIC PARTITIONS [id=N] [key=value...]
//       from the beginning, until SIGTERM
//   history_client dump    BOOTSTRAP TOPIC PARTITIONS
//       the log up to its end
// Other keys are librdkafka's.
#include <librdkafka/rdkafka.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace {

volatile std::sig_atomic_t stopped = 0;

using Options = std::map<std::string, std::string>;

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "history_client: %s\n", what.c_str());
  std::exit(1);
}

void set(rd_kafka_conf_t* conf, const char* key, const char* value) {
  char why[256];
  if (rd_kafka_conf_set(conf, key, value, why, sizeof why) != RD_KAFKA_CONF_OK) die(why);
}

long taken(Options* options, const char* key, long otherwise) {
  const auto found = options->extract(key);
  return found ? std::atol(found.mapped().c_str()) : otherwise;
}

long long now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

rd_kafka_conf_t* configured(const char* bootstrap) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", bootstrap);
  set(conf, "reconnect.backoff.ms", "20");
  set(conf, "reconnect.backoff.max.ms", "200");
  set(conf, "log_level", "2");  // a node that is down is what is tested here
  return conf;
}

void set_all(rd_kafka_conf_t* conf, const Options& options) {
  for (const auto& [key, value] : options) set(conf, key.c_str(), value.c_str());
}

rd_kafka_t* make(rd_kafka_type_t type, rd_kafka_conf_t* conf) {
  char why[256];
  rd_kafka_t* rk = rd_kafka_new(type, conf, why, sizeof why);
  if (rk == nullptr) die(why);
  return rk;
}

// What a record's key says: "producer sequence".
std::string key_of(const rd_kafka_message_t* message) {
  return {static_cast<const char*>(message->key), message->key_len};
}

struct Producer {
  int id = 0;
};

void delivered(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  const int id = static_cast<Producer*>(opaque)->id;
  const std::string key = key_of(message);
  const char* const sequence = key.c_str() + key.find(' ') + 1;
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    std::printf("f %d %d %s %lld %s\n", id, message->partition, sequence, now(),
                rd_kafka_err2str(message->err));
    return;
  }
  std::printf("a %d %d %s %lld %lld\n", id, message->partition, sequence,
              static_cast<long long>(message->offset), now());
}

// Hands one record to librdkafka; false where it does not take it.
bool send(rd_kafka_t* rk, const Producer& producer, const char* topic, int partition, uint64_t sequence,
          const std::string& value) {
  const std::string key = std::to_string(producer.id) + " " + std::to_string(sequence);
  std::printf("i %d %d %llu %lld\n", producer.id, partition, static_cast<unsigned long long>(sequence),
              now());
  const rd_kafka_resp_err_t err =
      rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                        RD_KAFKA_V_KEY(const_cast<char*>(key.data()), key.size()),
                        RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
                        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
  if (err == RD_KAFKA_RESP_ERR_NO_ERROR) return true;
  if (err == RD_KAFKA_RESP_ERR__FATAL) die("the idempotent producer gave up");
  if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
    std::printf("f %d %d %llu %lld %s\n", producer.id, partition, static_cast<unsigned long long>(sequence),
                now(), rd_kafka_err2str(err));
    rd_kafka_poll(rk, 10);
  }
  return false;
}

int produce(const char* bootstrap, const char* topic, int partitions, Options options) {
  rd_kafka_conf_t* conf = configured(bootstrap);
  Producer producer{static_cast<int>(taken(&options, "id", 0))};
  const long rate = taken(&options, "rate", 0);
  const std::string value(static_cast<size_t>(taken(&options, "size", 200)), 'v');
  set(conf, "enable.idempotence", "true");
  set(conf, "linger.ms", "2");
  set(conf, "message.timeout.ms", "120000");
  set(conf, "retry.backoff.ms", "20");
  set(conf, "topic.metadata.refresh.fast.interval.ms", "20");
  set_all(conf, options);
  rd_kafka_conf_set_dr_msg_cb(conf, delivered);
  rd_kafka_conf_set_opaque(conf, &producer);
  rd_kafka_t* rk = make(RD_KAFKA_PRODUCER, conf);
  std::vector<uint64_t> next(static_cast<size_t>(partitions), 0);
  const long long begin = now();
  long long sent = 0;
  long long flushed = 0;
  for (int p = 0; stopped == 0; p = (p + 1) % partitions) {
    // A steady load with some records under way at any time.
    while (stopped == 0 &&
           (rate > 0 ? sent * 1'000'000'000LL / rate > now() - begin : rd_kafka_outq_len(rk) > 2000)) {
      rd_kafka_poll(rk, 1);
      std::fflush(stdout);
    }
    if (stopped == 0 && send(rk, producer, topic, p, next[static_cast<size_t>(p)], value)) {
      ++next[static_cast<size_t>(p)];
      ++sent;
    }
    rd_kafka_poll(rk, 0);
    if (now() - flushed > 5'000'000) {
      std::fflush(stdout);
      flushed = now();
    }
  }
  const rd_kafka_resp_err_t rest = rd_kafka_flush(rk, 60'000);
  char why[256];
  const rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(rk, why, sizeof why);
  if (fatal != RD_KAFKA_RESP_ERR_NO_ERROR) die(std::string("the idempotent producer gave up: ") + why);
  rd_kafka_destroy(rk);
  return rest == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : 1;
}

// All partitions, without a group. The consumer itself follows a leader that changes;
// asking for the end first would not (librdkafka 2.0 waits for ever for a leader that has gone).
rd_kafka_t* consumer(const char* bootstrap, const char* topic, int partitions, int64_t offset,
                     const Options& options) {
  rd_kafka_conf_t* conf = configured(bootstrap);
  set(conf, "group.id", "unused");
  set(conf, "enable.auto.commit", "false");
  set(conf, "enable.partition.eof", "true");
  set(conf, "auto.offset.reset", "error");
  set(conf, "topic.metadata.refresh.interval.ms", "1000");
  set(conf, "topic.metadata.refresh.fast.interval.ms", "20");
  set(conf, "fetch.wait.max.ms", "100");
  set(conf, "fetch.error.backoff.ms", "20");
  set_all(conf, options);
  rd_kafka_t* rk = make(RD_KAFKA_CONSUMER, conf);
  rd_kafka_poll_set_consumer(rk);
  rd_kafka_topic_partition_list_t* assigned = rd_kafka_topic_partition_list_new(partitions);
  for (int p = 0; p < partitions; ++p) rd_kafka_topic_partition_list_add(assigned, topic, p)->offset = offset;
  rd_kafka_assign(rk, assigned);
  rd_kafka_topic_partition_list_destroy(assigned);
  return rk;
}

// What the client gets over by itself.
bool is_passing(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || error == RD_KAFKA_RESP_ERR__TRANSPORT;
}

int consume(const char* bootstrap, const char* topic, int partitions, Options options) {
  const int id = static_cast<int>(taken(&options, "id", 0));
  rd_kafka_t* rk = consumer(bootstrap, topic, partitions, 0, options);
  while (stopped == 0) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(rk, 100);
    if (message == nullptr || message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      std::fflush(stdout);
    } else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      std::printf("r %d %d %lld %s %lld\n", id, message->partition, static_cast<long long>(message->offset),
                  key_of(message).c_str(), now());
    } else if (!is_passing(message->err)) {
      std::printf("e %d %d %lld %s\n", id, message->partition, now(), rd_kafka_message_errstr(message));
    }
    if (message != nullptr) rd_kafka_message_destroy(message);
  }
  rd_kafka_consumer_close(rk);
  rd_kafka_destroy(rk);
  return 0;
}

int dump(const char* bootstrap, const char* topic, int partitions) {
  rd_kafka_t* rk = consumer(bootstrap, topic, partitions, RD_KAFKA_OFFSET_BEGINNING, {});
  std::set<int> left;
  for (int p = 0; p < partitions; ++p) left.insert(p);
  while (!left.empty()) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(rk, 30'000);
    if (message == nullptr) die("nothing for 30 s");
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      left.erase(message->partition);
    } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      if (!is_passing(message->err)) die(rd_kafka_message_errstr(message));
    } else if (left.contains(message->partition)) {
      std::printf("d %d %lld %s\n", message->partition, static_cast<long long>(message->offset),
                  key_of(message).c_str());
    }
    rd_kafka_message_destroy(message);
  }
  rd_kafka_consumer_close(rk);
  rd_kafka_destroy(rk);
  return 0;
}

int create(const char* bootstrap, const char* topic, int partitions, Options options) {
  rd_kafka_t* rk = make(RD_KAFKA_PRODUCER, configured(bootstrap));
  char why[256];
  const int replicas = static_cast<int>(taken(&options, "replicas", 1));
  rd_kafka_NewTopic_t* wanted = rd_kafka_NewTopic_new(topic, partitions, replicas, why, sizeof why);
  if (wanted == nullptr) die(why);
  for (const auto& [key, value] : options) rd_kafka_NewTopic_set_config(wanted, key.c_str(), value.c_str());
  rd_kafka_queue_t* queue = rd_kafka_queue_new(rk);
  rd_kafka_CreateTopics(rk, &wanted, 1, nullptr, queue);
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, 30'000);
  if (event == nullptr) die("no answer to CreateTopics");
  size_t count = 0;
  const rd_kafka_CreateTopics_result_t* result = rd_kafka_event_CreateTopics_result(event);
  if (result == nullptr) die(rd_kafka_event_error_string(event));
  const rd_kafka_topic_result_t** topics = rd_kafka_CreateTopics_result_topics(result, &count);
  if (count != 1 || rd_kafka_topic_result_error(topics[0]) != RD_KAFKA_RESP_ERR_NO_ERROR)
    die(count == 1 ? rd_kafka_topic_result_error_string(topics[0]) : "no result");
  rd_kafka_event_destroy(event);
  rd_kafka_queue_destroy(queue);
  rd_kafka_NewTopic_destroy(wanted);
  rd_kafka_destroy(rk);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  if (argc < 5) {
    std::fprintf(
        stderr,
        "usage: history_client create|produce|consume|dump BOOTSTRAP TOPIC PARTITIONS [key=value...]\n");
    return 2;
  }
  std::signal(SIGTERM, [](int) { stopped = 1; });
  Options options;
  for (int i = 5; i < argc; ++i) {
    const std::string text = argv[i];
    const size_t equals = text.find('=');
    if (equals == std::string::npos) die("not key=value: " + text);
    options[text.substr(0, equals)] = text.substr(equals + 1);
  }
  const int partitions = std::atoi(argv[4]);
  if (verb == "create") return create(argv[2], argv[3], partitions, options);
  if (verb == "produce") return produce(argv[2], argv[3], partitions, options);
  if (verb == "consume") return consume(argv[2], argv[3], partitions, options);
  if (verb == "dump") return dump(argv[2], argv[3], partitions);
  die("no such verb: " + verb);
}
