"""What a reader makes of the errors that librdkafka hands it among the records."""

from confluent_kafka import KafkaError

from sidestep.topics.cluster import reason
from sidestep.topics.errors import LogTruncated, TopicsError

LOST = (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE)
FORBIDDEN = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError._AUTHENTICATION)
# a new topic exists a moment before its partitions have leaders
NO_LEADER = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART)
NO_TOPIC = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION)


def passing(error: KafkaError | None) -> bool:
    """True for trouble that librdkafka gets over by itself, False for none. Raises LogTruncated and TopicsError for the
    rest."""
    if error is None:
        return False
    if error.code() in LOST:
        raise LogTruncated(f"records that this group has not read are no longer retained: {reason(error)}")
    if error.code() in NO_TOPIC:
        raise TopicsError(f"{reason(error)}: sidestep topics create")
    if error.fatal() or error.code() in FORBIDDEN:
        raise TopicsError(f"reading is not allowed: {reason(error)}")
    return True
