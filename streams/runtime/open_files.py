"""How many files and sockets a process may have open."""

from sidestep.streams.errors import SettingsError

WANTED = 4096
NEEDED = 256
"""One partition's ledger has some fifty files open, its clients a dozen sockets; a worker alone has four of each."""


def raise_open_files() -> None:
    """Use what the hard limit allows, up to WANTED. Does nothing on Windows. Raises SettingsError where that is less
    than NEEDED: librdkafka would take a socket that it does not get for a broker that does not answer."""
    try:
        import resource
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = enough(soft, hard, resource.RLIM_INFINITY)
    if allowed != soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def enough(soft: int, hard: int, unlimited: int) -> int:
    """The soft limit to set. Raises SettingsError."""
    if soft == unlimited or soft >= WANTED:
        return soft
    allowed = WANTED if hard == unlimited else min(hard, WANTED)
    if allowed < NEEDED:
        raise SettingsError(
            f"This worker may open {allowed} files, and needs at least {NEEDED}: raise the limit (ulimit -n, "
            f"LimitNOFILE of systemd, ulimits of Compose), best to {WANTED}."
        )
    return allowed
