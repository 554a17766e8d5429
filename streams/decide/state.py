"""What the fold reads and writes of a partition: rows by key. Plain values only."""

from typing import Any

from msgspec import Struct

from sidestep.schemas import ErasureRecord, FeedbackEvidence, IntentEvidence, PolicyRecord
from sidestep.streams.decide.claims import new_service, new_story
from sidestep.streams.decide.controls import Controls
from sidestep.streams.decide.counted import Bombed, CameBack, RefusedRecords, StrayTold, TrapHit
from sidestep.streams.decide.expiry import KEPT_SECONDS, NAMED_SECONDS, Stretch, ended
from sidestep.streams.decide.id_rows import IdRow
from sidestep.streams.decide.keys import campaign_key, service_key, source_key
from sidestep.streams.decide.partition_rows import ControlRow, EngineRow
from sidestep.streams.decide.policy import DAY
from sidestep.streams.decide.risk import NO_RISK, Risk
from sidestep.streams.decide.tables import (
    BOUNCE_HISTORY,
    CLOCK,
    CONTROL,
    DOMAIN_RATES,
    ENGINES,
    HOLDS,
    IDS,
    OPEN_TALLIES,
    SERVICES,
    SOURCES,
    DomainRow,
    HoldRow,
    RecipientRow,
    ServiceRow,
    SourceRow,
)
from sidestep.streams.decide.tally import OpenTallies
from sidestep.streams.runtime.tables import Table


class Stories(Struct, frozen=True, gc=False):
    """The rows of an intent's source and of its campaign, None where it names none; and of all that its service
    sends."""

    source: SourceRow | None
    campaign: SourceRow | None
    service: SourceRow
    rows: tuple[SourceRow, ...]
    """Those that there are."""


