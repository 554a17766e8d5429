"""The canaries: whether the name servers are to be believed is found out here, before a denial or a bare address is.

They are asked when such an answer is about to be believed and nothing was heard of them for a while: one of them, and
all where that one is denied or silent. Everybody who waits shares the look. Belongs to one event loop.
"""

import asyncio
import logging
import math
import secrets
import tomllib
from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files
from random import sample

from sidestep.schemas import MxFinding
from sidestep.streams.screen.dns.answer import Answer, Question
from sidestep.streams.screen.dns.mx import unknown
from sidestep.streams.screen.dns.trust import (
    RESERVED,
    Said,
    Trust,
    believed,
    canary_said,
    denied_canaries,
    invented_addresses,
    rests_on_addresses,
    rests_on_denial,
)
from sidestep.streams.screen.single_flight import Flights, arrival

CALM = 60.0
"""Seconds for which a look holds while all is well: healthy servers are asked one question a minute."""

HASTY = 5.0
"""Seconds for which a look holds when something is wrong, or may be."""

MANY_DENIALS = 5
"""Denials in a row, with no domain between that takes mail, after which something may be wrong."""

PATIENCE_FIRST = 1.0
PATIENCE = 2.0
"""Seconds for the answer about the first name, and about the others together."""

Ask = Callable[[Question, float], Awaitable[Answer]]

log = logging.getLogger(__name__)


