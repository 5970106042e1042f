// What operators ask over HTTP, on any node: /v1/cluster, and /v1/nodes with nodes that are
// added and decommissioned. Answers in JSON; a change goes to the leader of __meta as those of
// clients do. Home shard only.
#pragma once

#include <chronik/draft/admin.h>

#include "metadata/service/changes.h"
#include "metadata/service/levels.h"
#include "metadata/service/liveness.h"

namespace chronik::metadata {

class Admin {
 public:
  Admin(Host host, const Replica* replica, const Liveness* liveness, const Levels* levels, Changes* changes)
      : host_(host),
        replica_(replica),
        liveness_(liveness),
        levels_(levels),
        changes_(changes),
        admin_(host.find<chr_admin_v1>(CHR_ADMIN_ID)) {}
  Admin(const Admin&) = delete;
  Admin& operator=(const Admin&) = delete;

  // Takes the routes; a host without HTTP has none.
  Status open();

 private:
  void cluster(uint64_t request, const chr_admin_request& asked);
  int16_t newest_level(int32_t node) const;
  void nodes(uint64_t request, const chr_admin_request& asked);
  void add_node(uint64_t request, std::string_view body);
  void change(uint64_t request, NodeChange what, std::string_view done);
  void answer(uint64_t request, int32_t status, std::string_view json);
  void refuse(uint64_t request, int32_t status, std::string_view message);

  const Host host_;
  const Replica* const replica_;
  const Liveness* const liveness_;
  const Levels* const levels_;
  Changes* const changes_;
  const chr_admin_v1* const admin_;
};

}  // namespace chronik::metadata
