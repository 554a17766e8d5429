"""Who may say what: the keys that are known, whose services each may name, and what is asked of a record. Pure.

A service is proved by a key of its own, or by a topic of its own, to which nobody else may write; so its name stands
for its principal, and whatever is kept by service is kept by principal. docs/signing.md is about it,
docs/decisions/045 and 051 why.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from sidestep.schemas.codec import ContractError
from sidestep.streams.runtime.record import Record
from sidestep.streams.screen.speakers import ANY_SERVICE, SignerKey, TopicSpeaker
from sidestep.topics.catalog import INTENTS
from sidestep.topics.headers import UnreadableHeaders, headers_of
from sidestep.topics.own_topics import general_of, owner_of
from sidestep.topics.signing import (
    HMAC_SHA_256,
    Ed25519Verifier,
    HmacSeal,
    Verifier,
    signature_of,
    signed_prefix,
    signed_rest,
)

Demand = Literal["required", "optional", "off"]
"""What is asked of a service's records. optional: those that are signed must be right. off: nobody looks."""

AHEAD = 300.0
"""Seconds by which a signer's clock may be ahead of Screen's."""
SIGNED_MAX = 4 * 1024 * 1024
"""Octets: nothing that is longer is verified. What is read of a record is less (codec.MAX_RECORD, mime.OCTETS_MAX)."""
REASONS = frozenset(
    {
        "signature-missing",
        "signature-unreadable",
        "signature-key-unknown",
        "signature-wrong",
        "signature-expired",
        "signature-ahead",
        "service-not-the-signers",
        "stream-not-the-signers",
        "topic-not-the-signers",
        "topic-nobodys",
        "repeated-member",
    }
)
"""Of dead letters that anybody can cause who may write into a topic: they never count towards stopping a worker."""


class Proof(NamedTuple):
    """What was found out about who says a record, before it is read."""

    key: SignerKey | None = None
    """Whose signature held; None: not signed."""
    fault: ContractError | None = None
    """Why it did not, where the service may be one that nobody looks at."""
    owner: TopicSpeaker | None = None
    """Whose topic it stands in; None: everybody's."""


UNSIGNED = Proof()


class Signers:
    """All keys, and what is asked of which service."""

    def __init__(
        self,
        keys: Iterable[SignerKey] = (),
        demands: Mapping[str, Demand] | None = None,
        default: Demand = "required",
        window: float = 604_800.0,
        topics: Iterable[TopicSpeaker] = (),
    ):
        """`window`: seconds for which a signature is good; `topics`: those that services have to themselves. Without
        keys and topics nobody is let in, but where that is said."""
        self.keys = {key.key_id.encode(): key for key in keys}
        self.topics = {each.topic: each for each in topics}
        self.window = window
        self.demands = dict(demands or {})
        self.default = default
        asked = {default, *self.demands.values()}
        self.strict = asked == {"required"}
        """Every record has to be signed."""
        self.lenient = "off" in asked
        """Of some services nobody looks at signatures."""
        self._of_topics: dict[str, TopicSigners] = {}

    def provable(self, general: str) -> frozenset[str]:
        """The services that can prove that they are who they say, as far as it matters in a general topic: in intents,
        for intents; in feedback, for anything. With ANY_SERVICE in it: all whose signatures anybody looks at."""
        of_all = general != INTENTS.name
        # a key whose time is over counts: what it has proved must not be anybody's then
        signing = (key.services for key in self.keys.values() if of_all or not key.topics or general in key.topics)
        signed = frozenset[str]().union(*signing)
        owned = (each.services for name, each in self.topics.items() if of_all or general_of(name) == general)
        return frozenset(it for it in signed if it == ANY_SERVICE or self.demand(it) != "off").union(*owned)

    def demand(self, service: str) -> Demand:
        """What is asked of its records."""
        return self.demands.get(service, self.default)

    def of_topic(self, topic: str) -> "TopicSigners":
        """What is known of them for the records of a topic."""
        found = self._of_topics.get(topic)
        if found is None:
            kind = LenientTopicSigners if self.lenient else TopicSigners
            found = self._of_topics[topic] = kind(self, topic)
        return found


