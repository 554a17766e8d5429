"""Messages of a log with their fates by two policies, in a store: memory does not grow with the log. Pure.

A message is what has one content, whatever its attempts. What comes back belongs to the message that it names, else to
the last one that was sent to the mailbox before.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from zlib import crc32

import msgspec
from msgspec import Struct

from sidestep.schemas import Evidence, FeedbackEvidence, IntentEvidence, Verdict
from sidestep.streams.audit.key_values import KeyValues
from sidestep.streams.backtest.fate import MessageFate, next_fate
from sidestep.streams.backtest.outcomes import with_feedback
from sidestep.streams.masking import without_local_parts

REMEMBERED = 8
"""Messages of a mailbox that what comes back may name."""
NAME_MAX = 100
_MESSAGE, _MAILBOX = b"i", b"m"

Verdicts = Mapping[int, Verdict]
"""By offset of the evidence."""


class MessageRow(Struct, array_like=True, gc=False):
    """A message of the log. Without the local part of its address."""

    offset: int
    """Of the record that offered it first."""
    service: str
    id: str
    domain: str
    recipient_key: bytes
    first_ms: int
    """Log time of its first verdict."""
    before: MessageFate | None = None
    """By the policies that stand in the log; None: it has no verdict."""
    after: MessageFate | None = None
    """By the other one."""
    outcomes: int = 0
    """By bit (outcomes.py)."""


class SentMessage(Struct, array_like=True, frozen=True, gc=False):
    """One that was sent, of a mailbox."""

    content_key: bytes
    service: str
    name: int
    """A checksum of its id."""


class MailboxRow(Struct, array_like=True, gc=False):
    """What was sent to a mailbox of late."""

    sent: list[SentMessage] = []
    """The latest last."""


_encode = msgspec.msgpack.Encoder().encode
_message = msgspec.msgpack.Decoder(MessageRow).decode
_mailbox = msgspec.msgpack.Decoder(MailboxRow).decode


class Messages:
    """All of a partition. `store` is empty, and for this alone."""

    def __init__(self, store: KeyValues):
        self._store = store
        self.tests = 0
        """Test intents, which are no messages."""
        self.policies: Counter[str] = Counter()
        """Verdicts by the version of the policy that stands in the log."""

    def take(self, records: Sequence[tuple[int, Evidence]], before: Verdicts, after: Verdicts) -> None:
        """Records in the log's order, with what both policies say of those that have a verdict."""
        self._take(records, before, after, judged=True)

    def take_returns(self, records: Sequence[tuple[int, Evidence]], before: Verdicts) -> None:
        """Records behind the time that is compared: what came back tells of messages, and nothing else."""
        self._take(records, before, {}, judged=False)

    def rows(self) -> Iterator[MessageRow]:
        """All messages, in no order that means anything."""
        for _, value in self._store.items(_MESSAGE):
            yield _message(value)

    def _take(self, records: Sequence[tuple[int, Evidence]], before: Verdicts, after: Verdicts, judged: bool) -> None:
        touched = self._load(records)
        for offset, record in records:
            if isinstance(record, FeedbackEvidence):
                touched.count(record)
            elif isinstance(record, IntentEvidence):
                verdicts = before.get(offset), after.get(offset)
                if record.test:
                    self.tests += judged and verdicts != (None, None)
                    continue
                if judged and verdicts[0] is not None:
                    self.policies[verdicts[0].versions.policy] += 1
                touched.judge(offset, record, *verdicts, judged)
        self._store.put(touched.written())

    def _load(self, records: Sequence[tuple[int, Evidence]]) -> "_Touched":
        intents = [record for _, record in records if isinstance(record, IntentEvidence)]
        told = [record for _, record in records if isinstance(record, FeedbackEvidence)]
        mailboxes = {intent.recipient_key: MailboxRow([]) for intent in intents}
        mailboxes |= {feedback.recipient_key: MailboxRow([]) for feedback in told}
        for key, value in zip(mailboxes, self._store.get_many([_MAILBOX + key for key in mailboxes]), strict=True):
            if value is not None:
                mailboxes[key] = _mailbox(value)
        contents = {intent.content_key for intent in intents}
        for feedback in told:
            contents |= {sent.content_key for sent in mailboxes[feedback.recipient_key].sent}
        wanted = list(contents)
        values = self._store.get_many([_MESSAGE + key for key in wanted])
        found = zip(wanted, values, strict=True)
        return _Touched({key: _message(value) for key, value in found if value is not None}, mailboxes)


class _Touched:
    """The rows that some records need."""

    def __init__(self, messages: dict[bytes, MessageRow], mailboxes: dict[bytes, MailboxRow]):
        self._messages = messages
        self._mailboxes = mailboxes
        self._written: dict[bytes, MessageRow | MailboxRow] = {}

    def judge(
        self, offset: int, intent: IntentEvidence, before: Verdict | None, after: Verdict | None, judged: bool
    ) -> None:
        """One attempt of a message. `judged`: its fate is compared."""
        key = intent.content_key
        row = self._messages.get(key)
        if judged and (before is not None or after is not None):
            if row is None:
                row = self._messages[key] = _new_row(offset, intent, before or after)
            row.before = next_fate(row.before, before) if before is not None else row.before
            row.after = next_fate(row.after, after) if after is not None else row.after
            self._written[_MESSAGE + key] = row
        if before is not None and before.action == "send":
            mailbox = self._mailboxes[intent.recipient_key]
            mailbox.sent = [*mailbox.sent[1 - REMEMBERED :], SentMessage(key, intent.service, _name(intent.id))]
            self._written[_MAILBOX + intent.recipient_key] = mailbox

    def count(self, feedback: FeedbackEvidence) -> None:
        """What has come back, for the message that it is about; of others than those of this log, nothing."""
        sent = _meant(self._mailboxes[feedback.recipient_key].sent, feedback)
        row = self._messages.get(sent.content_key) if sent is not None else None
        if sent is not None and row is not None:
            row.outcomes = with_feedback(row.outcomes, feedback)
            self._written[_MESSAGE + sent.content_key] = row

    def written(self) -> Iterator[tuple[bytes, bytes]]:
        """All changes."""
        return ((key, _encode(row)) for key, row in self._written.items())


def _new_row(offset: int, intent: IntentEvidence, verdict: Verdict | None) -> MessageRow:
    first_ms = round(verdict.decided_at * 1000) if verdict is not None else 0
    name = without_local_parts(intent.id)[:NAME_MAX]
    return MessageRow(offset, intent.service, name, intent.domain, intent.recipient_key, first_ms)


def _meant(sent: Sequence[SentMessage], feedback: FeedbackEvidence) -> SentMessage | None:
    of_service = [each for each in sent if feedback.service in ("", each.service)]
    if feedback.intent_id:
        name = _name(feedback.intent_id)
        of_service = [each for each in of_service if each.name == name]
    return of_service[-1] if of_service else None


def _name(id: str) -> int:
    return crc32(id.encode("utf-8", "replace"))
