"""The control records in force, and what follows from them for every intent: policy, ladder, scales, limits. Plain
values only."""

from msgspec import Struct

from sidestep.schemas import ModelSnapshot, Pace, Versions
from sidestep.schemas.typed import json_as
from sidestep.streams.decide.engine import ENGINE
from sidestep.streams.decide.expiry import HOUR_MS
from sidestep.streams.decide.model import read_snapshot
from sidestep.streams.decide.partition_rows import ClockRow, ControlRow
from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.policy_text import parse_logged
from sidestep.streams.decide.risk import Scales
from sidestep.streams.decide.rules.ladder import Ladder
from sidestep.streams.decide.tables import HoldRow
from sidestep.streams.decide.tally_rows import TallyRow
from sidestep.streams.gcra import Rate

PAIRS_REMEMBERED = 50_000


class ServiceAtDomain(Struct, frozen=True, gc=False):
    """A service at a recipient domain: the keys of the rows of both, and the limits that hold there."""

    domain_key: bytes
    service_key: bytes
    domain_rate: Rate | None
    service_rate: Rate | None


class Controls:
    """The control records in force. They live as long as the partition is open."""

    def __init__(
        self,
        control: dict[bytes, ControlRow],
        holds: dict[bytes, HoldRow],
        clock_ms: int,
        open_tallies: dict[bytes, TallyRow] | None = None,
        sources_since: int = 0,
        erased_at: int = 0,
    ):
        self.rows = control
        self.holds = holds
        self.clock_ms = clock_ms
        self.open_tallies = {} if open_tallies is None else open_tallies
        self.policy: Policy | None = None
        self.ladder: Ladder | None = None
        self.scales: Scales | None = None
        self.snapshot: ModelSnapshot | None = None
        self.partitions = 1
        self.sources_since = sources_since
        self.erased_at = erased_at
        self.paces: dict[str, Pace] = {}
        self.by_provider = False
        """Some limit goes by the MX provider."""
        self.engine = ""  # that has folded so far
        self._pairs: dict[tuple[str, str], ServiceAtDomain] = {}
        self.versions = Versions("")
        self.refresh()

    def service_at(self, name: str, domain: str, service: str) -> ServiceAtDomain:
        """A domain and a service at it, by the policy in force; `name`: of its history (claims.py)."""
        found = self._pairs.get((name, domain))
        if found is None:
            if len(self._pairs) >= PAIRS_REMEMBERED:
                self._pairs.clear()
            rates = self.policy.rates(service, domain) if self.policy is not None else (None, None)
            found = ServiceAtDomain(domain.encode(), f"{name}@{domain}".encode(), *rates)
            self._pairs[name, domain] = found
        return found

    @property
    def hour_ends_ms(self) -> int:
        """When the hour that the clock is in ends."""
        return (self.clock_ms // HOUR_MS + 1) * HOUR_MS

    def clock_row(self) -> ClockRow:
        """What the ledger keeps of the time."""
        return ClockRow(self.clock_ms, self.sources_since, self.erased_at)

    def judge_by(self, policy: Policy) -> None:
        """Judge by a policy from here on."""
        self.policy = policy
        self.ladder = Ladder(policy)
        self.scales = Scales(policy, self.snapshot)
        self.by_provider = self._goes_by_provider()
        self._pairs.clear()

    def _goes_by_provider(self) -> bool:
        slow = any(pace.per_minute for pace in self.paces.values())
        return slow or (self.policy is not None and self.policy.by_provider)

    def refresh(self) -> None:
        """Derive policy, scales and versions from the rows."""
        policy, lists, model = (self.rows.get(name) for name in (b"policy", b"lists", b"model"))
        if policy is not None:
            self.partitions = policy.partitions
        if model is not None and model.version != self.versions.model:
            self.snapshot = read_snapshot(model.text)
            if self.policy is not None:
                self.scales = Scales(self.policy, self.snapshot)
        if policy is not None and (self.policy is None or self.policy.version != policy.version):
            self.judge_by(parse_logged(policy.text))
        pace = self.rows.get(b"pace")
        self.paces = json_as(pace.text, dict[str, Pace]) if pace is not None else {}
        self.by_provider = self._goes_by_provider()
        self.versions = Versions(
            policy.version if policy else "",
            lists.version if lists else "",
            model.version if model else "",
            ENGINE,
        )