class TopicSigners:
    """The keys, ready for the records of one topic. `look` before a record is read, `prove` after."""

    def __init__(self, signers: Signers, topic: str):
        self._signers = signers
        self._window = signers.window
        self._known = {
            key_id: (_verifier(key, signed_prefix(topic, key_id)).holds, key, Proof(key))
            for key_id, key in signers.keys.items()
            if not key.topics or general_of(topic) in key.topics
        }
        self._sure = _surely_timely(0.0, signers.window)
        """Of the last batch: a memo, replaced as a whole, because batches may be read in several threads."""
        owner = signers.topics.get(topic)
        self._nobodys = bool(owner_of(topic)) and owner is None
        self._unsigned = UNSIGNED if owner is None else Proof(owner=owner)
        self._strict = signers.strict and owner is None
        """Here every record has to be signed."""
        self._provable = signers.provable(general_of(topic))
        if owner is not None:
            self._known = {
                key_id: (holds, key, Proof(key, owner=owner)) for key_id, (holds, key, _) in self._known.items()
            }

    def look(self, record: Record, now: float) -> Proof:
        """Whose signature a record has. Raises ContractError where nobody's service can save it."""
        if self._nobodys:
            raise ContractError(
                "topic-nobodys", "the topic is one service's own, and the signers file names it no more"
            )
        try:
            fields, counting = signature_of(headers_of(record))
        except UnreadableHeaders:
            raise ContractError("signature-unreadable", "the record's headers can't be read as text") from None
        if fields is None:
            if self._strict:
                raise _missing()
            return self._unsigned
        value = record.value()
        if value is None or len(value) > SIGNED_MAX:
            raise ContractError(
                "signature-unreadable", "a record without a value, or of more than 4 MiB, is not verified"
            )
        key_id, time, mac = fields
        known = self._known.get(key_id)
        if known is None:
            raise self._unknown(key_id)
        holds, key, proof = known
        if not holds(signed_rest(time, counting, value), mac):
            raise ContractError("signature-wrong", "the signature is not the key's for these octets in this topic")
        of, since, till = self._sure
        if of != now:
            _, since, till = self._sure = _surely_timely(now, self._window)
        # as numbers, where digits don't say it
        sure = since < time < till and len(time) == len(since)
        if not (sure or self._is_timely(int(time) / 1000, now)) or now > key.until:
            raise self._untimely(int(time) / 1000, now)
        return proof

    def prove(self, proof: Proof, service: str, stream: str | None = None) -> str:
        """What proves that a service says this: the id of a key, or the name of a topic behind OF_TOPIC; "": nothing
        does, and nothing has to. `stream` None: what is said has none. Raises ContractError."""
        key, fault, owner = proof
        if owner is not None:
            owner.check_says(service, stream)
        if self._signers.lenient and self._signers.demand(service) == "off":
            return owner.key_id if owner is not None else ""
        if fault is not None:
            raise fault
        if key is not None:
            key.check_says(service, stream)
            return key.key_id
        if owner is not None:
            return owner.key_id
        if self._signers.demand(service) == "required":
            raise _missing()
        return ""

    def can_prove(self, service: str) -> bool:
        """Whether somebody can prove what this service says here: whoever does not only claims to be it. Feedback that
        names no service claims nothing."""
        known = self._provable
        return service in known or (ANY_SERVICE in known and bool(service) and self._signers.demand(service) != "off")

    def claimed(self, record: Record) -> str:
        """Who a record would be from, for metrics: the key that it names, where it is known; otherwise the topic, where
        it is somebody's own; "": who knows."""
        owner = self._unsigned.owner.key_id if self._unsigned.owner is not None else ""
        try:
            fields, _ = signature_of(headers_of(record))
        except (ContractError, UnreadableHeaders):
            return owner
        return fields[0].decode() if fields is not None and fields[0] in self._signers.keys else owner

    def _is_timely(self, signed: float, now: float) -> bool:
        return -AHEAD <= now - signed <= self._window

    def _untimely(self, signed: float, now: float) -> ContractError:
        if signed > now + AHEAD:
            return ContractError("signature-ahead", "it was signed in time to come: the signer's clock is ahead")
        return ContractError("signature-expired", "the signature, or its key, is too old: a record that is sent again")

    def _unknown(self, key_id: bytes) -> ContractError:
        if key_id in self._signers.keys:
            return ContractError("topic-not-the-signers", f"key {key_id.decode()} may not sign for this topic")
        return ContractError("signature-key-unknown", "the signature names a key that is not known here")


class LenientTopicSigners(TopicSigners):
    """Likewise, where of some services nobody looks at signatures: whose record it is has to be known first."""

    def look(self, record: Record, now: float) -> Proof:
        """Whose signature a record has, or what is wrong with it."""
        try:
            return super().look(record, now)
        except ContractError as fault:
            if self._nobodys:
                raise
            return self._unsigned._replace(fault=fault)


def _surely_timely(now: float, window: float) -> tuple[float, bytes, bytes]:
    """`now`, and times between which a signature is good then, by a second at either end, as headers have them. Of
    texts with as many digits the order is that of the numbers; where these two differ in that, nothing is between."""
    since, till = (b"%d" % (1000 * each) for each in (max(0.0, now - window) + 1, now + AHEAD - 1))
    return (now, since, till) if len(since) == len(till) else (now, b"", b"")


def _verifier(key: SignerKey, prefix: bytes) -> Verifier:
    return HmacSeal(key.key, prefix) if key.algorithm == HMAC_SHA_256 else Ed25519Verifier(key.key, prefix)


def _missing() -> ContractError:
    return ContractError("signature-missing", "the record is not signed, and its service's have to be")
