// AppendQueue: appends from the leader's check to the answer, with Kafka's acks. On the partition's shard.
//
//   an append is    | left with
//   early           | see HeldAppends: it came before its leader led, or there was no room for it
//   checked         | not in order, too few in sync: answered. This node does not lead: held. It stands in the log
//                   | already: a repeat. Else proposed, in the same turn
//   proposed        | consensus has no room: early. It refuses: held or answered. It is on as many disks as acks says: answered
//   short of copies | (proposed with acks=all, and wants more copies than a majority) copied: answered; committed,
//                   | and too few are in sync: NOT_ENOUGH_REPLICAS_AFTER_APPEND; leadership lost: held
//   a repeat        | the original is applied: answered, or short of copies as far as it is committed; leadership
//                   | lost, or entries truncated: held
//   held            | see HeldAppends: it is answered, or checked again
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "kafka-proto/partition/append.h"
#include "kafka-proto/partition/held_appends.h"
#include "kafka-proto/partition/in_sync_replicas.h"
#include "kafka-proto/partition/origin.h"
#include "kafka-proto/partition/producer_dedup.h"
#include "kafka-proto/records/validate.h"

namespace chronik::kafka {

// A batch that passed validate_batch(), with the lease of its bytes, which may be patched.
struct AppendRequest {
  const AdmittedBatch& batch;
  const Lease& frame;
  int16_t acks;
  Origin origin;
};

class AppendQueue {
 public:
  // placed(bytes): a batch got its place in the log.
  AppendQueue(Replica& replica, HeldAppends& held, InSyncReplicas& in_sync, ProducerDedup& dedup,
              std::function<void(size_t)> placed)
      : replica_(replica), held_(held), in_sync_(in_sync), dedup_(dedup), placed_(std::move(placed)) {}
  AppendQueue(const AppendQueue&) = delete;
  AppendQueue& operator=(const AppendQueue&) = delete;

  // The batch and its lease stay where they are until done(). Never overtakes an append that came before it.
  void append(const AppendRequest& request, AppendDone done);

  // Entries up to this one are applied: their repeats are done.
  void finish_repeats(uint64_t up_to_index);
  // More is committed, or more is known of the replicas.
  void finish_copied(const InSyncReplicas::State& replicas);
  bool waits_for_copies() const { return !short_of_copies_.empty(); }
  // Leadership went, and with it what is known of the others.
  void fail_waits();

 private:
  struct Append {     // a batch on its way
    AppendDone done;  // null once it was answered
    Appended answer;
    void finish() {
      if (done != nullptr) std::exchange(done, nullptr)(std::move(answer));
    }
  };
  struct Duplicate {  // a batch that was sent again while the original is under way
    std::shared_ptr<Append> append;
    int64_t end;   // the offset after it
    int16_t acks;  // of the repeat
  };
  struct CopiesWait {
    uint64_t index;  // of the entry; 0: it is committed
    int64_t end;     // the offset after it
    std::shared_ptr<Append> append;
  };

  void admit(const AppendRequest& request, AppendDone done);
  HeldAppends::Again again(const AppendRequest& request);
  void refuse(const AppendRequest& request, AppendDone done, Appended answer);
  void add_repeat(const ProducerStates::Duplicate& original, const AppendRequest& request, AppendDone done,
                  Appended answer);
  void finish_duplicate(Duplicate duplicate);
  void propose(const AppendRequest& request, AppendDone done);

  Replica& replica_;
  HeldAppends& held_;
  InSyncReplicas& in_sync_;
  ProducerDedup& dedup_;
  const std::function<void(size_t)> placed_;
  std::multimap<uint64_t, Duplicate> duplicates_;  // by the index of the original
  std::vector<CopiesWait> short_of_copies_;        // appends and repeats
};

}  // namespace chronik::kafka