def shipped_canaries() -> tuple[str, ...]:
    """The canaries in data/canaries.toml."""
    text = (files("sidestep.streams.screen.dns") / "data" / "canaries.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)["domains"])


class Canaries:
    """The canaries of a resolver, and the trust in its name servers that follows from them."""

    def __init__(
        self, names: Sequence[str], ask: Ask, clock: Callable[[], float], changed: Callable[[float], None]
    ) -> None:
        """`names` are lower-case A-labels; without any, everything is believed. `clock` gives seconds.

        `changed` is told when they have begun or ceased to lie, with the time until which they were seen to be sound.
        """
        self.trust = Trust()
        self._names = tuple(names)
        self._ask = ask
        self._changed = changed
        self._in_a_row = 0
        self._denials = _Look(self._look_for_denials, clock, self._judge)
        self._inventions = _Look(self._look_for_inventions, clock, self._judge)

    def __contains__(self, domain: object) -> bool:
        return domain in self._names

    async def weigh(self, finding: MxFinding, before: Trust, surprising: bool, deadline: float) -> MxFinding:
        """The finding as far as it can be believed. `before`: the trust when its first question was asked.

        `surprising`: the domain is known to take mail, so that no look of before is good enough. `deadline` is in the
        event loop's time; a finding that could not be weighed by then is unknown.
        """
        self._in_a_row = self._in_a_row + 1 if finding.outcome == "no" else 0
        looks = self._looks(finding)
        doubted = believed(believed(finding, before), self.trust)
        if doubted is not finding:
            # nobody waits for liars: mended or not by now, this answer was theirs
            await _have_looked(looks, HASTY, 0.0)
            return doubted
        age = 0.0 if surprising else CALM if self._in_a_row < MANY_DENIALS else HASTY
        if not await _have_looked(looks, age, max(0.0, deadline - asyncio.get_running_loop().time())):
            return unknown("timeout")
        return believed(finding, self.trust)

    async def refresh(self) -> None:
        """Look again where something was wrong: the servers may have been mended."""
        looks = [look for look in (self._denials, self._inventions) if look.signs]
        await asyncio.gather(*(look.within(HASTY, None) for look in looks))

    async def silent(self) -> bool:
        """Are the name servers silent about all canaries? True without canaries: nothing speaks against it."""
        if self._names:
            await self._denials.within(HASTY, None)
        return not self._names or self._denials.silent

    async def close(self) -> None:
        """End the questions under way."""
        await asyncio.gather(self._denials.close(), self._inventions.close())

    def _looks(self, finding: MxFinding) -> list["_Look"]:
        if not self._names:
            return []
        denials = [self._denials] if rests_on_denial(finding) else []
        return denials + ([self._inventions] if rests_on_addresses(finding) else [])

    async def _look_for_denials(self) -> tuple[str, ...] | None:
        first, *others = sample(self._names, len(self._names))
        said = {first: await self._said(first, PATIENCE_FIRST)}
        if said[first] != "exists":
            rest = await asyncio.gather(*(self._said(name, PATIENCE) for name in others))
            said |= dict(zip(others, rest, strict=True))
        return denied_canaries(said)

    async def _look_for_inventions(self) -> tuple[str, ...] | None:
        first, *others = (f"{_made_up()}.{name}" for name in sample(self._names, min(2, len(self._names))))
        given = {first: await self._given(first, PATIENCE_FIRST)}
        if given[first] != ():
            others.append(f"{_made_up()}.{RESERVED}")
            rest = await asyncio.gather(*(self._given(name, PATIENCE) for name in others))
            given |= dict(zip(others, rest, strict=True))
        return invented_addresses(given)

    async def _said(self, name: str, patience: float) -> Said:
        return canary_said(await self._ask((name, "MX"), asyncio.get_running_loop().time() + patience))

    async def _given(self, name: str, patience: float) -> tuple[str, ...] | None:
        answer = await self._ask((name, "A"), asyncio.get_running_loop().time() + patience)
        return None if answer.failure else tuple(record.address for record in answer.records)

    def _judge(self, sound_until: float) -> None:
        """What follows from what the looks have seen; told and logged where it is another way of lying, or none."""
        before, self.trust = self.trust, Trust(self._denials.signs, self._inventions.signs)
        if (bool(before.denied), bool(before.invented)) == (bool(self.trust.denied), bool(self.trust.invented)):
            return
        _tell(self.trust)
        self._changed(sound_until)


class _Look:
    """A question about the name servers, asked anew when the last look has become old; who waits for it shares it."""

    def __init__(
        self,
        look: Callable[[], Awaitable[tuple[str, ...] | None]],
        clock: Callable[[], float],
        seen: Callable[[float], None],
    ) -> None:
        """`seen` is told after each look, with the time at which the last one began that saw nothing wrong."""
        self.signs: tuple[str, ...] = ()
        """What speaks against the name servers; silence changes nothing about it."""
        self.silent = False
        """Has the last look had no answer?"""
        self._look = look
        self._clock = clock
        self._seen = seen
        self._looked_at = self._sound_at = -math.inf
        self._flights: Flights[str, bool] = Flights()

    async def within(self, age: float, patience: float | None) -> bool:
        """Has there been a look within the last `age` seconds? If not one departs; False: not over in `patience`."""
        if self.silent or self.signs:
            age = min(age, HASTY)
        # 0 <=: a clock that was set back must not keep an old look for ever
        if 0 <= self._clock() - self._looked_at < age:
            return True
        return await arrival(self._flights.join("look", self._fly), False, patience)

    async def close(self) -> None:
        """End the look under way."""
        await self._flights.close()

    async def _fly(self) -> bool:
        began, sound_until = self._clock(), self._sound_at
        signs = await self._look()
        self._looked_at = self._clock()
        self.silent = signs is None
        self.signs = self.signs if signs is None else signs
        if signs == ():
            self._sound_at = began
        self._seen(sound_until)
        return True


async def _have_looked(looks: Sequence[_Look], age: float, patience: float) -> bool:
    return all(await asyncio.gather(*(look.within(age, patience) for look in looks)))


def _made_up() -> str:
    """A label that nobody has: fresh each time, so that no cache answers for it."""
    return f"sidestep-{secrets.token_hex(8)}"


def _tell(trust: Trust) -> None:
    if trust.sound:
        log.info("the name servers are to be believed again")
        return
    for reason in trust.reasons:
        log.warning(
            "the name servers are not to be believed: %s. What rests on that is unknown until they are mended", reason
        )
