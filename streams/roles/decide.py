"""The role decide: a stage over email-evidence whose judges fold it into ledgers."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from typing import Any
from weakref import WeakSet

from prometheus_client.core import GaugeMetricFamily, Metric

from sidestep.streams import hold_transaction, watch_transaction
from sidestep.streams.decide.engine import ENGINE
from sidestep.streams.decide.id_rows import DEDUPLICATION_SECONDS
from sidestep.streams.decide.judge import Judge, Judged
from sidestep.streams.decide.tables import CLOCK, CONTROL
from sidestep.streams.errors import PartitionsChanged, RightsError
from sidestep.streams.observe.labels import named
from sidestep.streams.observe.metrics import Count, Done, Labelled
from sidestep.streams.partition_note import differs
from sidestep.streams.roles.held_up import HeldUp
from sidestep.streams.roles.role import Context
from sidestep.streams.roles.role_snapshots import SnapshotKind, tombstones_of
from sidestep.streams.roles.stage_role import StageRole
from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.former import Former
from sidestep.streams.runtime.hanging import Ended
from sidestep.streams.runtime.judging import UNFOLDABLE
from sidestep.streams.runtime.ledger import Ledger, LedgerSettings
from sidestep.streams.runtime.manifest import Place
from sidestep.streams.runtime.offsets import Offsets
from sidestep.streams.runtime.recovery import Progress
from sidestep.streams.settings import Settings
from sidestep.streams.startup import await_grown
from sidestep.topics.catalog import APPROVED, DEAD_LETTERS, EVIDENCE, IDS_CHANGELOG, LEDGER_CHANGELOG, REJECTED, TALLIES
from sidestep.topics.verdict_signer import VerdictSigner

OUTAGE_SECONDS = 7 * 86_400
"""RocksDB drops old ids by the wall clock, the fold by log time: they may differ by an outage of this length."""

VERDICTS = Count("sidestep_verdicts_total", "Verdicts in committed transactions.", ("decision", "action"))
SERVICES = Count(
    "sidestep_service_verdicts_total", "Of those verdicts, those on real intents, by service.", ("service", "action")
)
RULES = Count("sidestep_verdict_rules_total", "Rules that fired in those verdicts.", ("rule",))
TESTS = Count("sidestep_test_verdicts_total", "Of those verdicts, those on test intents.", ("action",))
TRAPS = Count("sidestep_known_traps_total", "New known traps, by who has reported them.", ("by",))
STRAY = Count("sidestep_stray_reports_total", "Reports that nothing ties to a message of ours, by kind.", ("kind",))
FOUND = Count(
    "sidestep_feedback_found_total",
    "Reports by an intent's id alone whose recipient the ledger knows, by whether a token ties them to the message.",
    ("tied",),
)
COUNTS = (VERDICTS, SERVICES, RULES, TESTS, TRAPS, STRAY, FOUND)
"""All that is counted of a batch."""


class DecideRole(StageRole[Judged]):
    """What a worker that decides is made of. It reads committed records: a hold is in force in all partitions or in
    none."""

    name = "decide"
    pace = 0.025
    """A transaction costs the broker some 5 ms."""
    drains = True

    def __init__(self, context: Context):
        settings = context.settings
        ledger = LedgerSettings(
            connection=settings.connection,
            group=settings.group,
            role=self.name,
            data=settings.data / "ledger",
            rows_changelog=LEDGER_CHANGELOG.name,
            window_changelog=IDS_CHANGELOG.name,
            own_topics=(APPROVED.name, REJECTED.name),
            shared_topics={topic.name: context.partitions[topic.name] for topic in (TALLIES, DEAD_LETTERS)},
            window_seconds=DEDUPLICATION_SECONDS + OUTAGE_SECONDS,
            cache=context.block_cache,
            tombstone_seconds=tombstones_of(context, LEDGER_CHANGELOG.name),
        )
        # before ids and folders named the role; see docs/decisions/009
        self._former = Former(settings.connection, settings.group, settings.data / "ledger")
        self._partitions = context.partitions[EVIDENCE.name]
        tally_partitions = context.partitions[TALLIES.name]
        signer = _signer(settings)
        note = self._note = context.note
        self._connection, self._health = settings.connection, context.report.health

        judges = WeakSet[Judge]()

        def judge(ledger: Ledger) -> Judge:
            made = Judge(ledger, tally_partitions, signer=signer, has_grown=note is not None and note.has_grown)
            judges.add(made)
            return made

        super().__init__(context, EVIDENCE.name, ledger, judge, _measured, SnapshotKind(ENGINE, _clock_ms))
        self._held_up = HeldUp(
            self._stage.partitions,
            ends=ledger.offsets.ends,
            end=lambda: _end_hanging(settings, context.partitions),
        )
        context.report.metrics.declare(*COUNTS)
        context.report.metrics.read("policies", lambda: policy_families(judges))

    def chores(self) -> Iterable[Coroutine[Any, Any, None]]:
        """The watches over partitions in which nothing happens, or nothing can."""
        return (*super().chores(), self._held_up.keep_watch())

    async def open_partition(self, tp: Partition) -> int | None:
        """As all stages. One that the log has got is opened when its ledger is there: when the log has been grown, by a
        worker that has begun meanwhile."""
        if self._note is not None and self._note.growing and tp.partition >= self._note.log:
            self._note = await await_grown(self._connection, self._health)
        elif tp.partition >= self._partitions:
            await asyncio.Event().wait()  # it has come while this worker is at work, which leaves
        return await super().open_partition(tp)

    def _open(self, partition: int, progress: Progress) -> Ledger:
        self._former.fence(partition)
        progress(0, 0)  # the next step takes the partition over: not where it was given up meanwhile
        self._former.move(partition, self._ledger.folder(partition))
        ledger = super()._open(partition, progress)
        # what was judged here last was so among so many partitions; 1 is said by earlier versions as well
        begun = max((row.partitions for row in ledger.read(CONTROL, [b"policy"]).values()), default=1)
        if begun not in (1, self._partitions, self._note.log if self._note is not None else 1):
            ledger.close()
            raise PartitionsChanged(differs(EVIDENCE.name, begun, self._partitions))
        return ledger


def policy_families(judges: Iterable[Judge]) -> Iterator[Metric]:
    """By which policies partitions of this worker judge, and how many by each."""
    about = "Partitions of this worker that judge by this policy."
    policies = GaugeMetricFamily("sidestep_policy_partitions", about, labels=("version", "name"))
    found = Counter((judge.policy_version, judge.policy_name) for judge in list(judges) if judge.policy_version)
    for labels, count in found.items():
        policies.add_metric(labels, count)
    yield policies


def _clock_ms(ledger: Ledger) -> int:
    return max((row.at_ms for row in ledger.read(CLOCK, [b"clock"]).values()), default=0)


def _signer(settings: Settings) -> VerdictSigner | None:
    return VerdictSigner(settings.verdict_key, settings.verdict_key_file) if settings.verdict_key_file else None


def _end_hanging(settings: Settings, partitions: Mapping[str, int]) -> Ended:
    """Who hangs is not known: the writer of holds is asked first, which disturbs nobody that works.

    Raises RightsError where Kafka's ACLs keep Decide from what others write (docs/decisions/040).
    """
    try:
        return _end_whoever_hangs(settings, partitions)
    except RightsError as error:
        raise RightsError(
            f"this worker may not end what hangs there. Watch does, or the next `sidestep hold` ({error})"
        ) from error


def _end_whoever_hangs(settings: Settings, partitions: Mapping[str, int]) -> Ended:
    log = range(partitions[EVIDENCE.name])
    ended = hold_transaction.end_hanging(settings.connection, settings.group, log)
    ends = Offsets(settings.connection).ends([Place(EVIDENCE.name, partition) for partition in log])
    if all(end.stable >= end.high for end in ends.values()):
        return ended
    more = watch_transaction.end_hanging(settings.connection, settings.group, partitions)
    return Ended(ended.adopted + more.adopted, ended.rolled_back + more.rolled_back)


def _measured(judged: Judged) -> Done:
    dead_letters = {"not-evidence": judged.dead_letters, UNFOLDABLE: judged.unfoldable}
    counts: dict[Count, Labelled] = {
        VERDICTS: judged.decisions,
        SERVICES: {(named(service), action): count for (service, action), count in judged.services.items()},
        RULES: judged.rules,
        TESTS: judged.tests,
        TRAPS: judged.marked,
        STRAY: judged.stray,
        FOUND: judged.found,
    }
    return Done(judged.records, judged.seconds, judged.transaction_seconds, dead_letters, counts)
