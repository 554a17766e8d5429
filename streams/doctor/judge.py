"""What follows from what a check has seen: rows of the doctor's table. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sidestep.streams.decide.expiry import KEPT_SECONDS, PARTS
from sidestep.streams.doctor.row import CheckRow, CheckStatus
from sidestep.streams.rights.granted import RightsFinding
from sidestep.streams.screen.dns.trust import Said, Trust
from sidestep.streams.screen.key_note import KeyNote
from sidestep.streams.snapshots.keeping import FREE_SHARE
from sidestep.topics.needs import Shortfall

DAY = 86_400
EXPIRY_WARNING, EXPIRY_FAULT = 30, 7
"""Days that a certificate lasts."""

MIB, GIB = 1024**2, 1024**3
DISK_WARNING, DISK_FAULT = 5 * GIB, GIB
"""Octets that are free: a recovery writes a ledger anew beside the one that was set aside."""
INODES_FAULT = 1_000

SKEW_WARNING, SKEW_FAULT = 1.0, 30.0
"""Seconds by which clocks differ. Intents are judged by the time of Screen's machine, certificates by the broker's."""
FRESH = 5.0
"""Seconds: what Kafka wrote last may be so old where workers commit every second."""

SWEPT_SECONDS = PARTS * 3600
"""After which a row that has ended has left the ledger."""

SHOWN = 3
"""Faults of one kind that have rows of their own."""


class SeenCertificate(NamedTuple):
    """A certificate: whose it is, and from when until when it is valid, Unix seconds."""

    where: str
    begins: float
    ends: float


def certificate(seen: SeenCertificate, now: float) -> CheckRow:
    """The row of a certificate: 30 days are time to renew it, and 7 are none."""
    days = int((seen.ends - now) // DAY)
    mend = "Renew it now: it is read again within seconds, without a restart (docs/security.md)."
    if seen.begins > now:
        return CheckRow(
            "certificate", "fault", f"{seen.where}: not valid for another {_span(seen.begins - now)}",
            "Compare the clocks of this machine and of whoever issued it.",
        )  # fmt: skip
    if seen.ends <= now:
        return CheckRow("certificate", "fault", f"{seen.where}: expired {_span(now - seen.ends)} ago", mend)
    status: CheckStatus = "fault" if days < EXPIRY_FAULT else "warning" if days < EXPIRY_WARNING else "ok"
    return CheckRow("certificate", status, f"{seen.where}: {days} days left", "" if status == "ok" else mend)


def clock(written: float | None, now: float) -> CheckRow:
    """The row of this machine's clock against Kafka's. `written`: the time of Kafka's clock when it last wrote
    something of its own, Unix seconds; None: that could not be had."""
    if written is None:
        return CheckRow("clock", "unknown", "Kafka's clock can't be seen: it has written nothing of its own yet",
                        "Run this again while workers are working.")  # fmt: skip
    ahead = written - now
    if ahead > SKEW_WARNING:
        status: CheckStatus = "fault" if ahead > SKEW_FAULT else "warning"
        return CheckRow("clock", status, f"this machine's clock is {_span(ahead)} or more behind Kafka's",
                        "Set it right: run chrony or systemd-timesyncd, on both.")  # fmt: skip
    if -ahead > FRESH:
        what = f"by this clock Kafka wrote last {_span(-ahead)} ago: nobody works, or the clock is fast by that"
        return CheckRow("clock", "unknown", what, "Run this again while workers are working.")
    return CheckRow("clock", "ok", f"differs from Kafka's by less than {FRESH:.0f} s")


def disk(folder: str, free: int, inodes: int | None, writable: bool) -> CheckRow:
    """The row of the data folder's disk. `free`: octets; `inodes`: None where there is no such limit."""
    what = f"{folder}: {free / GIB:.1f} GiB free"
    mend = "Make room, or move the folder: a ledger that can't be written ends its worker."
    if not writable:
        return CheckRow(
            "disk", "fault", f"{folder} can't be written by this user", f"chown it: chown -R $USER {folder}"
        )
    if free < DISK_FAULT or (inodes is not None and inodes < INODES_FAULT):
        more = "" if inodes is None or inodes >= INODES_FAULT else f", and {inodes} more files"
        return CheckRow("disk", "fault", what + more, mend)
    if free < DISK_WARNING:
        return CheckRow("disk", "warning", what, mend)
    return CheckRow("disk", "ok", what)


class KeptLedger(NamedTuple):
    """The snapshots of one ledger."""

    copies: int
    octets: int
    """Of the newest one."""


