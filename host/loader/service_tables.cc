#include "host/loader/service_tables.h"

#include <chronik/consensus.h>
#include <chronik/draft/assignor.h>
#include <chronik/draft/storage_admin.h>
#include <chronik/metadata.h>
#include <chronik/net.h>
#include <chronik/retry_policy.h>
#include <chronik/storage.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "host/loader/manifest.h"

namespace chronik::host {
namespace {

struct Head {
  uint32_t struct_size, rev;
};

// The functions of the tables in their order, for messages.
constexpr std::string_view kStorage[] = {"open_group", "list_groups", "write",  "read",
                                         "find",       "get",         "bounds", "usage"};
constexpr std::string_view kConsensus[] = {"shard_of", "open_group", "close_group", "delete_group",
                                           "propose",  "read",       "find",        "epoch_end",
                                           "bounds",   "trim",       "barrier",     "transfer",
                                           "watch",    "unwatch",    "status",      "change_members"};
constexpr std::string_view kMetadata[] = {"catalog",
                                          "release",
                                          "version",
                                          "cluster_id",
                                          "controller",
                                          "n_topics",
                                          "topic_at",
                                          "topic_by_name",
                                          "topic_by_id",
                                          "partition",
                                          "config_at",
                                          "n_brokers",
                                          "broker_at",
                                          "watch",
                                          "unwatch",
                                          "create_topics",
                                          "delete_topics",
                                          "create_partitions",
                                          "allocate_producer_ids",
                                          "announce",
                                          "alter_reassignments",
                                          "finish_reassignments",
                                          "describe_quorum",
                                          "alter_configs"};
constexpr std::string_view kRetryPolicy[] = {"next_delay"};
constexpr std::string_view kProtocol[] = {"accept", "data", "drained", "closed"};
constexpr std::string_view kAssignor[] = {"assign"};
constexpr std::string_view kStorageAdmin[] = {"check", "open", "close", "groups", "keys", "entries"};

struct Shape {
  std::string_view service;
  uint32_t size;
  std::span<const std::string_view> functions;
  bool named = false;  // several plugins may provide it, each under a name of its own
};
constexpr Shape kShapes[] = {{CHR_STORAGE_ID, sizeof(chr_storage_v1), kStorage},
                             {CHR_CONSENSUS_ID, sizeof(chr_consensus_v1), kConsensus},
                             {CHR_METADATA_ID, sizeof(chr_metadata_v1), kMetadata},
                             {CHR_RETRY_POLICY_ID, sizeof(chr_retry_policy_v1), kRetryPolicy},
                             {CHR_PROTOCOL_ID, sizeof(chr_protocol_v1), kProtocol},
                             {CHR_ASSIGNOR_ID, sizeof(chr_assignor_v1), kAssignor, true},
                             {CHR_STORAGE_ADMIN_ID, sizeof(chr_storage_admin_v1), kStorageAdmin}};
static_assert(std::ranges::all_of(kShapes, [](const Shape& shape) {
  return shape.size == sizeof(Head) + shape.functions.size() * sizeof(void*);
}));

const Shape* find_shape(std::string_view service) {
  const auto* const shape = std::ranges::find(kShapes, without_name(service), &Shape::service);
  return shape == std::end(kShapes) ? nullptr : shape;
}

}  // namespace

Status check_service_name(std::string_view provided) {
  const Shape* const shape = find_shape(provided);
  const bool has_name = without_name(provided) != provided;
  if (shape == nullptr || shape->named == has_name) return {};
  if (has_name)
    return fail(Code::kInvalidArgument,
                fmt::format("one plugin provides {}; leave the name out", shape->service));
  return fail(Code::kInvalidArgument,
              fmt::format("several plugins may provide it, each under a name: write \"{}:NAME\"", provided));
}

Status check_service_table(std::string_view service, const void* table) {
  const auto wrong = [&](std::string_view field, std::string_view what) {
    return fail(Code::kInvalidArgument,
                fmt::format("its table of {} is wrong: field {}: {}", service, field, what));
  };
  Head head{};
  std::memcpy(&head, table, sizeof head);
  const Shape* const shape = find_shape(service);
  if (shape != nullptr && head.struct_size != shape->size)
    return wrong("struct_size", fmt::format("{} instead of {}", head.struct_size, shape->size));
  if (head.struct_size < sizeof head)
    return wrong("struct_size",
                 fmt::format("{}, but every table has {} bytes at least", head.struct_size, sizeof head));
  if (head.rev != 1) return wrong("rev", fmt::format("{} instead of 1", head.rev));
  if (shape == nullptr) return {};
  const auto* at = static_cast<const char*>(table) + sizeof head;
  for (const std::string_view name : shape->functions) {
    void* function = nullptr;
    std::memcpy(&function, at, sizeof function);
    if (function == nullptr) return wrong(name, "is NULL");
    at += sizeof function;
  }
  return {};
}

}  // namespace chronik::host
