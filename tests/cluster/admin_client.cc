// librdkafka's AdminClient, as early as there can be one: waits until one of the addresses takes a
// connection, then creates a topic there with nothing but librdkafka's defaults.
//   admin_client BOOTSTRAP TOPIC PARTITIONS REPLICAS TIMEOUT_MS
// Prints the milliseconds from the first port that listens to the answer, and what the
// answer was: "12.3 Success".
#include <arpa/inet.h>
#include <librdkafka/rdkafka.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kPatience{60};  // for a port

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "admin_client: %s\n", what.c_str());
  std::exit(1);
}

std::vector<sockaddr_in> addresses(const std::string& bootstrap) {
  std::vector<sockaddr_in> out;
  for (size_t at = 0; at < bootstrap.size();) {
    const size_t end = std::min(bootstrap.find(',', at), bootstrap.size());
    const std::string one = bootstrap.substr(at, end - at);
    const size_t colon = one.rfind(':');
    sockaddr_in address{};
    address.sin_family = AF_INET;
    if (colon == std::string::npos ||
        inet_pton(AF_INET, one.substr(0, colon).c_str(), &address.sin_addr) != 1)
      die("not an address: " + one);
    address.sin_port = htons(static_cast<uint16_t>(std::atoi(one.c_str() + colon + 1)));
    out.push_back(address);
    at = end + 1;
  }
  return out;
}

bool listens(const sockaddr_in& address) {
  const int s = ::socket(AF_INET, SOCK_STREAM, 0);
  const bool taken = ::connect(s, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(s);
  return taken;
}

void wait_for_a_port(const std::string& bootstrap) {
  const std::vector<sockaddr_in> all = addresses(bootstrap);
  const auto deadline = Clock::now() + kPatience;
  while (Clock::now() < deadline) {
    for (const sockaddr_in& address : all)
      if (listens(address)) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  die("no port listens");
}

rd_kafka_t* make_client(const char* bootstrap) {
  char why[256];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  if (rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, why, sizeof why) != RD_KAFKA_CONF_OK ||
      rd_kafka_conf_set(conf, "log_level", "2", why, sizeof why) != RD_KAFKA_CONF_OK)
    die(why);
  rd_kafka_t* rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
  if (rk == nullptr) die(why);
  return rk;
}

// What came of it, in words.
std::string create(rd_kafka_t* rk, const char* topic, int partitions, int replicas, int timeout_ms) {
  char why[256];
  rd_kafka_NewTopic_t* wanted = rd_kafka_NewTopic_new(topic, partitions, replicas, why, sizeof why);
  if (wanted == nullptr) die(why);
  rd_kafka_queue_t* queue = rd_kafka_queue_new(rk);
  rd_kafka_AdminOptions_t* options = rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
  rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, why, sizeof why);
  rd_kafka_AdminOptions_set_operation_timeout(options, timeout_ms, why, sizeof why);
  rd_kafka_CreateTopics(rk, &wanted, 1, options, queue);
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, -1);
  std::string out = rd_kafka_err2str(rd_kafka_event_error(event));
  if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    out = rd_kafka_event_error_string(event);
  } else {
    size_t n = 0;
    rd_kafka_topic_result_t const* const* topics =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
    if (n == 1) out = rd_kafka_err2str(rd_kafka_topic_result_error(topics[0]));
  }
  rd_kafka_event_destroy(event);
  rd_kafka_AdminOptions_destroy(options);
  rd_kafka_queue_destroy(queue);
  rd_kafka_NewTopic_destroy(wanted);
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) die("usage: admin_client BOOTSTRAP TOPIC PARTITIONS REPLICAS TIMEOUT_MS");
  wait_for_a_port(argv[1]);
  const auto begin = Clock::now();
  rd_kafka_t* rk = make_client(argv[1]);
  const std::string what = create(rk, argv[2], std::atoi(argv[3]), std::atoi(argv[4]), std::atoi(argv[5]));
  std::printf("%.1f %s\n", std::chrono::duration<double, std::milli>(Clock::now() - begin).count(),
              what.c_str());
  rd_kafka_destroy(rk);
  return 0;
}
