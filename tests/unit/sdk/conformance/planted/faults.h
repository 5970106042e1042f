// The bugs that planted.cc can have, and the test of the conformance kit that each must fail. One row at
// least for every test of the kit.
#pragma once

#include <array>

namespace chronik::storage_planted {

enum Fault : int {
  kNone = 0,
  kIdsChange,
  kAnyName,
  kLastEntryLost,
  kGapsAreEnds,
  kMaxBytesIgnored,
  kHeadersOnlyIgnored,
  kUnknownGroupsAreEmpty,
  kTruncatesOneLess,
  kTrimsOneLess,
  kTrimsInPart,
  kLargeValuesCut,
  kFirstStepAlone,
  kReversesACall,
  kOneFailsAll,
  kBoundsRunAhead,
  kAcceptsAnything,
  kDropOnlyEmpties,
  kUsageOnlyGrows,
  kKeysGoAtRestart,
  kLeaseEndsWithNextWrite,
  kLeaseEndsWithInstance,
  kSlicesWithoutLease,
  kQueueUnbounded,
  kFullIsSilent,
  kDeletesForgotten,
  kFindsNearby,
  kAcksBeforeSync,
  kAcksBatchesBeforeSync,
  kSyncsNothing,
  kStartSyncsNothing,
  kSkipsDamaged,
  kFullIsFatal,
  kFailedSyncIsSilent,
  kNeverTrims,
  kTrimOfAllWraps,
};

// Which storage carries it: with the host's files, or with its own.
enum class Carrier { kMemory, kLmdb };

struct Row {
  Fault fault;
  Carrier carrier;
  const char* test;  // of the kit, that must fail
  const char* what;
};

inline constexpr auto kRows = std::to_array<Row>({
    {kIdsChange, Carrier::kMemory, "StorageConformance.GroupsHaveStableIds",
     "a group's id is another one each time"},
    {kAnyName, Carrier::kMemory, "StorageConformance.NamesHaveOneTo255Bytes", "the empty name is taken"},
    {kLastEntryLost, Carrier::kMemory, "StorageConformance.AppendsToManyGroupsAndReadsThemBack",
     "a read leaves out the last entry"},
    {kGapsAreEnds, Carrier::kMemory, "StorageConformance.IndexesMayHaveGaps",
     "a read that begins in a gap finds nothing"},
    {kMaxBytesIgnored, Carrier::kMemory, "StorageConformance.ReadsKeepToTheirLimits", "max_bytes is ignored"},
    {kHeadersOnlyIgnored, Carrier::kMemory, "StorageConformance.HeadersOnlyLeavesPayloadsOut",
     "headers_only is ignored"},
    {kUnknownGroupsAreEmpty, Carrier::kMemory, "StorageConformance.EmptyAndUnknownGroups",
     "a group that does not exist is read as an empty one"},
    {kTruncatesOneLess, Carrier::kMemory, "StorageConformance.TruncateRemovesTheEnd",
     "a truncation leaves its first entry"},
    {kTrimsOneLess, Carrier::kMemory, "StorageConformance.TrimRemovesTheStart",
     "a trim leaves its last entry"},
    {kTrimsInPart, Carrier::kMemory, "StorageConformance.LongTrimsAreWholeAtOnce",
     "a trim removes at most 1000 entries"},
    {kTrimOfAllWraps, Carrier::kMemory, "StorageConformance.ATrimOfAllLeavesAnEmptyLog",
     "one past the largest index is zero"},
    {kLargeValuesCut, Carrier::kMemory, "StorageConformance.Keys", "values are cut after 64 KiB"},
    {kFirstStepAlone, Carrier::kMemory, "StorageConformance.AWriteIsAtomic",
     "the first step of a write is a write of its own"},
    {kReversesACall, Carrier::kMemory, "StorageConformance.WritesOfAGroupKeepTheirOrder",
     "the writes of a call are made from the last to the first"},
    {kOneFailsAll, Carrier::kMemory, "StorageConformance.ABadWriteHarmsNoOther",
     "one bad write fails all that are completed with it"},
    {kBoundsRunAhead, Carrier::kMemory, "StorageConformance.NotReadableBeforeItIsComplete",
     "bounds count what is still queued"},
    {kAcceptsAnything, Carrier::kMemory, "StorageConformance.RefusesInvalidArguments",
     "an invalid write is dropped and acknowledged"},
    {kDropOnlyEmpties, Carrier::kMemory, "StorageConformance.DropRemovesAGroup",
     "a dropped group goes on as an empty one"},
    {kUsageOnlyGrows, Carrier::kMemory, "StorageConformance.BoundsAndUsage", "used_bytes never falls"},
    {kKeysGoAtRestart, Carrier::kMemory, "StorageConformance.ReopensAsItWas",
     "keys are gone after a restart"},
    {kLeaseEndsWithNextWrite, Carrier::kMemory, "StorageConformance.LeasesOutliveWhatHappensLater",
     "a lease is good until the next write"},
    {kLeaseEndsWithInstance, Carrier::kMemory, "StorageConformance.ALeaseOutlivesTheInstance",
     "a lease is good until the instance ends"},
    {kSlicesWithoutLease, Carrier::kMemory, "StorageConformance.PayloadSlicesCarryTheLease",
     "payloads carry no lease"},
    {kQueueUnbounded, Carrier::kMemory, "StorageConformance.BoundsWhatIsQueued",
     "what does not fit into the queue is taken all the same"},
    {kFullIsSilent, Carrier::kMemory, "StorageConformance.AFullStoreRefusesAndRecovers",
     "a full store acknowledges what it drops"},
    {kFullIsSilent, Carrier::kMemory, "StorageDrains.LeaveNoHoleWhateverIsRefused",
     "a full store acknowledges what it drops, and a hole appears"},
    {kDeletesForgotten, Carrier::kMemory, "StorageRandom.DoesAsTheModel", "deletes are forgotten"},
    {kFindsNearby, Carrier::kMemory, "StorageRandom.FindsInALongLog", "find() returns a later entry"},
    {kAcksBeforeSync, Carrier::kMemory, "StorageCrash.EveryImageAtEverySyncBoundaryRecovers",
     "a write is acknowledged when it is queued"},
    {kAcksBatchesBeforeSync, Carrier::kLmdb, "StorageCrash.EveryImageAtEverySyncBoundaryRecovers",
     "a call of more than one write is acknowledged before its commit"},
    {kSyncsNothing, Carrier::kMemory, "StorageCrash.EveryImageAtEverySyncBoundaryRecovers",
     "nothing is synced"},
    {kStartSyncsNothing, Carrier::kMemory, "StorageCrash.WhatAStartShowsSurvivesAPowerLoss",
     "a start shows what the killed process had not synced"},
    {kSkipsDamaged, Carrier::kLmdb, "StorageCrash.DamagedPayloadsAreNotServed",
     "a damaged entry is left out without a word"},
    {kFullIsFatal, Carrier::kLmdb, "StorageFaults.AFullDiskIsBackpressure", "a full disk is an IO error"},
    {kFailedSyncIsSilent, Carrier::kLmdb, "StorageFaults.AFailedSyncIsFatalAndNothingIsAcknowledged",
     "a write whose sync failed is acknowledged"},
    {kNeverTrims, Carrier::kLmdb, "StorageSpace.WhatIsTrimmedIsUsedAgain", "trims are forgotten"},
});

}  // namespace chronik::storage_planted
