// A librdkafka client that leaves a history to be checked: what was acknowledged, and what is in the log.
//   history_client create  BOOTSTRAP TOPIC PARTITIONS [replicas=N] [key=value...]
//   history_client produce BOOTSTRAP TOPIC PARTITIONS      idempotent, acks=all, until SIGTERM; prints
//   "partition sequence offset"
//                                                          for each acknowledged record
//   history_client dump    BOOTSTRAP TOPIC PARTITIONS      prints "partition sequence offset" for each record
//   of the log
#include <librdkafka/rdkafka.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string>
#include <vector>

namespace {

volatile std::sig_atomic_t stopped = 0;

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "history_client: %s\n", what.c_str());
  std::exit(1);
}

void set(rd_kafka_conf_t* conf, const char* key, const char* value) {
  char why[256];
  if (rd_kafka_conf_set(conf, key, value, why, sizeof why) != RD_KAFKA_CONF_OK) die(why);
}

rd_kafka_conf_t* configured(const char* bootstrap) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", bootstrap);
  set(conf, "reconnect.backoff.ms", "20");
  set(conf, "reconnect.backoff.max.ms", "200");
  set(conf, "log_level", "2");  // a node that is down is what is tested here
  return conf;
}

rd_kafka_t* make(rd_kafka_type_t type, rd_kafka_conf_t* conf) {
  char why[256];
  rd_kafka_t* rk = rd_kafka_new(type, conf, why, sizeof why);
  if (rk == nullptr) die(why);
  return rk;
}

void delivered(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    std::printf("error %s\n", rd_kafka_err2str(message->err));
    return;
  }
  std::printf("%d %.*s %lld\n", message->partition, static_cast<int>(message->key_len),
              static_cast<const char*>(message->key), static_cast<long long>(message->offset));
}

int produce(const char* bootstrap, const char* topic, int partitions) {
  rd_kafka_conf_t* conf = configured(bootstrap);
  set(conf, "enable.idempotence", "true");
  set(conf, "linger.ms", "2");
  set(conf, "message.timeout.ms", "120000");
  set(conf, "retry.backoff.ms", "20");
  rd_kafka_conf_set_dr_msg_cb(conf, delivered);
  rd_kafka_t* rk = make(RD_KAFKA_PRODUCER, conf);
  std::signal(SIGTERM, [](int) { stopped = 1; });
  std::vector<uint64_t> next(static_cast<size_t>(partitions), 0);
  const std::string value(200, 'v');
  for (int p = 0; stopped == 0; p = (p + 1) % partitions) {
    // A steady load with some records under way at any time.
    while (rd_kafka_outq_len(rk) > 2000 && stopped == 0) rd_kafka_poll(rk, 5);
    const std::string key = std::to_string(next[static_cast<size_t>(p)]);
    const rd_kafka_resp_err_t err =
        rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(p),
                          RD_KAFKA_V_KEY(const_cast<char*>(key.data()), key.size()),
                          RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) ++next[static_cast<size_t>(p)];
    rd_kafka_poll(rk, 0);
  }
  const rd_kafka_resp_err_t flushed = rd_kafka_flush(rk, 60'000);
  char why[256];
  const rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(rk, why, sizeof why);
  if (fatal != RD_KAFKA_RESP_ERR_NO_ERROR) die(std::string("the idempotent producer gave up: ") + why);
  rd_kafka_destroy(rk);
  return flushed == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : 1;
}

// Up to the end of each partition, as its leader of the moment says. The consumer itself follows a leader
// that changes; asking for the end first would not (librdkafka 2.0 waits for ever for a leader that has
// gone).
int dump(const char* bootstrap, const char* topic, int partitions) {
  rd_kafka_conf_t* conf = configured(bootstrap);
  set(conf, "group.id", "unused");
  set(conf, "enable.auto.commit", "false");
  set(conf, "enable.partition.eof", "true");
  set(conf, "auto.offset.reset", "error");
  set(conf, "topic.metadata.refresh.interval.ms", "1000");
  rd_kafka_t* rk = make(RD_KAFKA_CONSUMER, conf);
  rd_kafka_poll_set_consumer(rk);
  rd_kafka_topic_partition_list_t* assigned = rd_kafka_topic_partition_list_new(partitions);
  for (int p = 0; p < partitions; ++p)
    rd_kafka_topic_partition_list_add(assigned, topic, p)->offset = RD_KAFKA_OFFSET_BEGINNING;
  rd_kafka_assign(rk, assigned);
  rd_kafka_topic_partition_list_destroy(assigned);
  std::set<int> left;
  for (int p = 0; p < partitions; ++p) left.insert(p);
  while (!left.empty()) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(rk, 30'000);
    if (message == nullptr) die("nothing for 30 s");
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      left.erase(message->partition);
    } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      die(rd_kafka_message_errstr(message));
    } else {
      delivered(rk, message, nullptr);
    }
    rd_kafka_message_destroy(message);
  }
  rd_kafka_consumer_close(rk);
  rd_kafka_destroy(rk);
  return 0;
}

int create(const char* bootstrap, const char* topic, int partitions, char** configs, int n) {
  rd_kafka_t* rk = make(RD_KAFKA_PRODUCER, configured(bootstrap));
  char why[256];
  int replicas = 1;
  for (int i = 0; i < n; ++i) {
    if (std::sscanf(configs[i], "replicas=%d", &replicas) == 1) break;
  }
  rd_kafka_NewTopic_t* wanted = rd_kafka_NewTopic_new(topic, partitions, replicas, why, sizeof why);
  if (wanted == nullptr) die(why);
  for (int i = 0; i < n; ++i) {
    const std::string text = configs[i];
    const size_t equals = text.find('=');
    if (text.starts_with("replicas=")) continue;
    rd_kafka_NewTopic_set_config(wanted, text.substr(0, equals).c_str(), text.substr(equals + 1).c_str());
  }
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
  if (verb == "produce" && argc == 5) return produce(argv[2], argv[3], std::atoi(argv[4]));
  if (verb == "dump" && argc == 5) return dump(argv[2], argv[3], std::atoi(argv[4]));
  if (verb == "create" && argc >= 5) return create(argv[2], argv[3], std::atoi(argv[4]), argv + 5, argc - 5);
  std::fprintf(stderr, "usage: history_client create|produce|dump BOOTSTRAP TOPIC PARTITIONS\n");
  return 2;
}
