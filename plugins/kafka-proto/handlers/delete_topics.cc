// DeleteTopics (20): by name, or from version 6 on by name or id (KIP-516).
#include <array>
#include <map>
#include <utility>

#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/catalog_change.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/delete_topics.h"

namespace chronik::kafka {
namespace {

using Response = DeleteTopicsResponse;

struct DeleteTopicsJob : CatalogChange<chr_uuid> {
  explicit DeleteTopicsJob(Call<DeleteTopics> c) : call(std::move(c)) {}
  Call<DeleteTopics> call;
  Response response;
  Texts texts{call.room()};  // names of topics that are given by id
};

using Id = std::array<uint8_t, sizeof(chr_uuid::b)>;
Id key_of(const chr_uuid& id) { return std::to_array(id.b); }

// What a request names, and how often.
struct Named {
  std::map<std::string_view, int> names;
  std::map<Id, int> ids;
};

Named count(const DeleteTopicsRequest& request) {
  Named named;
  for (const std::string_view name : request.topic_names) ++named.names[name];
  for (const auto& topic : request.topics) {
    const bool by_id = !is_zero(topic.topic_id);
    if (by_id == topic.name.has_value()) continue;  // neither or both
    by_id ? ++named.ids[key_of(topic.topic_id)] : ++named.names[*topic.name];
  }
  return named;
}

void refuse(Response::Topic& out, ErrorCode code, std::string_view message) {
  out.error_code = code;
  out.error_message = message;
}

// What one item asks for: fills its row of the answer, and queues the topic where it exists. A topic that is
// named twice has one row, at its first place.
void add_topic(DeleteTopicsJob& job, const Catalog& catalog, Named& named,
               std::optional<std::string_view> name, const chr_uuid& id) {
  const bool by_id = !is_zero(id);
  const bool valid = by_id != name.has_value();
  int times = 1;
  if (valid) times = std::exchange(by_id ? named.ids[key_of(id)] : named.names[*name], 0);
  if (times == 0) return;
  Response::Topic& out = job.call.room().row(job.response.responses);
  out.name = name;
  out.topic_id = id;
  if (!valid)
    return refuse(out, ErrorCode::kInvalidRequest,
                  by_id ? "give a topic's name or its id, not both" : "neither name nor id is given");
  if (times > 1) return refuse(out, ErrorCode::kInvalidRequest, "this topic is named twice in the request");
  const std::optional<chr_topic> topic = by_id ? catalog.topic(id) : catalog.topic(*name);
  if (!topic.has_value())
    return refuse(out,
                  absent(catalog, by_id ? ErrorCode::kUnknownTopicId : ErrorCode::kUnknownTopicOrPartition,
                         ErrorCode::kNotController),
                  why_absent(catalog));
  out.name = job.texts.keep(std::string(from_abi(topic->name)));
  out.topic_id = topic->id;
  if (named.ids.contains(key_of(topic->id)) && !by_id) {
    named.ids[key_of(topic->id)] = 0;
    return refuse(out, ErrorCode::kInvalidRequest, "this topic is named by its name and by its id");
  }
  job.items.push_back(topic->id);
  job.places.push_back(job.response.responses.size() - 1);
}

void finish_job(DeleteTopicsJob& job, chr_status overall) {
  for (size_t i = 0; i < job.places.size(); ++i) {
    Response::Topic& out = job.response.responses[job.places[i]];
    const chr_status code = overall == CHR_OK ? job.results[i].code : overall;
    out.error_code = change_error(code, ErrorCode::kUnknownServerError, ErrorCode::kInvalidRequest);
    if (overall == CHR_OK && code != CHR_OK) out.error_message = job.results[i].message;
  }
  job.call.answer(job.response);
}

}  // namespace

template <>
void handle<DeleteTopics>(Broker& broker, Call<DeleteTopics> call) {
  const auto job = std::make_shared<DeleteTopicsJob>(std::move(call));
  const DeleteTopicsRequest& request = job->call.request();
  {
    const Catalog catalog(broker);
    Named named = count(request);
    // Names first: a topic that is given both ways is refused before its id is taken.
    for (const auto& topic : request.topics) {
      if (topic.name.has_value()) add_topic(*job, catalog, named, topic.name, topic.topic_id);
    }
    for (const auto& topic : request.topics) {
      if (!topic.name.has_value()) add_topic(*job, catalog, named, std::nullopt, topic.topic_id);
    }
    for (const std::string_view name : request.topic_names) add_topic(*job, catalog, named, name, chr_uuid{});
  }
  if (job->call.is_too_large()) return job->call.answer(job->response);
  change_catalog(job, [&](auto done) {
    broker.metadata.delete_topics(job->items, timeout_ns(request.timeout_ms), std::move(done));
  });
}

}  // namespace chronik::kafka
