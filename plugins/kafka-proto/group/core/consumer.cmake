# Groups of the consumer protocol (KIP-848).
find_package(fmt REQUIRED)
target_sources(kafka_group_core PRIVATE
  consumer_assignment.cc consumer_change.cc consumer_classic_members.cc consumer_commit.cc consumer_conversion.cc
  consumer_describe.cc consumer_group.cc consumer_protocol.cc consumer_reconcile.cc consumer_requests.cc consumer_state.cc
  consumer_subscriptions.cc member_deadlines.cc partition_sets.cc)
target_link_libraries(kafka_group_core PUBLIC fmt::fmt)
