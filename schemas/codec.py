"""JSON in and out. Strict when we write, tolerant of unknown fields when we read.

One decoder a type, made once: msgspec compiles them. A record that can't be read raises ContractError with a short code
(for metrics and dead letters) and a sentence.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

import msgspec

from sidestep.schemas.anomalies import Anomaly
from sidestep.schemas.feedback import Bounce, Engagement
from sidestep.schemas.intents import EmailIntent
from sidestep.schemas.log import Evidence
from sidestep.schemas.tallies import Tally
from sidestep.schemas.verdicts import Verdict

MODELS: dict[str, Any] = {
    "email-intent": EmailIntent,
    "bounce": Bounce,
    "engagement": Engagement,
    "evidence": Evidence,
    "verdict": Verdict,
    "tally": Tally,
    "anomaly": Anomaly,
}
"""Everything that travels on a topic, by the name of its schema."""
MAX_RECORD = 64 * 1024
"""Octets. A larger record is refused unread: no field needs it, and decoding it would hold up its neighbours."""

T = TypeVar("T")


class ContractError(ValueError):
    """A record that breaks the contract. `code` is short and bounded; the text says what is wrong with it."""

    def __init__(self, code: str, text: str):
        super().__init__(text)
        self.code = code


_ENUM = re.compile(r"Invalid enum value - at `\$\.(\w+)`")
_QUOTED = re.compile(r""" (['"]).*\1(?= - at )""", re.DOTALL)

_encoder = msgspec.json.Encoder()
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {kind: msgspec.json.Decoder(kind) for kind in MODELS.values()}

encode = _encoder.encode
"""A model -> JSON octets."""

decode_evidence = cast("Callable[[bytes | None], Evidence]", _decoders[Evidence].decode)
"""JSON octets -> one of the evidence records, unguarded: Decide reads only what Screen wrote. Raises TypeError for
None."""
decode_tally = cast("Callable[[bytes | None], Tally]", _decoders[Tally].decode)
"""JSON octets -> a tally, likewise: Watch reads only what Decide wrote."""


def without_values(error: Exception) -> str:
    """What an error of msgspec says, without the value that it may quote: that can be anything, a person's address too,
    and the sentence goes into logs."""
    return _QUOTED.sub("", str(error))


def _with_allowed(text: str, kind: Any) -> str:
    """The sentence, with what may stand there where one word of some is expected."""
    found = _ENUM.fullmatch(text)
    words = _words_of(kind).get(found[1]) if found else None
    return f"{text}: expected one of {', '.join(words)}" if words else text


@cache
def _words_of(kind: Any) -> dict[str, list[str]]:
    """Of a model's fields those that take some words only, and which; none of what is several models."""
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return {}
    return {
        name: [str(word) for it in (hint, *get_args(hint)) if get_origin(it) is Literal for word in get_args(it)]
        for name, hint in get_type_hints(kind).items()
    }


def decode(kind: type[T], value: bytes | None) -> T:
    """JSON octets -> a model of `kind`. Raises ContractError, and nothing else, for whatever can't be read."""
    if value is None:
        raise ContractError("no-value", "the record has no value")
    if len(value) > MAX_RECORD:
        raise ContractError("too-large", f"the record has {len(value)} octets, more than {MAX_RECORD}")
    try:
        model: T = _decoders[kind].decode(value)
        return model
    except msgspec.ValidationError as error:
        raise ContractError("wrong-shape", _with_allowed(without_values(error), kind)) from None
    except msgspec.DecodeError as error:
        raise ContractError("not-json", str(error)) from None
    except RecursionError:
        raise ContractError("too-deep", "the record is nested too deeply") from None
    except (UnicodeDecodeError, ValueError, OverflowError) as error:
        raise ContractError("not-json", str(error)) from None
