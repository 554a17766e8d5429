"""The fold over one intent, watched: what each rule compared and came to, how full the limits were, what weighed. Pure.

There is no second model of how a verdict comes about. The fold itself is run once more, with a ladder and with scales
that note what they are asked, on a state that nobody goes on with.
"""

from copy import deepcopy
from typing import Literal

from msgspec import Struct

from sidestep.schemas import IntentEvidence, LogPosition, Verdict
from sidestep.streams.decide.buckets import BucketLevel
from sidestep.streams.decide.fold import fold
from sidestep.streams.decide.limits import levels
from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.risk import LEARNT, PARTS, Risk, Scales, names_of
from sidestep.streams.decide.rules.case import Case, Finding
from sidestep.streams.decide.rules.ladder import RULES, Ladder, Rule
from sidestep.streams.decide.rules.needs import ALWAYS
from sidestep.streams.decide.state import State
from sidestep.streams.decide.tables import DomainRow, HoldRow, RecipientRow, SourceRow
from sidestep.streams.decide.trial import tests_level
from sidestep.streams.explain.beside import BESIDE, Weighing

Outcome = Literal["stops", "flags", "no", "off", "not asked"]
"""Of a rule. `not asked`: one before it had stopped the message already, or an id stood in the way."""


class RuleStep(Struct, frozen=True):
    """One rule, asked."""

    rule: str
    mode: str
    """What the policy says of it: reject, flag, defer, graded, off."""
    outcome: Outcome
    compared: str
    """In words; empty: nothing was."""
    said: str = ""
    """Its sentence in the verdict."""


class Signal(Struct, frozen=True):
    """One signal of the risk, and what it weighs by the policy."""

    name: str
    part: str
    weight: float


class Witnessed(Struct, frozen=True):
    """What was seen while an intent was judged again."""

    verdict: Verdict | None
    """None: its id was known, and it was passed over."""
    steps: list[RuleStep]
    """All rules, in the ladder's order."""
    limits: list[BucketLevel]
    """Before the message, in the order in which they are asked."""
    signals: list[Signal]
    base: float
    """The risk by the policy alone, before what the model makes of it."""
    recipient: RecipientRow | None
    domain: DomainRow | None
    source: SourceRow | None
    now: int
    """Log time, seconds."""


class _Notes:
    """What the ladder and the scales were asked."""

    def __init__(self, state: State, evidence: IntentEvidence):
        self.state, self.evidence = state, evidence
        self.case: Case | None = None
        self.climbed: dict[str, RuleStep] = {}
        self.weighing: Weighing | None = None


class _WatchedLadder(Ladder):
    """Notes the case before it is climbed for."""

    def __init__(self, policy: Policy, notes: _Notes):
        super().__init__(policy)
        self._notes = notes

    def traits(self, evidence: IntentEvidence, recipient: RecipientRow, domain: DomainRow, hold: HoldRow | None) -> int:
        """As the ladder has it, and never nothing: plain mail is asked for, too."""
        return super().traits(evidence, recipient, domain, hold) | ALWAYS

    def climb(self, case: Case, traits: int) -> tuple[Finding | None, list[Finding]]:
        """As the ladder does."""
        self._notes.case = case._replace(recipient=deepcopy(case.recipient), domain=deepcopy(case.domain))
        stopped = False
        for rule in RULES:
            if rule.function is not None:
                step = _asked(rule, case, stopped)
                self._notes.climbed[rule.id] = step
                stopped = stopped or step.outcome == "stops"
        return super().climb(case, traits)


class _WatchedScales(Scales):
    """Notes the state when the risk is weighed: behind the ladder, before sources and limits."""

    def __init__(self, policy: Policy, state: State, notes: _Notes):
        super().__init__(policy, state.controls.snapshot)
        self._notes, self._policy = notes, policy

    def weigh(
        self,
        evidence: IntentEvidence,
        fired: list[Finding],
        recipient: RecipientRow,
        domain: DomainRow,
        silence: str,
        source: SourceRow | None,
        now: int,
    ) -> Risk:
        """As the scales do."""
        risk = super().weigh(evidence, fired, recipient, domain, silence, source, now)
        state = deepcopy(self._notes.state)
        found = {} if evidence.test else {each.rule: each for each in levels(state, evidence, self._policy)}
        self._notes.weighing = Weighing(
            evidence, self._policy, state, risk, deepcopy(recipient), deepcopy(source), found, now
        )
        return risk


