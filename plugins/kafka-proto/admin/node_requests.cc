#include "kafka-proto/admin/node_requests.h"

#include <fmt/format.h>

#include <utility>

namespace chronik::kafka {
namespace {

Bytes bytes_of(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }
std::string text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

std::string why(ErrorCode error, int32_t node) {
  if (error == ErrorCode::kNetworkException) return fmt::format("node {} is not linked with this one", node);
  if (error == ErrorCode::kRequestTimedOut)
    return fmt::format("node {} did not answer within {} s; it is busy, paused or of an older build", node,
                       NodeRequests::kTimeoutNs / 1'000'000'000);
  return fmt::format("node {} could not be asked (error {})", node, static_cast<int>(error));
}

}  // namespace

NodeRequests::NodeRequests(Services& services, PeerChannel& channel, PeerCalls& calls, Serve serve)
    : services_(services), channel_(channel), calls_(calls), serve_(std::move(serve)) {
  calls.take_answers(PeerFrame::kAdminResponse);
  channel.receive(PeerFrame::kAdminRequest, [this](int32_t from, const chr_slice&, int64_t number,
                                                   Reader& body) { return asked(from, number, body); });
}

void NodeRequests::ask(int32_t node, const AdminRequest& request, AdminReply reply) {
  if (node == services_.host.node().id) return serve_(request, std::move(reply));
  if (!services_.is_linked(node)) return reply(admin_refusal(503, why(ErrorCode::kNetworkException, node)));
  const auto write = [&](Writer& out) {
    out.string(request.method, false);
    out.string(request.path, false);
    out.string(request.query, false);
    out.bytes(bytes_of(request.body), false);
  };
  const auto done = [node, reply = std::move(reply)](ErrorCode error, Reader& body) {
    if (error != ErrorCode::kNone) {
      reply(admin_refusal(503, why(error, node)));
      return true;
    }
    const int32_t status = body.int32("status");
    const Bytes json = body.bytes("json", false);
    const bool ok = body.ok() && body.remaining() == 0 && status >= 200 && status < 600;
    reply(ok ? AdminAnswer{status, text_of(json)}
             : admin_refusal(503, fmt::format("node {} answered with what this build cannot read", node)));
    return ok;
  };
  calls_.call(node, PeerFrame::kAdminRequest, PeerFrame::kAdminResponse, write, kTimeoutNs, done);
}

bool NodeRequests::asked(int32_t from, int64_t number, Reader& body) {
  AdminRequest request;
  request.method = body.string("method", false);
  request.path = body.string("path", false);
  request.query = body.string("query", false);
  request.body = text_of(body.bytes("body", false));
  if (!body.ok() || body.remaining() != 0) return false;
  serve_(request, [this, from, number](const AdminAnswer& answer) {
    Writer out = PeerChannel::begin_frame(PeerFrame::kAdminResponse, number);
    out.int32(answer.status);
    out.bytes(bytes_of(answer.json), false);
    const uint32_t lane = out.size() > PeerCalls::kMaxControlBytes ? CHR_LANE_BULK : CHR_LANE_CONTROL;
    if (const Status sent = channel_.send(from, std::move(out), lane); !sent)
      services_.host.debug("an answer to another broker was not sent: " + sent.error().message);
  });
  return true;
}

}  // namespace chronik::kafka
