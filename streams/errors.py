"""Every error that Sidestep raises on purpose. One root, one line each; the message says what to do next."""


class SidestepError(Exception):
    """Something a person has to know about. The command line prints its text and exits with 2, workers with 3."""


class SettingsError(SidestepError):
    """A setting is missing or makes no sense."""


class PolicyError(SidestepError):
    """The policy file can't be used as it stands."""


class BrokerUnreachable(SidestepError):
    """No Kafka answers at the address given."""


class EmbeddedBrokerError(SidestepError):
    """The embedded Kafka could not be fetched or started."""


class TopicsError(SidestepError):
    """Topics are missing, or differ from the catalog."""


class PublishFailed(SidestepError):
    """Kafka did not take a record; nothing that depends on it has been acknowledged."""


class Fenced(SidestepError):
    """Another worker has taken over this partition."""


class LedgerError(SidestepError):
    """The ledger on disk does not fit its changelog."""


class LogTruncated(SidestepError):
    """Evidence that has not been judged yet is no longer retained."""


class NoPolicy(SidestepError):
    """An intent stands in the log before any policy."""


class TooManyDeadLetters(SidestepError):
    """Nearly everything that arrives is unreadable: a broken producer, not a broken record."""


class WorkerCrashed(SidestepError):
    """Something below the agents has ended that must not; the supervisor starts the worker again."""


class HashKeyMismatch(SidestepError):
    """This worker's hash key is not the one that the ledger's recipients were keyed with."""


class SourcesError(SidestepError):
    """The sources file (block lists, feeds, reputation services, the probe) can't be used as it stands."""
