"""The root of Sidestep's errors, and those that a service meets; streams/errors.py has the others. One line each."""


class SidestepError(Exception):
    """Something a person has to know about. The command line prints its text and exits with 2, workers with 3."""


class BrokerUnreachable(SidestepError):
    """No Kafka answers at the address given."""


class TopicsError(SidestepError):
    """Topics are missing, or differ from the catalog."""


class PublishFailed(SidestepError):
    """Kafka did not take a record; nothing that depends on it has been acknowledged."""


class LogTruncated(SidestepError):
    """Records that have not been read yet are no longer retained."""


class CredentialsError(SidestepError):
    """A certificate, a key or a secret can't be used."""


class UnreadableVerdict(SidestepError):
    """A record among verdicts is none, and its reader was told to stop at one."""


class ReplayError(SidestepError):
    """Records can't be copied as asked, or a file of records can't be read."""


class NotLetIn(BrokerUnreachable):
    """A Kafka is there, and does not let this client in, or is not the one that it should be."""


def words_of(error: Exception) -> str:
    """What the system or OpenSSL says, in the fewest words that it has for it."""
    for name in ("verify_message", "reason", "strerror"):
        if said := getattr(error, name, None):
            return str(said)
    return str(error) or type(error).__name__