def snapshot_room(place: str, free: int, ledgers: Iterable[KeptLedger], copies: int) -> CheckRow:
    """The row of the disk that snapshots lie on. `free`: octets; `copies`: of a ledger, that the rule keeps."""
    found = list(ledgers)
    if not found:
        what = f"{place}: none yet; in time there will be {copies} of each ledger, besides itself"
        return CheckRow("snapshots", "ok", what)
    to_come = sum(max(copies - ledger.copies, 0) * ledger.octets for ledger in found)
    needed = to_come + FREE_SHARE * max(ledger.octets for ledger in found)
    what = f"{place}: {free / GIB:.1f} GiB free, {to_come / GIB:.1f} GiB will come by the rule (up to {copies} of each)"
    if free < needed:
        mend = "Make room, keep fewer (SIDESTEP_SNAPSHOT_KEEP), or keep them elsewhere (SIDESTEP_SNAPSHOTS): when it "
        return CheckRow(
            "snapshots", "warning", what, f"{mend}is full no more are taken, and nothing new can be proved."
        )
    return CheckRow("snapshots", "ok", what)


def open_files(folder: str, entry_mode: int, found: Sequence[str]) -> CheckRow:
    """The row of a folder's permissions. `entry_mode`: of the folder itself; `found`: what in it is open to others."""
    if not entry_mode & 0o077:
        return CheckRow("files", "ok", f"{folder} is closed to others")
    if not found:
        return CheckRow("files", "warning", f"others may enter {folder}", f"chmod 700 {folder}")
    some = found[0] if len(found) == 1 else f"{found[0]} and {len(found) - 1} more"
    return CheckRow("files", "fault", f"others can read addresses and ledgers: {some}", f"chmod -R go= {folder}")


def topics(differences: Sequence[str], found: Sequence[Shortfall], sound: int) -> Iterator[CheckRow]:
    """The rows of the topics: as `sidestep topics check` says it. `sound`: topics that were compared."""
    mend = "sidestep topics create makes what is missing; sidestep topics check has all differences."
    yield from _each(CheckRow("topics", "fault", sentence, mend) for sentence in differences)
    faults = [each for each in found if each.weight == "fault"]
    yield from _each(CheckRow("topics", "fault", _said(each), each.do) for each in faults)
    if advice := [each for each in found if each.weight == "advice"]:
        what = f"{advice[0].where}: {advice[0].what} is {advice[0].here}, better: {advice[0].needed}"
        more = f"; and {len(advice) - 1} more" if len(advice) > 1 else ""
        yield CheckRow("topics", "warning", what + more, "sidestep topics check says what that means, and what to do.")
    if not differences and not faults:
        yield CheckRow("topics", "ok", f"{sound} topics are as the catalog says, and safe enough")


def acls(found: Sequence[RightsFinding]) -> Iterator[CheckRow]:
    """The rows of the rights in Kafka: as `sidestep acls check` says it."""
    faults = [each for each in found if each.weight == "fault"]
    yield from _each(CheckRow("acls", "fault", f"{each.who}: {each.what}. {each.means}", each.do) for each in faults)
    if advice := [each for each in found if each.weight == "advice"]:
        more = f"; and {len(advice) - 1} more" if len(advice) > 1 else ""
        mend = "sidestep acls check says what that means, and what to do."
        yield CheckRow("acls", "warning", f"{advice[0].who}: {advice[0].what}{more}", mend)
    if not faults:
        yield CheckRow("acls", "ok", "principals have the rights that their work needs, and no others")


def names(said: Mapping[str, Said], trust: Trust) -> CheckRow:
    """The row of the name servers. `said`: what they say of each canary."""
    silent = [name for name, each in said.items() if each == "silent"]
    if not said:
        return CheckRow("dns", "unknown", "SIDESTEP_DNS_CANARIES names no domain that could be asked for", "")
    if not trust.sound:
        return CheckRow(
            "dns", "fault", f"the name servers are not to be believed: {'; '.join(trust.reasons)}",
            "Name others in SIDESTEP_NAME_SERVERS, or canaries that these know (docs/operations.md says how they lie).",
        )  # fmt: skip
    if len(silent) == len(said):
        return CheckRow("dns", "fault", "no name server answers: every address would be deferred as unknown",
                        "Look at SIDESTEP_NAME_SERVERS, and at what lies between: UDP and TCP, port 53.")  # fmt: skip
    if silent:
        return CheckRow("dns", "warning", f"no answer for {', '.join(silent[:SHOWN])}: slow or overloaded name servers",
                        "Look at SIDESTEP_NAME_SERVERS.")  # fmt: skip
    return CheckRow("dns", "ok", f"the name servers know all {len(said)} canaries, and make nothing up")


