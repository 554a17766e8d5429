"""What workers and commands raise on purpose, besides the errors of topics/errors.py. One line each; the message says
what to do next."""

from sidestep.topics.errors import SidestepError


class Unsaid(Exception):
    """An error of ours in a log, in place of itself: where it happened, and no word of what it was about."""


def without_text(error: BaseException) -> Unsaid:
    """What is logged of an error that came of what strangers sent: its class and its traceback, which shows no values.
    Its text may quote an address, or half of one."""
    return Unsaid(f"{type(error).__name__}; its text may quote what was received").with_traceback(error.__traceback__)


class SettingsError(SidestepError):
    """A setting is missing or makes no sense."""


class PolicyError(SidestepError):
    """The policy file can't be used as it stands."""


class EmbeddedBrokerError(SidestepError):
    """The embedded Kafka could not be fetched or started."""


class Fenced(SidestepError):
    """Another worker has taken over this partition."""


class LedgerError(SidestepError):
    """The ledger on disk does not fit its changelog, or the disk does not take it."""


class LedgerDamaged(LedgerError):
    """Files of the ledger on disk are damaged; the next start sets them aside and rebuilds them."""


class LedgerInUse(LedgerError):
    """Another process uses the ledger's folder."""


class Hanging(SidestepError):
    """A transaction hangs in a partition, and its records do not say how it was decided."""


class PartitionsChanged(SidestepError):
    """The log, or the tallies, have another number of partitions than what is known was laid down with."""


class GrowthStopped(SidestepError):
    """Partitions can't be grown so, or could not be grown to the end."""


class NoPolicy(SidestepError):
    """An intent stands in the log before any policy."""


class TooManyDeadLetters(SidestepError):
    """Nearly everything that arrives is unreadable: a broken producer, not a broken record."""


class RedriveError(SidestepError):
    """What is known of the dead letters that were sent back can't be read."""


class WorkerCrashed(SidestepError):
    """Something below the agents has ended that must not; the supervisor starts the worker again."""


class HashKeyMismatch(SidestepError):
    """This worker's hash key is not the one that the ledger's recipients were keyed with."""


class LogLayoutError(SidestepError):
    """Evidence lies in other partitions of the log than this worker would put it in."""


class SourcesError(SidestepError):
    """The sources file (block lists, feeds, reputation services, the probe) can't be used as it stands."""


class StopOverdue(SidestepError):
    """The worker was to end, and what it had in hand did not end in time."""


class RightsError(SidestepError):
    """Kafka's rights or quotas can't be read, can't be changed, or there are none."""


class UnknownEngine(SidestepError):
    """Verdicts were judged by another version of the fold than this one."""


class SnapshotNeeded(SidestepError):
    """The log no longer begins at its beginning, so nothing that rests on it can be proved from the log alone."""


class SnapshotRefused(SidestepError):
    """A snapshot is damaged, or of another cluster, partition, format or a newer version: it is not used."""


class SnapshotsUnreachable(SidestepError):
    """The place where snapshots are kept does not answer, or does not take them."""


class AuditFailed(SidestepError):
    """An audit could not be carried through; what it says nothing of is neither proved nor refuted."""


class ChainRefused(SidestepError):
    """A statement of chain heads can't be used, or can't be made."""


class BacktestFailed(SidestepError):
    """A backtest could not be carried through."""


class ImportFailed(SidestepError):
    """A list could not be checked; no answer was written."""
