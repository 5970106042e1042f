// A change of the catalog that a request asks for, item by item.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "kafka-proto/handlers/broker.h"
#include "kafka-proto/wire/kafka_error.h"

namespace chronik::kafka {

// The part of a job that keeps what is to change.
template <class Item, class Place = size_t>
struct CatalogChange {
  std::vector<Item> items;    // those that passed the checks
  std::vector<Place> places;  // where each of them stands in the answer
  ChangeResults results;      // of each; zeroed where the change failed as a whole
};

// Makes the change of a job, which has a CatalogChange, and then finish_job(job, how it ended as a whole); at
// once where nothing is to change. change(done) calls metadata.
template <class Job, class Change>
void change_catalog(const std::shared_ptr<Job>& job, Change&& change) {
  if (job->items.empty()) return finish_job(*job, CHR_OK);
  change([job](Result<ChangeResults> results) {
    const chr_status overall = code_of(results);
    job->results = results ? *std::move(results) : ChangeResults(job->items.size());
    finish_job(*job, overall);
  });
}

}  // namespace chronik::kafka
