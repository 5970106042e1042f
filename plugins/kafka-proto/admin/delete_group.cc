// DELETE /v1/groups/ID: of a group without members, with all that it has committed.
#include <boost/json.hpp>

#include "kafka-proto/admin/routes.h"
#include "kafka-proto/partition/by_shard.h"

namespace chronik::kafka {

void delete_group(const AdminContext& context, const std::string& id, const AdminReply& reply) {
  const Host host = context.services.host;
  const auto finish = [host, id, reply](ErrorCode error) {
    on_shard(host, 0, [id, reply, error] {
      if (error != ErrorCode::kNone) return reply(admin_refusal(error, id));
      reply(admin_answer(
          {{"id", to_utf8(id)}, {"message", "the group is deleted, with what it had committed"}}));
    });
  };
  context.groups.use(id, [id, finish](ErrorCode error, GroupShard* groups) {
    groups == nullptr ? finish(error) : groups->remove(id, finish);
  });
}

}  // namespace chronik::kafka
