// A change of the catalog that a request asks for, item by item.
#pragma once

#include <memory>
#include <vector>

#include "kafka-proto/handlers/broker.h"
#include "kafka-proto/wire/kafka_error.h"

namespace chronik::kafka {

// The part of a job that keeps what is to change.
template <class Item, class Place = size_t>
struct CatalogChange {
  std::vector<Item> items;                 // those that passed the checks
  std::vector<Place> places;               // where each of them stands in the answer
  std::vector<chr_change_result> results;  // of each
};

// Makes the change of a job, which has a CatalogChange, and then finish_job(job, how it ended as a whole); at
// once where nothing is to change. begin(token): as in Host::async.
template <class Job, class Begin>
void change_catalog(const Broker& broker, const std::shared_ptr<Job>& job, Begin&& begin) {
  if (job->items.empty()) return finish_job(*job, CHR_OK);
  job->results.resize(job->items.size());
  const chr_status status =
      broker.host.async(begin, [job](const chr_done& done) { finish_job(*job, done.code); });
  if (status != CHR_PENDING) finish_job(*job, status);
}

}  // namespace chronik::kafka
