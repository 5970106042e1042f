#include "kafka-proto/wire/frame.h"

#include <string>

namespace chronik::kafka {
namespace {

constexpr int16_t kOldestRequestHeader = RequestHeader::kMinVersion;

// Even of an unknown version the header is known: Kafka never took flexible headers back.
int16_t header_version(const ApiInfo* api, int16_t version) {
  return api != nullptr ? api->request_header_version(version) : kOldestRequestHeader;
}

}  // namespace

Result<uint32_t> frame_size(std::span<const uint8_t, kFramePrefix> prefix, uint32_t limit) {
  const int32_t size = Reader(prefix).int32("size");
  if (size < 0) return fail(Code::kCorrupt, "frame size " + std::to_string(size) + " is negative");
  if (static_cast<uint32_t>(size) > limit) {
    return fail(Code::kCorrupt,
                "frame of " + std::to_string(size) + " bytes exceeds the limit of " + std::to_string(limit));
  }
  return static_cast<uint32_t>(size);
}

Result<InRequest> open_request(Bytes frame) {
  Reader peek(frame);
  const int16_t key = peek.int16("request_api_key");
  const int16_t version = peek.int16("request_api_version");
  const int32_t correlation_id = peek.int32("correlation_id");
  if (!peek.ok()) return std::unexpected(peek.error("request header"));

  const ApiInfo* api = find_api(key);
  InRequest request{
      .header = {}, .api = api, .supported = api != nullptr && api->knows(version), .body = Reader(frame)};
  auto header = RequestHeader::decode(request.body, header_version(api, version));
  if (header) {
    request.header = *header;
  } else if (request.supported) {
    return std::unexpected(std::move(header).error());
  } else {
    request.header = {
        .request_api_key = key, .request_api_version = version, .correlation_id = correlation_id};
  }
  return request;
}

Writer begin_response(const ApiInfo& api, int16_t version, int32_t correlation_id, size_t expected_size) {
  Writer out(expected_size);
  out.begin_frame();
  ResponseHeader{.correlation_id = correlation_id}.encode(out, api.response_header_version(version));
  return out;
}

Writer begin_request(const ApiInfo& api, int16_t version, int32_t correlation_id,
                     std::optional<std::string_view> client_id, size_t expected_size) {
  Writer out(expected_size);
  out.begin_frame();
  const RequestHeader header{.request_api_key = api.key,
                             .request_api_version = version,
                             .correlation_id = correlation_id,
                             .client_id = client_id};
  header.encode(out, api.request_header_version(version));
  return out;
}

Result<InResponse> open_response(Bytes frame, const ApiInfo& api, int16_t version) {
  // What a server says may be as long as it likes.
  InResponse response{.correlation_id = 0, .body = Reader(frame, SIZE_MAX)};
  CHRONIK_TRY(const auto header, ResponseHeader::decode(response.body, api.response_header_version(version)));
  response.correlation_id = header.correlation_id;
  return response;
}

}  // namespace chronik::kafka
