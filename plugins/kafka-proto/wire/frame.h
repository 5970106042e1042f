// Frames: how requests and responses stand on a connection.
//
//   size int32 | request header  | body of the request        (size counts what follows it)
//   size int32 | response header | body of the response
//
// Server:  frame_size() on the first 4 bytes, receive the rest, open_request(), decode the body by key and
// version,
//          and later encode_response(). Clients and tests: encode_request(), open_response().
#pragma once

#include <chronik/result.hpp>

#include <cstdint>
#include <optional>

#include "kafka-proto/messages/api_table.h"
#include "kafka-proto/messages/headers.h"
#include "kafka-proto/wire/reader.h"
#include "kafka-proto/wire/writer.h"

namespace chronik::kafka {

inline constexpr size_t kFramePrefix = 4;

// The size of a frame from its prefix. An error when it is negative or above `limit`: close the connection,
// since what follows cannot be told apart.
Result<uint32_t> frame_size(std::span<const uint8_t, kFramePrefix> prefix, uint32_t limit);

struct InRequest {
  RequestHeader header;          // client_id points into the frame
  const ApiInfo* api = nullptr;  // null: a key that this build does not know
  bool supported =
      false;    // the codec knows this version; what is offered to clients is the handlers' decision
  Reader body;  // behind the header; only meaningful when supported
};

// Reads the header of a request; `frame` comes without its prefix and must outlive the result. An unknown key
// or version is no error here: header has the key, version and correlation id, by which to answer
// UNSUPPORTED_VERSION.
Result<InRequest> open_request(Bytes frame);

// A response frame up to its body, to be continued by Response::encode() and finish_frame().
Writer begin_response(const ApiInfo& api, int16_t version, int32_t correlation_id,
                      size_t expected_size = 256);

template <class Response>
OutFrame encode_response(int16_t version, int32_t correlation_id, const Response& response) {
  Writer out = begin_response(api_info(Response::kApi), version, correlation_id);
  response.encode(out, version);
  return std::move(out).finish_frame();
}

Writer begin_request(const ApiInfo& api, int16_t version, int32_t correlation_id,
                     std::optional<std::string_view> client_id, size_t expected_size = 256);

template <class Request>
OutFrame encode_request(int16_t version, int32_t correlation_id, std::optional<std::string_view> client_id,
                        const Request& request) {
  Writer out = begin_request(api_info(Request::kApi), version, correlation_id, client_id);
  request.encode(out, version);
  return std::move(out).finish_frame();
}

struct InResponse {
  int32_t correlation_id = 0;
  Reader body;
};

// The caller knows key and version from the request with the same correlation id (the
// first of the frame's bytes).
Result<InResponse> open_response(Bytes frame, const ApiInfo& api, int16_t version);

}  // namespace chronik::kafka
