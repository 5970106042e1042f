#include "kafka-proto/wire/errors.h"

#include <array>

namespace chronik::kafka {

namespace {

struct Name {
  ErrorCode code;
  std::string_view text;
};

// By rising number, without a gap.
// clang-format off: one code a line
constexpr std::array kNames = {
    Name{ErrorCode::kUnknownServerError, "UNKNOWN_SERVER_ERROR"},
    Name{ErrorCode::kNone, "NONE"},
    Name{ErrorCode::kOffsetOutOfRange, "OFFSET_OUT_OF_RANGE"},
    Name{ErrorCode::kCorruptMessage, "CORRUPT_MESSAGE"},
    Name{ErrorCode::kUnknownTopicOrPartition, "UNKNOWN_TOPIC_OR_PARTITION"},
    Name{ErrorCode::kInvalidFetchSize, "INVALID_FETCH_SIZE"},
    Name{ErrorCode::kLeaderNotAvailable, "LEADER_NOT_AVAILABLE"},
    Name{ErrorCode::kNotLeaderOrFollower, "NOT_LEADER_OR_FOLLOWER"},
    Name{ErrorCode::kRequestTimedOut, "REQUEST_TIMED_OUT"},
    Name{ErrorCode::kBrokerNotAvailable, "BROKER_NOT_AVAILABLE"},
    Name{ErrorCode::kReplicaNotAvailable, "REPLICA_NOT_AVAILABLE"},
    Name{ErrorCode::kMessageTooLarge, "MESSAGE_TOO_LARGE"},
    Name{ErrorCode::kStaleControllerEpoch, "STALE_CONTROLLER_EPOCH"},
    Name{ErrorCode::kOffsetMetadataTooLarge, "OFFSET_METADATA_TOO_LARGE"},
    Name{ErrorCode::kNetworkException, "NETWORK_EXCEPTION"},
    Name{ErrorCode::kCoordinatorLoadInProgress, "COORDINATOR_LOAD_IN_PROGRESS"},
    Name{ErrorCode::kCoordinatorNotAvailable, "COORDINATOR_NOT_AVAILABLE"},
    Name{ErrorCode::kNotCoordinator, "NOT_COORDINATOR"},
    Name{ErrorCode::kInvalidTopicException, "INVALID_TOPIC_EXCEPTION"},
    Name{ErrorCode::kRecordListTooLarge, "RECORD_LIST_TOO_LARGE"},
    Name{ErrorCode::kNotEnoughReplicas, "NOT_ENOUGH_REPLICAS"},
    Name{ErrorCode::kNotEnoughReplicasAfterAppend, "NOT_ENOUGH_REPLICAS_AFTER_APPEND"},
    Name{ErrorCode::kInvalidRequiredAcks, "INVALID_REQUIRED_ACKS"},
    Name{ErrorCode::kIllegalGeneration, "ILLEGAL_GENERATION"},
    Name{ErrorCode::kInconsistentGroupProtocol, "INCONSISTENT_GROUP_PROTOCOL"},
    Name{ErrorCode::kInvalidGroupId, "INVALID_GROUP_ID"},
    Name{ErrorCode::kUnknownMemberId, "UNKNOWN_MEMBER_ID"},
    Name{ErrorCode::kInvalidSessionTimeout, "INVALID_SESSION_TIMEOUT"},
    Name{ErrorCode::kRebalanceInProgress, "REBALANCE_IN_PROGRESS"},
    Name{ErrorCode::kInvalidCommitOffsetSize, "INVALID_COMMIT_OFFSET_SIZE"},
    Name{ErrorCode::kTopicAuthorizationFailed, "TOPIC_AUTHORIZATION_FAILED"},
    Name{ErrorCode::kGroupAuthorizationFailed, "GROUP_AUTHORIZATION_FAILED"},
    Name{ErrorCode::kClusterAuthorizationFailed, "CLUSTER_AUTHORIZATION_FAILED"},
    Name{ErrorCode::kInvalidTimestamp, "INVALID_TIMESTAMP"},
    Name{ErrorCode::kUnsupportedSaslMechanism, "UNSUPPORTED_SASL_MECHANISM"},
    Name{ErrorCode::kIllegalSaslState, "ILLEGAL_SASL_STATE"},
    Name{ErrorCode::kUnsupportedVersion, "UNSUPPORTED_VERSION"},
    Name{ErrorCode::kTopicAlreadyExists, "TOPIC_ALREADY_EXISTS"},
    Name{ErrorCode::kInvalidPartitions, "INVALID_PARTITIONS"},
    Name{ErrorCode::kInvalidReplicationFactor, "INVALID_REPLICATION_FACTOR"},
    Name{ErrorCode::kInvalidReplicaAssignment, "INVALID_REPLICA_ASSIGNMENT"},
    Name{ErrorCode::kInvalidConfig, "INVALID_CONFIG"},
    Name{ErrorCode::kNotController, "NOT_CONTROLLER"},
    Name{ErrorCode::kInvalidRequest, "INVALID_REQUEST"},
    Name{ErrorCode::kUnsupportedForMessageFormat, "UNSUPPORTED_FOR_MESSAGE_FORMAT"},
    Name{ErrorCode::kPolicyViolation, "POLICY_VIOLATION"},
    Name{ErrorCode::kOutOfOrderSequenceNumber, "OUT_OF_ORDER_SEQUENCE_NUMBER"},
    Name{ErrorCode::kDuplicateSequenceNumber, "DUPLICATE_SEQUENCE_NUMBER"},
    Name{ErrorCode::kInvalidProducerEpoch, "INVALID_PRODUCER_EPOCH"},
    Name{ErrorCode::kInvalidTxnState, "INVALID_TXN_STATE"},
    Name{ErrorCode::kInvalidProducerIdMapping, "INVALID_PRODUCER_ID_MAPPING"},
    Name{ErrorCode::kInvalidTransactionTimeout, "INVALID_TRANSACTION_TIMEOUT"},
    Name{ErrorCode::kConcurrentTransactions, "CONCURRENT_TRANSACTIONS"},
    Name{ErrorCode::kTransactionCoordinatorFenced, "TRANSACTION_COORDINATOR_FENCED"},
    Name{ErrorCode::kTransactionalIdAuthorizationFailed, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED"},
    Name{ErrorCode::kSecurityDisabled, "SECURITY_DISABLED"},
    Name{ErrorCode::kOperationNotAttempted, "OPERATION_NOT_ATTEMPTED"},
    Name{ErrorCode::kKafkaStorageError, "KAFKA_STORAGE_ERROR"},
    Name{ErrorCode::kLogDirNotFound, "LOG_DIR_NOT_FOUND"},
    Name{ErrorCode::kSaslAuthenticationFailed, "SASL_AUTHENTICATION_FAILED"},
    Name{ErrorCode::kUnknownProducerId, "UNKNOWN_PRODUCER_ID"},
    Name{ErrorCode::kReassignmentInProgress, "REASSIGNMENT_IN_PROGRESS"},
    Name{ErrorCode::kDelegationTokenAuthDisabled, "DELEGATION_TOKEN_AUTH_DISABLED"},
    Name{ErrorCode::kDelegationTokenNotFound, "DELEGATION_TOKEN_NOT_FOUND"},
    Name{ErrorCode::kDelegationTokenOwnerMismatch, "DELEGATION_TOKEN_OWNER_MISMATCH"},
    Name{ErrorCode::kDelegationTokenRequestNotAllowed, "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED"},
    Name{ErrorCode::kDelegationTokenAuthorizationFailed, "DELEGATION_TOKEN_AUTHORIZATION_FAILED"},
    Name{ErrorCode::kDelegationTokenExpired, "DELEGATION_TOKEN_EXPIRED"},
    Name{ErrorCode::kInvalidPrincipalType, "INVALID_PRINCIPAL_TYPE"},
    Name{ErrorCode::kNonEmptyGroup, "NON_EMPTY_GROUP"},
    Name{ErrorCode::kGroupIdNotFound, "GROUP_ID_NOT_FOUND"},
    Name{ErrorCode::kFetchSessionIdNotFound, "FETCH_SESSION_ID_NOT_FOUND"},
    Name{ErrorCode::kInvalidFetchSessionEpoch, "INVALID_FETCH_SESSION_EPOCH"},
    Name{ErrorCode::kListenerNotFound, "LISTENER_NOT_FOUND"},
    Name{ErrorCode::kTopicDeletionDisabled, "TOPIC_DELETION_DISABLED"},
    Name{ErrorCode::kFencedLeaderEpoch, "FENCED_LEADER_EPOCH"},
    Name{ErrorCode::kUnknownLeaderEpoch, "UNKNOWN_LEADER_EPOCH"},
    Name{ErrorCode::kUnsupportedCompressionType, "UNSUPPORTED_COMPRESSION_TYPE"},
    Name{ErrorCode::kStaleBrokerEpoch, "STALE_BROKER_EPOCH"},
    Name{ErrorCode::kOffsetNotAvailable, "OFFSET_NOT_AVAILABLE"},
    Name{ErrorCode::kMemberIdRequired, "MEMBER_ID_REQUIRED"},
    Name{ErrorCode::kPreferredLeaderNotAvailable, "PREFERRED_LEADER_NOT_AVAILABLE"},
    Name{ErrorCode::kGroupMaxSizeReached, "GROUP_MAX_SIZE_REACHED"},
    Name{ErrorCode::kFencedInstanceId, "FENCED_INSTANCE_ID"},
    Name{ErrorCode::kEligibleLeadersNotAvailable, "ELIGIBLE_LEADERS_NOT_AVAILABLE"},
    Name{ErrorCode::kElectionNotNeeded, "ELECTION_NOT_NEEDED"},
    Name{ErrorCode::kNoReassignmentInProgress, "NO_REASSIGNMENT_IN_PROGRESS"},
    Name{ErrorCode::kGroupSubscribedToTopic, "GROUP_SUBSCRIBED_TO_TOPIC"},
    Name{ErrorCode::kInvalidRecord, "INVALID_RECORD"},
    Name{ErrorCode::kUnstableOffsetCommit, "UNSTABLE_OFFSET_COMMIT"},
    Name{ErrorCode::kThrottlingQuotaExceeded, "THROTTLING_QUOTA_EXCEEDED"},
    Name{ErrorCode::kProducerFenced, "PRODUCER_FENCED"},
    Name{ErrorCode::kResourceNotFound, "RESOURCE_NOT_FOUND"},
    Name{ErrorCode::kDuplicateResource, "DUPLICATE_RESOURCE"},
    Name{ErrorCode::kUnacceptableCredential, "UNACCEPTABLE_CREDENTIAL"},
    Name{ErrorCode::kInconsistentVoterSet, "INCONSISTENT_VOTER_SET"},
    Name{ErrorCode::kInvalidUpdateVersion, "INVALID_UPDATE_VERSION"},
    Name{ErrorCode::kFeatureUpdateFailed, "FEATURE_UPDATE_FAILED"},
    Name{ErrorCode::kPrincipalDeserializationFailure, "PRINCIPAL_DESERIALIZATION_FAILURE"},
    Name{ErrorCode::kSnapshotNotFound, "SNAPSHOT_NOT_FOUND"},
    Name{ErrorCode::kPositionOutOfRange, "POSITION_OUT_OF_RANGE"},
    Name{ErrorCode::kUnknownTopicId, "UNKNOWN_TOPIC_ID"},
    Name{ErrorCode::kDuplicateBrokerRegistration, "DUPLICATE_BROKER_REGISTRATION"},
    Name{ErrorCode::kBrokerIdNotRegistered, "BROKER_ID_NOT_REGISTERED"},
    Name{ErrorCode::kInconsistentTopicId, "INCONSISTENT_TOPIC_ID"},
    Name{ErrorCode::kInconsistentClusterId, "INCONSISTENT_CLUSTER_ID"},
    Name{ErrorCode::kTransactionalIdNotFound, "TRANSACTIONAL_ID_NOT_FOUND"},
    Name{ErrorCode::kFetchSessionTopicIdError, "FETCH_SESSION_TOPIC_ID_ERROR"},
    Name{ErrorCode::kIneligibleReplica, "INELIGIBLE_REPLICA"},
    Name{ErrorCode::kNewLeaderElected, "NEW_LEADER_ELECTED"},
    Name{ErrorCode::kOffsetMovedToTieredStorage, "OFFSET_MOVED_TO_TIERED_STORAGE"},
    Name{ErrorCode::kFencedMemberEpoch, "FENCED_MEMBER_EPOCH"},
    Name{ErrorCode::kUnreleasedInstanceId, "UNRELEASED_INSTANCE_ID"},
    Name{ErrorCode::kUnsupportedAssignor, "UNSUPPORTED_ASSIGNOR"},
    Name{ErrorCode::kStaleMemberEpoch, "STALE_MEMBER_EPOCH"},
    Name{ErrorCode::kMismatchedEndpointType, "MISMATCHED_ENDPOINT_TYPE"},
    Name{ErrorCode::kUnsupportedEndpointType, "UNSUPPORTED_ENDPOINT_TYPE"},
    Name{ErrorCode::kUnknownControllerId, "UNKNOWN_CONTROLLER_ID"},
    Name{ErrorCode::kUnknownSubscriptionId, "UNKNOWN_SUBSCRIPTION_ID"},
    Name{ErrorCode::kTelemetryTooLarge, "TELEMETRY_TOO_LARGE"},
    Name{ErrorCode::kInvalidRegistration, "INVALID_REGISTRATION"},
    Name{ErrorCode::kTransactionAbortable, "TRANSACTION_ABORTABLE"},
    Name{ErrorCode::kInvalidRecordState, "INVALID_RECORD_STATE"},
    Name{ErrorCode::kShareSessionNotFound, "SHARE_SESSION_NOT_FOUND"},
    Name{ErrorCode::kInvalidShareSessionEpoch, "INVALID_SHARE_SESSION_EPOCH"},
    Name{ErrorCode::kFencedStateEpoch, "FENCED_STATE_EPOCH"},
    Name{ErrorCode::kInvalidVoterKey, "INVALID_VOTER_KEY"},
    Name{ErrorCode::kDuplicateVoter, "DUPLICATE_VOTER"},
    Name{ErrorCode::kVoterNotFound, "VOTER_NOT_FOUND"},
    Name{ErrorCode::kInvalidRegularExpression, "INVALID_REGULAR_EXPRESSION"},
    Name{ErrorCode::kRebootstrapRequired, "REBOOTSTRAP_REQUIRED"},
    Name{ErrorCode::kStreamsInvalidTopology, "STREAMS_INVALID_TOPOLOGY"},
    Name{ErrorCode::kStreamsInvalidTopologyEpoch, "STREAMS_INVALID_TOPOLOGY_EPOCH"},
    Name{ErrorCode::kStreamsTopologyFenced, "STREAMS_TOPOLOGY_FENCED"},
    Name{ErrorCode::kShareSessionLimitReached, "SHARE_SESSION_LIMIT_REACHED"},
};
// clang-format on

constexpr bool numbers_rise_by_one() {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (static_cast<int>(kNames[i].code) != static_cast<int>(i) - 1) return false;
  }
  return true;
}
static_assert(numbers_rise_by_one());

}  // namespace

std::string_view error_name(ErrorCode code) {
  const int at = static_cast<int>(code) + 1;
  return at >= 0 && at < static_cast<int>(kNames.size()) ? kNames[static_cast<size_t>(at)].text
                                                         : "UNKNOWN_ERROR_CODE";
}

bool is_retriable(ErrorCode code) {
  switch (code) {
    case ErrorCode::kCorruptMessage:
    case ErrorCode::kUnknownTopicOrPartition:
    case ErrorCode::kLeaderNotAvailable:
    case ErrorCode::kNotLeaderOrFollower:
    case ErrorCode::kRequestTimedOut:
    case ErrorCode::kReplicaNotAvailable:
    case ErrorCode::kNetworkException:
    case ErrorCode::kCoordinatorLoadInProgress:
    case ErrorCode::kCoordinatorNotAvailable:
    case ErrorCode::kNotCoordinator:
    case ErrorCode::kNotEnoughReplicas:
    case ErrorCode::kNotEnoughReplicasAfterAppend:
    case ErrorCode::kNotController:
    case ErrorCode::kConcurrentTransactions:
    case ErrorCode::kKafkaStorageError:
    case ErrorCode::kFetchSessionIdNotFound:
    case ErrorCode::kInvalidFetchSessionEpoch:
    case ErrorCode::kListenerNotFound:
    case ErrorCode::kFencedLeaderEpoch:
    case ErrorCode::kUnknownLeaderEpoch:
    case ErrorCode::kOffsetNotAvailable:
    case ErrorCode::kPreferredLeaderNotAvailable:
    case ErrorCode::kEligibleLeadersNotAvailable:
    case ErrorCode::kElectionNotNeeded:
    case ErrorCode::kUnstableOffsetCommit:
    case ErrorCode::kThrottlingQuotaExceeded:
    case ErrorCode::kUnknownTopicId:
    case ErrorCode::kInconsistentTopicId:
    case ErrorCode::kFetchSessionTopicIdError:
    case ErrorCode::kShareSessionNotFound:
    case ErrorCode::kInvalidShareSessionEpoch:
    case ErrorCode::kShareSessionLimitReached:
      return true;
    default:
      return false;
  }
}

}  // namespace chronik::kafka