def unproved(local: bool) -> CheckRow:
    """The row of a set-up in which no service proves its name. `local`: on one machine alone there is nobody else."""
    what = (
        "no file is named, so a service is who its records say: whoever may write email-intents can send in any "
        "service's name, use up its ids and its limits, and ask with tests what happened to its recipients; whoever "
        "may write email-bounces can silence people"
    )
    status: CheckStatus = "ok" if local else "warning"
    return CheckRow("signers", status, what, "Let services sign, or give them topics of their own: docs/signing.md.")


def hash_key(of_cluster: str, of_ours: str | None, former: str = "") -> CheckRow:
    """The row of this hash key against the cluster's, by their fingerprints. `of_ours` None: there is none here;
    `former`: of the one that is given as the one before, if any."""
    mend = "Give the one of the other Screen workers: SIDESTEP_HASH_KEY_FILE. With another one no Screen worker starts."
    if of_ours is None:
        return CheckRow("hash key", "warning", "the recipients in Kafka are keyed, and that key is not here", mend)
    if former == of_cluster:
        return CheckRow("hash key", "ok", "a new one, which comes into force when a Screen worker starts with it")
    if of_ours != of_cluster:
        return CheckRow("hash key", "fault", "not the one that the recipients in Kafka were keyed with", mend)
    return CheckRow("hash key", "ok", "the one that the recipients in Kafka were keyed with")


def layout(astray: Sequence[str]) -> CheckRow:
    """The row of how the log is laid out. `astray`: domains whose mailboxes have histories elsewhere than by the rules
    that ship."""
    if not astray:
        return CheckRow("layout", "ok", "all spellings of a mailbox have their history in one partition of the log")
    what = f"it was begun by other rules: histories do not follow from one to another of {', '.join(astray)}"
    return CheckRow("layout", "warning", what, "See docs/operations.md, How the log is laid out.")


def rotation(note: KeyNote, former: str, left: int, now: float) -> CheckRow:
    """The row of the hash key that was in force before. `former`: the one that is given as such, by its fingerprint;
    `left`: suppressions and traps of addresses that are under it still. `now`: Unix seconds."""
    since = note.at / 1000
    until = since + KEPT_SECONDS + SWEPT_SECONDS
    rests = (
        f"{left:,} suppressions and traps of addresses rest on it" if left else "no suppression and no trap rests on it"
    )
    given = former == note.former
    if now > until and not left:
        mend = "Remove SIDESTEP_HASH_KEY_FORMER_FILE (or hash-key.former), and destroy that secret." if given else ""
        return CheckRow("former key", "ok", f"nothing rests on it any more: replaced on {_day(since)}", mend)
    if not given:
        what = f"the one before, replaced on {_day(since)}, is not here: {rests}, histories may until {_day(until)}"
        mend = "Name it in SIDESTEP_HASH_KEY_FORMER_FILE: without it who was not met since is a stranger."
        return CheckRow("former key", "warning", what, mend)
    if now > until:
        what = f"it was replaced on {_day(since)}; no history rests on it any more, but {rests}"
        mend = "Say those again by address, or remove them (docs/security.md); then it may go."
        return CheckRow("former key", "warning", what, mend)
    what = f"two are set since {_day(since)}; {rests}; histories may until {_day(until)}: then the former may go"
    return CheckRow("former key", "ok", what, "What it costs to let it go sooner: docs/security.md.")


def misspelt(given: Iterable[str], known: Collection[str]) -> Iterator[CheckRow]:
    """Rows of variables that nobody reads: a misspelt one is passed over in silence by everything else."""
    for name in sorted(set(given) - set(known)):
        yield CheckRow("settings", "warning", f"{name} is no setting, and nobody reads it",
                       "Compare its name with docs/settings.md.")  # fmt: skip


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _said(each: Shortfall) -> str:
    return f"{each.where}: {each.what} is {each.here}, needed: {each.needed}. {each.means}"


def _each(rows: Iterable[CheckRow]) -> Iterator[CheckRow]:
    """The first few; the rest in one."""
    rows = list(rows)
    yield from rows[:SHOWN]
    if left := rows[SHOWN:]:
        yield left[0]._replace(what=f"{len(left)} more like these, the first of them: {left[0].what}")


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 2 * DAY else f"{seconds / DAY:.0f} days"