def witness(state: State, evidence: IntentEvidence, position: LogPosition) -> Witnessed:
    """Judges an intent once more. `state`: just before it, of its own; it is changed. Raises NoPolicy."""
    notes, controls, policy = _Notes(state, evidence), state.controls, state.controls.policy
    tests = None
    if policy is not None:
        controls.ladder, controls.scales = _WatchedLadder(policy, notes), _WatchedScales(policy, state, notes)
        tests = _tests(state, evidence, policy)
    verdict = fold(state, evidence, position)
    assert policy is not None, "the fold raises NoPolicy"
    risk = state.risk if notes.weighing is None else notes.weighing.risk
    limits = ([tests] if tests is not None else []) + _levels(notes.weighing)
    return Witnessed(
        verdict,
        _steps(notes, verdict, policy, tests),
        limits,
        [Signal(name, PARTS.get(name, ""), policy.risk.get(name, 0.0)) for name in names_of(risk.signals)],
        round(risk.whole - risk.parts.get(LEARNT, 0.0), 3),
        notes.case.recipient if notes.case is not None else state.recipients.get(evidence.recipient_key),
        notes.case.domain if notes.case is not None else state.domains.get(evidence.domain.encode()),
        notes.weighing.source if notes.weighing is not None else None,
        controls.clock_ms // 1000,
    )


def _tests(state: State, evidence: IntentEvidence, policy: Policy) -> BucketLevel | None:
    """How full the limit of tests was; None: it is none."""
    if not evidence.test:
        return None
    before = deepcopy(state)
    before.controls.clock_ms = max(before.controls.clock_ms, evidence.at)
    return tests_level(before, evidence, policy)


def _levels(weighing: Weighing | None) -> list[BucketLevel]:
    return list(weighing.limits.values()) if weighing is not None else []


def _asked(rule: Rule, case: Case, stopped: bool) -> RuleStep:
    """One rule of the ladder, by its own function."""
    mode = case.policy.rules[rule.id].mode
    compared = rule.compared(case) if rule.compared is not None else ""
    if mode == "off":
        return RuleStep(rule.id, mode, "off", compared)
    if stopped:
        return RuleStep(rule.id, mode, "not asked", compared)
    found = rule.function(case) if rule.function is not None else None
    if found is None:
        return RuleStep(rule.id, mode, "no", compared)
    return RuleStep(rule.id, mode, "flags" if mode == "flag" else "stops", compared, found.text)


def _steps(notes: _Notes, verdict: Verdict | None, policy: Policy, tests: BucketLevel | None) -> list[RuleStep]:
    """All rules in order. Beside the ladder the verdict says which of them has applied."""
    said = {rule.id: rule.text for rule in verdict.rules} if verdict is not None else {}
    first = verdict.rules[0].id if verdict is not None and verdict.rules and verdict.action != "send" else ""
    found, over = list[RuleStep](), False
    if first == "test-limit":  # tests have to pass theirs before anything else is asked
        over = True
    for rule in RULES:
        step = notes.climbed.get(rule.id) or _beside(rule, notes, policy, tests, over)
        if rule.id in said and step.outcome not in ("stops", "flags"):
            outcome: Outcome = "stops" if rule.id == first else "flags"
            step = RuleStep(rule.id, step.mode, outcome, step.compared, said[rule.id])
        found.append(step)
        over = over or step.outcome == "stops"
    return found


def _beside(rule: Rule, notes: _Notes, policy: Policy, tests: BucketLevel | None, over: bool) -> RuleStep:
    mode, weighing = policy.rules[rule.id].mode, notes.weighing
    if rule.id == "test-limit":
        compared = BESIDE[rule.id](weighing, tests) if weighing is not None or tests is not None else ""
    elif rule.function is not None or weighing is None:
        compared = ""
    else:
        compared = BESIDE[rule.id](weighing, weighing.limits.get(rule.id))
    outcome: Outcome = "off" if mode == "off" else "not asked" if over or not compared else "no"
    return RuleStep(rule.id, mode, outcome, compared)
