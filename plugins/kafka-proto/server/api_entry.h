// One API as the server offers it: a row of the table in handlers/table.cc,
// which drives ApiVersions and the dispatch.
#pragma once

#include <chronik/host.hpp>

#include "kafka-proto/messages/api_table.h"
#include "kafka-proto/server/call.h"

namespace chronik::kafka {

// What the handlers work with: handlers/broker.h.
struct Broker;

// Which other requests of a connection may be under way with one.
enum class Company : uint8_t {
  kAll,
  // Those behind it: it starts once all before it are answered. What it says of leaders and offsets must hold
  // when the client hears it, and its answer may grow with the catalog instead of the request.
  kThoseBehind,
  kNone,
};

struct ApiEntry {
  ApiKey key;
  int16_t min_version;  // what is served
  int16_t max_version;
  int16_t listed_min;  // what ApiVersions says; lower than min_version only for Produce (KAFKA-18659)
  Company company;
  // Decodes the body and calls the handler. How much it names (Reader), or an error: the body is malformed.
  Result<size_t> (*run)(Broker& broker, InFlight&& in_flight);

  bool serves(int16_t version) const { return version >= min_version && version <= max_version; }
};

// The row of one handler. Min and Max must lie within what the codec knows.
template <class Api, void (*Handle)(Broker&, Call<Api>), int16_t Min, int16_t Max, int16_t ListedMin = Min,
          Company With = Company::kThoseBehind>
constexpr ApiEntry api_entry() {
  static_assert(Min >= Api::Request::kMinVersion && Max <= Api::Request::kMaxVersion && Min <= Max);
  return {Api::kApi, Min, Max, ListedMin, With, [](Broker& broker, InFlight&& in_flight) -> Result<size_t> {
            Result<typename Api::Request> request = Api::Request::decode(in_flight.body, in_flight.version);
            if (!request) {
              // The request is answered by the end of its connection; see Connection::open.
              return std::unexpected(std::move(request).error());
            }
            const size_t named = in_flight.body.spent();
            Handle(broker, Call<Api>(Answer(std::move(in_flight)), std::move(*request)));
            return named;
          }};
}

}  // namespace chronik::kafka
