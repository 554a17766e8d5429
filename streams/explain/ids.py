"""What the ledger says of an intent's id: when it was judged last, which leads to its verdict. Pure."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from msgspec import MsgspecError

from sidestep.streams.decide.id_rows import IdRow
from sidestep.streams.decide.tables import IDS
from sidestep.streams.explain.shelf import Lying
from sidestep.streams.runtime.tables import unpack_pairs
from sidestep.streams.screen.keys import Keys

NO_ROWS: Mapping[bytes, bytes] = MappingProxyType({})


def id_keys(keys: Keys, service: str, intent_id: str) -> tuple[bytes, ...]:
    """All keys that its id may have in a ledger: proved or not, a test or not, by the secret of before as well."""
    secrets = [keys] if keys.former is None else [keys, keys.former]
    forms = [(proved, test) for proved in (False, True) for test in (False, True)]
    return tuple(IDS.prefix + each.intent(service, intent_id, *form) for each in secrets for form in forms)


def rows_among(
    changelog: Iterable[Lying], keys: Iterable[bytes], known: Mapping[bytes, bytes] = NO_ROWS
) -> dict[bytes, IdRow]:
    """The last row of each key, out of one partition of email-ids-changelog. Most batches are passed over undecoded.
    `keys`: with the table's prefix. `known`: what was known of them before."""
    wanted = tuple(keys)
    found = {key: IDS.decode(row) for key, row in known.items()}
    for record in changelog:
        value = record.value or b""
        if not any(key in value for key in wanted):
            continue
        try:
            found |= {key: IDS.decode(row) for key, row in unpack_pairs(value) if key in wanted}
        except (MsgspecError, ValueError):  # an audit tells of it
            continue
    return found
