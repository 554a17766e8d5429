"""Evidence in a log that has grown: what a worker wrote by the earlier number is passed over."""

from sidestep.schemas import Evidence, IntentEvidence, PolicyRecord, TickRecord
from sidestep.streams.decide.place import in_place
from sidestep.streams.runtime.partitioner import partition_of

DOMAINS = [f"d{number}.example" for number in range(40)]


def intent(domain: str, to: str = "") -> IntentEvidence:
    return IntentEvidence("i", "shop", to or f"a@{domain}", 0, domain, b"", b"", b"")


def placed(records: list[Evidence], partitions: int, partition: int) -> list[int]:
    """Offsets of those that belong there."""
    keys = {offset: getattr(record, "domain", "x").encode() for offset, record in enumerate(records)}
    return [offset for offset, _ in in_place(list(enumerate(records)), keys, partitions, partition)]


def test_what_lies_where_its_key_belongs_stays() -> None:
    """Among as many as the policy says; control records and ticks have no place of their own."""
    records: list[Evidence] = [intent(domain) for domain in DOMAINS]
    assert placed(records, 4, 1) == [n for n, domain in enumerate(DOMAINS) if partition_of(domain, 4) == 1]
    assert placed([TickRecord(at=1), PolicyRecord("1", "", 1, partitions=4)], 4, 3) == [0, 1]
    assert placed(records, 1, 0) == list(range(40))


def test_the_cut_is_where_the_policy_says_another_number() -> None:
    """What stands before it was put there by the old one, and counts."""
    here = [domain for domain in DOMAINS if partition_of(domain, 4) == 1]
    moved = next(domain for domain in here if partition_of(domain, 12) != 1)
    stays = next(domain for domain in here if partition_of(domain, 12) == 1)
    cut = PolicyRecord("1", "", 1, partitions=12)
    assert placed([intent(moved), cut, intent(moved), intent(stays)], 4, 1) == [0, 1, 3]


def test_an_address_without_a_domain_lies_by_its_text() -> None:
    """It has no history, and one verdict all the same."""
    number = partition_of("nonsense", 12)
    assert placed([intent("", "nonsense")], 12, number) == [0]
    assert placed([intent("", "nonsense")], 12, (number + 4) % 12) == []
