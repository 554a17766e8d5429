"""The body of a request to /v1/validate: octets in, a checked `Request` out. Pure."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from sidestep.streams.web.validate.problems import unfit, unreadable

ADDRESSES_MAX = 1_000
DEADLINE_MS = 500
DEADLINE_MS_MAX = 5_000

Addresses = Annotated[list[str], Meta(min_length=1, max_length=ADDRESSES_MAX)]


class Request(Struct, frozen=True, forbid_unknown_fields=True):
    """The request: either `address` or `addresses`. Any text is an address here: its faults are the answer."""

    address: str | UnsetType = UNSET
    addresses: Addresses | UnsetType = UNSET
    stream: Annotated[str, Meta(max_length=200)] = ""
    """Stream that an intent would have: rules may hold for some only."""
    deadline_ms: Annotated[float, Meta(ge=1, le=DEADLINE_MS_MAX)] = DEADLINE_MS
    """Milliseconds; what isn't known then is answered with unknown. No int: 500.0 is one to JSON, not to msgspec."""

    @property
    def texts(self) -> list[str]:
        """The addresses, in the order given."""
        if self.addresses is not UNSET:
            return self.addresses
        return [self.address] if self.address is not UNSET else []

    @property
    def single(self) -> bool:
        """Whether the request is for one address, not for a list of one."""
        return self.address is not UNSET


_decoder = msgspec.json.Decoder(Request)


def read(body: bytes) -> Request:
    """Octets -> the request. Raises Problem: 400 where they are not JSON, 422 where they say something else."""
    try:
        request = _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise unfit(str(error)) from None
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError; half a surrogate pair too
        raise unreadable(_fault(error)) from None
    if (request.address is UNSET) == (request.addresses is UNSET):
        raise unfit("Give either `address` or `addresses`, one of the two")
    return request


def _fault(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"octets that are not UTF-8: {error.reason}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)
