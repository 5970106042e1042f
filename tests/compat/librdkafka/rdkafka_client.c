/* A client of the compat tests on librdkafka's C API.
 *   rdkafka_client produce BOOTSTRAP TOPIC CODEC     reads key<TAB>value lines from standard input, acks=all,
 * idempotent rdkafka_client consume BOOTSTRAP TOPIC           prints offset<TAB>key<TAB>value lines of
 * partition 0, to its end
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

static void die(const char* what, const char* why) {
  fprintf(stderr, "rdkafka_client: %s: %s\n", what, why);
  exit(1);
}

static void set(rd_kafka_conf_t* conf, const char* key, const char* value) {
  char why[256];
  if (rd_kafka_conf_set(conf, key, value, why, sizeof why) != RD_KAFKA_CONF_OK) die(key, why);
}

static rd_kafka_t* client(rd_kafka_type_t type, rd_kafka_conf_t* conf) {
  char why[256];
  rd_kafka_t* rk = rd_kafka_new(type, conf, why, sizeof why);
  if (rk == NULL) die("rd_kafka_new", why);
  return rk;
}

static void delivered(rd_kafka_t* rk, const rd_kafka_message_t* message, void* opaque) {
  (void)rk;
  (void)opaque;
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    fprintf(stderr, "rdkafka_client: not delivered: %s\n", rd_kafka_err2str(message->err));
    ++failures;
  }
}

static int produce(const char* bootstrap, const char* topic, const char* codec) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", bootstrap);
  set(conf, "compression.codec", codec);
  set(conf, "enable.idempotence", "true");
  rd_kafka_conf_set_dr_msg_cb(conf, delivered);
  rd_kafka_t* rk = client(RD_KAFKA_PRODUCER, conf);
  char* line = NULL;
  size_t capacity = 0;
  ssize_t n;
  while ((n = getline(&line, &capacity, stdin)) > 0) {
    char* tab = strchr(line, '\t');
    if (tab == NULL) die("standard input", "a line without a tab");
    const size_t key = (size_t)(tab - line), value = (size_t)n - key - 2;
    if (rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_KEY(line, key),
                          RD_KAFKA_V_VALUE(tab + 1, value), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                          RD_KAFKA_V_END) != RD_KAFKA_RESP_ERR_NO_ERROR)
      die("producev", "queue full");
    rd_kafka_poll(rk, 0);
  }
  free(line);
  const rd_kafka_resp_err_t flushed = rd_kafka_flush(rk, 60000);
  rd_kafka_destroy(rk);
  if (flushed != RD_KAFKA_RESP_ERR_NO_ERROR) die("flush", rd_kafka_err2str(flushed));
  return failures == 0 ? 0 : 1;
}

static int consume(const char* bootstrap, const char* topic) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", bootstrap);
  set(conf, "group.id", "unused");
  set(conf, "enable.auto.commit", "false");
  set(conf, "enable.partition.eof", "true");
  rd_kafka_t* rk = client(RD_KAFKA_CONSUMER, conf);
  rd_kafka_poll_set_consumer(rk);
  rd_kafka_topic_partition_list_t* assigned = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(assigned, topic, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
  rd_kafka_assign(rk, assigned);
  rd_kafka_topic_partition_list_destroy(assigned);
  for (;;) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(rk, 60000);
    if (message == NULL) die("consume", "nothing for 60 s");
    const rd_kafka_resp_err_t err = message->err;
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
      printf("%lld\t%.*s\t%.*s\n", (long long)message->offset, (int)message->key_len,
             (const char*)message->key, (int)message->len, (const char*)message->payload);
    rd_kafka_message_destroy(message);
    if (err == RD_KAFKA_RESP_ERR__PARTITION_EOF) break;
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) die("consume", rd_kafka_err2str(err));
  }
  rd_kafka_consumer_close(rk);
  rd_kafka_destroy(rk);
  return 0;
}

int main(int argc, char** argv) {
  if (argc == 5 && strcmp(argv[1], "produce") == 0) return produce(argv[2], argv[3], argv[4]);
  if (argc == 4 && strcmp(argv[1], "consume") == 0) return consume(argv[2], argv[3]);
  fprintf(stderr, "usage: rdkafka_client produce BOOTSTRAP TOPIC CODEC | consume BOOTSTRAP TOPIC\n");
  return 2;
}
