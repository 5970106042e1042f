#include "metadata/catalog/applied_request_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "metadata/wire/metadata.pb.h"

namespace chronik::metadata {
namespace {

uint64_t digest_of_number(std::string_view kind, int32_t node, uint64_t session, uint64_t number) {
  return Digest(kind).number(static_cast<uint64_t>(node)).number(session).number(number).value();
}

uint64_t digest_of_applied(int32_t node, uint64_t session, uint64_t number) {
  return digest_of_number("applied", node, session, number);
}

uint64_t digest_of_forgotten(int32_t node, uint64_t session, uint64_t number) {
  return digest_of_number("forgotten", node, session, number);
}

}  // namespace

uint64_t AppliedRequestTable::digest_of(int32_t node, const Session& session) {
  uint64_t sum = digest_of_forgotten(node, session.id, session.forgotten);
  for (const uint64_t number : session.numbers) sum += digest_of_applied(node, session.id, number);
  return sum;
}

AppliedRequestTable::Session& AppliedRequestTable::session(const RequestId& request) {
  std::vector<Session>& sessions = by_node_[request.node];
  const auto known = std::ranges::find(sessions, request.session, &Session::id);
  if (known != sessions.end()) return *known;
  if (sessions.size() == kSessions) {
    digest_ -= digest_of(request.node, sessions.front());
    sessions.erase(sessions.begin());
  }
  sessions.push_back({request.session, 0, {}});
  digest_ += digest_of(request.node, sessions.back());
  return sessions.back();
}

Seen AppliedRequestTable::note_request(const RequestId& request) {
  Session& session = this->session(request);
  if (request.number <= session.forgotten) return Seen::kForgotten;
  if (!session.numbers.insert(request.number).second) return Seen::kApplied;
  digest_ += digest_of_applied(request.node, session.id, request.number);
  if (session.numbers.size() <= kRemembered) return Seen::kNew;
  const uint64_t oldest = *session.numbers.begin();
  session.numbers.erase(session.numbers.begin());
  digest_ -= digest_of_applied(request.node, session.id, oldest) +
             digest_of_forgotten(request.node, session.id, session.forgotten);
  session.forgotten = oldest;
  digest_ += digest_of_forgotten(request.node, session.id, oldest);
  return Seen::kNew;
}

void AppliedRequestTable::apply(const ChangeNodes&, Change* change) {
  for (const int32_t node : change->out->removed_nodes) {
    const auto found = by_node_.find(node);
    if (found == by_node_.end()) continue;
    for (const Session& session : found->second) digest_ -= digest_of(node, session);
    by_node_.erase(found);
  }
}

void AppliedRequestTable::save(wire::SnapshotHead* head) const {
  for (const auto& [node, sessions] : by_node_) {
    for (const Session& session : sessions) {
      wire::AppliedSession* out = head->add_applied();
      out->set_node(node);
      out->set_session(session.id);
      out->set_forgotten(session.forgotten);
      uint64_t last = session.forgotten;
      for (const uint64_t number : session.numbers) out->add_steps(number - std::exchange(last, number));
    }
  }
}

Status AppliedRequestTable::load(const wire::SnapshotHead& head, SnapshotReader*) {
  for (const wire::AppliedSession& from : head.applied()) {
    Session session{from.session(), from.forgotten(), {}};
    uint64_t number = from.forgotten();
    for (const uint64_t step : from.steps()) {
      if (step == 0 || step > UINT64_MAX - number)
        return fail(Code::kCorrupt, "the snapshot holds a request twice");
      session.numbers.insert(session.numbers.end(), number += step);
    }
    CHRONIK_CHECK(restore_session(from.node(), std::move(session)));
  }
  return {};
}

Status AppliedRequestTable::restore_session(int32_t node, Session session) {
  std::vector<Session>& sessions = by_node_[node];
  const bool twice = std::ranges::find(sessions, session.id, &Session::id) != sessions.end();
  const bool in_order = session.numbers.empty() || *session.numbers.begin() > session.forgotten;
  if (twice || !in_order || sessions.size() == kSessions || session.numbers.size() > kRemembered)
    return fail(Code::kCorrupt,
                fmt::format("the snapshot contradicts itself about requests of node {}", node));
  digest_ += digest_of(node, session);
  sessions.push_back(std::move(session));
  return {};
}

}  // namespace chronik::metadata