class State:
    """One batch's view of the ledger: the rows its records need, and those that it has written.

    A row that is missing does not exist. Rows are changed in place and then noted as written.
    """

    def __init__(self, controls: Controls):
        self.controls = controls
        self.domains: dict[bytes, DomainRow] = {}
        self.services: dict[bytes, ServiceRow] = {}
        self.recipients: dict[bytes, RecipientRow] = {}
        self.sources: dict[bytes, SourceRow] = {}
        self.ids: dict[bytes, IdRow] = {}
        self.written_recipients: dict[bytes, RecipientRow] = {}
        self.written_sources: dict[bytes, SourceRow] = {}
        self.written_ids: dict[bytes, IdRow] = {}
        self.written_control: dict[bytes, ControlRow] = {}
        self.written_holds: dict[bytes, HoldRow] = {}
        self.written_engines: dict[bytes, EngineRow] = {}
        self.tallies = OpenTallies(controls.open_tallies)
        self.risk: Risk = NO_RISK
        """Of the intent that was judged last."""
        self.others: list[CameBack | TrapHit | Bombed | RefusedRecords | StrayTold] = []
        """What the last record gave to be counted beside a verdict; what comes again counts nowhere."""
        self.marked: list[str] = []
        """For each new known trap, who has reported it: person or provider."""
        self.stray: list[str] = []
        """For each report that was not of a message of ours, what it would have been: hard-bounce, …, other."""
        self.found: list[FeedbackEvidence] = []
        """Feedback by an intent's id alone whose recipient is known here."""
        self.announced: list[PolicyRecord | ErasureRecord] = []
        """The policy that the last record has put in force, or said again, or whom it has forgotten: Watch has to hear
        of it."""
        self.ending: dict[Stretch, list[bytes]] = {}
        """Keys of rows, among those of the state, that may end in this batch."""
        self.long = False
        """A row that this batch has written, or taken a mark from, may end in it, too."""
        self._stories: dict[tuple[str, str, str], Stories] = {}
        self._stories_until = 0
        self._gone: dict[Table[Any], dict[bytes, None]] = {
            table: {} for table in (DOMAIN_RATES, SERVICES, SOURCES, BOUNCE_HISTORY)
        }

    def domain(self, name: bytes, now: int) -> DomainRow:
        """The domain's row, new if need be. Every intent touches its domain, so the row always counts as written."""
        row = self.domains.get(name)
        if row is not None and row.last_seen == now:  # to write a field costs six times as much as to look at it
            return row
        if row is None or (row.last_seen < now - NAMED_SECONDS and ended(row, now)):
            row = self.domains[name] = DomainRow(first_seen=now)
        row.last_seen = now
        return row

    def service(self, key: bytes, now: int, service: str) -> ServiceRow:
        """The row of SERVICE@DOMAIN, likewise; of the service, or of those who claim to be it."""
        row = self.services.get(key)
        if row is not None and row.last_seen == now:
            return row
        if row is None or (row.last_seen < now - NAMED_SECONDS and ended(row, now)):
            row = self.services[key] = new_service(key, service, self.services, self.sources, now)
        row.last_seen = now
        return row

    def stories(self, name: str, evidence: IntentEvidence, now: int) -> Stories:
        """The rows of an intent's source and campaign and of all mail of its service to write to, new if need be.
        `name`: of their history."""
        if now >= self._stories_until:  # rows end: what was found in the last day can't have, because it was seen then
            self._stories.clear()
            self._stories_until = now + DAY
        names = name, evidence.source, evidence.campaign
        found = self._stories.get(names)
        if found is None:
            found = self._stories[names] = self._find_stories(*names, evidence.service, now)
        for row in found.rows:
            if row.last_seen != now:
                row.last_seen = now
        return found

    def _find_stories(self, name: str, source: str, campaign: str, service: str, now: int) -> Stories:
        of_source = self._source(source_key(name, source), service, now) if source else None
        of_campaign = self._source(campaign_key(name, campaign), service, now) if campaign else None
        of_service = self._story(service_key(name), service, now)
        rows = tuple(row for row in (of_source, of_campaign, of_service) if row is not None)
        return Stories(of_source, of_campaign, of_service, rows)

    def _source(self, key: bytes, service: str, now: int) -> SourceRow:
        row = self._story(key, service, now)
        self.controls.sources_since = self.controls.sources_since or now
        return row

    def _story(self, key: bytes, service: str, now: int) -> SourceRow:
        row = self.sources.get(key)
        if row is None or ended(row, now):
            row = self.sources[key] = new_story(key, service, self.sources, now)
        self.written_sources[key] = row
        return row

    def known_source(self, key: bytes) -> SourceRow | None:
        """The row of a service's source to count in; None: nothing was ever sent to addresses from there."""
        row = self.sources.get(key)
        if row is not None:
            self.written_sources[key] = row
        return row

    def known(self, key: bytes, now: int) -> RecipientRow | None:
        """The recipient's row to read; None: there is none that counts."""
        row = self.recipients.get(key)
        if row is not None and row.last_approved < now - KEPT_SECONDS and ended(row, now):
            self.forget(BOUNCE_HISTORY, key)
            return None
        return row

    def recipient(self, key: bytes, now: int) -> RecipientRow:
        """The recipient's row to write to, new if need be."""
        return self.written_recipient(key, self.known(key, now), now)

    def written_recipient(self, key: bytes, known: RecipientRow | None, now: int) -> RecipientRow:
        """Likewise, where it is known already what known() says."""
        row = self.recipients[key] = RecipientRow(first_seen=now) if known is None else known
        self.written_recipients[key] = row
        return row

    def rows(self, table: Table[Any]) -> dict[bytes, Any]:
        """The rows of a table whose rows end."""
        aging: dict[Table[Any], dict[bytes, Any]] = {
            DOMAIN_RATES: self.domains,
            SERVICES: self.services,
            SOURCES: self.sources,
            BOUNCE_HISTORY: self.recipients,
        }
        return aging[table]

    def forget(self, table: Table[Any], key: bytes) -> None:
        """A row has ended."""
        del self.rows(table)[key]
        if table is BOUNCE_HISTORY:
            self.written_recipients.pop(key, None)
        elif table is SOURCES:
            self.written_sources.pop(key, None)
            self._stories.clear()
        self._gone[table][key] = None

    def remember(self, key: bytes, row: IdRow) -> None:
        """An intent or feedback that has been counted."""
        self.ids[key] = self.written_ids[key] = row

    def writes(self) -> dict[Table[Any], dict[bytes, Any]]:
        """Everything written, by table; None for a row that is gone."""
        return {
            DOMAIN_RATES: {**self._gone[DOMAIN_RATES], **self.domains},
            SERVICES: {**self._gone[SERVICES], **self.services},
            SOURCES: {**self._gone[SOURCES], **self.written_sources},
            BOUNCE_HISTORY: {**self._gone[BOUNCE_HISTORY], **self.written_recipients},
            IDS: self.written_ids,
            CONTROL: self.written_control,
            HOLDS: self.written_holds,
            OPEN_TALLIES: self.tallies.written,
            ENGINES: self.written_engines,
            CLOCK: {b"clock": self.controls.clock_row()},
        }
