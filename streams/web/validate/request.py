"""The request's body: octets in, what is asked for out. Pure."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from sidestep.streams.web.validate.problems import unfit, unreadable

ADDRESSES_MAX = 1_000
DEADLINE_MS = 500
DEADLINE_MS_MAX = 5_000

Addresses = Annotated[list[str], Meta(min_length=1, max_length=ADDRESSES_MAX)]


class Asked(Struct, frozen=True, forbid_unknown_fields=True):
    """Either `address` or `addresses`. Any text is an address here: what is wrong with it is the answer."""

    address: str | UnsetType = UNSET
    addresses: Addresses | UnsetType = UNSET
    stream: Annotated[str, Meta(max_length=200)] = ""
    """The intent's: rules may hold for some streams only."""
    deadline_ms: Annotated[float, Meta(ge=1, le=DEADLINE_MS_MAX)] = DEADLINE_MS
    """What isn't known after it is answered with unknown. Not an int: to JSON 500.0 is one, to msgspec it is not."""

    @property
    def texts(self) -> list[str]:
        """The addresses, in the order given."""
        if self.addresses is not UNSET:
            return self.addresses
        return [self.address] if self.address is not UNSET else []

    @property
    def single(self) -> bool:
        """One address, not a list of one."""
        return self.address is not UNSET


_decoder = msgspec.json.Decoder(Asked)


def read(body: bytes) -> Asked:
    """Raises Problem: 400 where it is not JSON, 422 where it says something else than it should."""
    try:
        asked = _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise unfit(str(error)) from None
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError; half a surrogate pair too
        raise unreadable(_fault(error)) from None
    if (asked.address is UNSET) == (asked.addresses is UNSET):
        raise unfit("Give either `address` or `addresses`, one of the two")
    return asked


def _fault(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"octets that are not UTF-8: {error.reason}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)
