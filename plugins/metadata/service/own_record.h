// OwnRecord: this node as the catalog shall know it, and whether it does. Home shard only.
#pragma once

#include <chronik/host.hpp>
#include <string>

#include "metadata/service/catch_up.h"
#include "metadata/service/replica.h"

namespace chronik::metadata {

class OwnRecord {
 public:
  OwnRecord(Host host, const Replica* replica, const CatchUp* catch_up);
  OwnRecord(const OwnRecord&) = delete;
  OwnRecord& operator=(const OwnRecord&) = delete;

  int32_t id() const { return own_.id; }
  const Node& node() const { return own_; }
  // Where clients reach it.
  void set_endpoint(std::string host, uint16_t port);
  // The catalog, or whether it is current, changed. Ends a node that passes for the one that the cluster knows,
  // and warns one that was removed.
  void check();

 private:
  const Host host_;
  const Replica* const replica_;
  const CatchUp* const catch_up_;
  Node own_;
  bool said_removed_ = false;
};

}  // namespace chronik::metadata
