"""The doors file: what may stand in it, and what a change of it or of a secret does."""

import asyncio
from pathlib import Path

import pytest

from sidestep.streams.errors import SettingsError
from sidestep.streams.web.receive.door_file import DoorFile
from sidestep.topics.errors import SidestepError
from tests.web.receive.conftest import Doors, Play, World
from tests.web.receive.senders import OTHER_SECRET, SVIX_SECRET, resend


class NoCertificates:
    async def get(self, url: str) -> bytes:
        raise AssertionError(url)


def _open(path: Path) -> DoorFile:
    return DoorFile(path, NoCertificates())


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("", "name"),
        ('name = "a"\nprovider = "sendgird"\nservice = "s"', "provider is one of sendgrid"),
        ('name = "A b"\nprovider = "ses"\nservice = "s"', "name"),
        ('name = "a"\nprovider = "sendgrid"\nservice = "s"', "key is missing"),
        ('name = "a"\nprovider = "ses"\nservice = "s"', "topic-arns are missing"),
        ('name = "a"\nprovider = "ses"\nservice = "s"\ntopic-arns = ["arn:aws:s3:::x"]', "arn:aws:sns:"),
        ('name = "a"\nprovider = "mailgun"\nservice = "s"\nkey = "k"', "path-secret is missing"),
        ('name = "a"\nprovider = "postmark"\nservice = "s"', "signs nothing"),
        ('name = "a"\nprovider = "postmark"\nservice = "s"\nuser = "u"', "belong together"),
        ('name = "a"\nprovider = "postmark"\nservice = "s"\npath-secret = "none"', "none can't be read"),
        ('name = "a"\nprovider = "postmark"\nservice = "s"\npath-secret = "short"', "16 characters or more"),
        ('name = "a"\nprovider = "postmark"\nservice = "s"\npath-secret = "slash"', "24 to 200 letters"),
        ('name = "a"\nprovider = "postmark"\nservice = "s"\npath-secret = "open"', "chmod 600"),
        ('name = "a"\nprovider = "postmark"\nservice = "s"\npath-secret = "empty"', "no secret"),
        ('name = "a"\nprovider = "sendgrid"\nservice = "s"\nkey = "slash"', "no public key"),
        ('name = "a"\nprovider = "resend"\nservice = "s"\nkey = "text"', "no secret"),
        ('name = "a"\nprovider = "other"\nservice = "s"\npath-secret = "path"\nrate = "fast"', "rate"),
        ('name = "a"\nprovider = "other"\nservice = "s"\npath-secret = "path"\nwindow = 0', "window"),
        ('name = "a"\nprovider = "other"\nservice = "s"\npath-secret = "path"\npath-secrets = ""', "path-secrets"),
        ('name = "a"\nprovider = "other"\nservice = "s"\npath-secret = "path"\ntopic = "email-intents"', "topic"),
        ('name = "a"\nprovider = "other"\nservice = "s"\npath-secret = "path"\ntopic = "email-intents.s"', "topic"),
    ],
)
def test_a_fault_is_told_at_the_start(doors: Doors, entry: str, said: str) -> None:
    """In a line that names the file and the door, and quotes no secret."""
    for name, text in {
        "short": "abc",
        "text": "this is no base64 at all!",
        "slash": "very/secret/" * 3,
        "open": "o" * 40,
        "empty": "",
    }.items():
        doors.secret(name, text)
    (doors.folder / "open").chmod(0o644)
    doors.path.write_text(f"[[door]]\n{entry}\n")
    with pytest.raises(SidestepError) as caught:
        _open(doors.path)
    assert said in str(caught.value) and "very/secret" not in str(caught.value)
    assert str(doors.path) in str(caught.value)


def test_doors_have_names_of_their_own(doors: Doors) -> None:
    """And there is at least one; a file that is none is told."""
    entry = '[[door]]\nname = "a"\nprovider = "other"\nservice = "s"\npath-secret = "path"\n'
    for text, said in ((entry * 2, "two doors are called a"), ("", "door"), ("[[door", "not TOML"), ("\0", "not TOML")):
        doors.path.write_text(text)
        with pytest.raises(SettingsError, match=said):
            _open(doors.path)
    with pytest.raises(SettingsError, match="can't be read"):
        _open(doors.folder / "none")


def test_a_secret_is_changed_without_a_gap(play: Play, doors: Doors) -> None:
    """Two lines while one takes the other's place; what was taken out lets nobody in any more."""

    async def scene(world: World) -> list[int]:
        old = [resend(identity=f"msg_{n}") for n in range(3)]
        new = [resend(OTHER_SECRET, identity=f"new_{n}") for n in range(3)]
        statuses = [await world.post(old[0]), await world.post(new[0])]
        doors.secret("resend.key", f"{SVIX_SECRET}\n{OTHER_SECRET}")
        world.file.look()
        statuses += [await world.post(old[1]), await world.post(new[1])]
        doors.secret("resend.key", OTHER_SECRET)
        world.file.look()
        return [*statuses, await world.post(old[2]), await world.post(new[2])]

    assert [200, 403, 200, 200, 403, 200] == play(scene)


@pytest.mark.parametrize("spoil", ["empty", "missing", "open"])
def test_a_secret_that_is_spoilt_lets_nobody_in(play: Play, doors: Doors, spoil: str) -> None:
    """503: the provider tries again, until it has been mended. Other doors go on."""

    def change() -> None:
        path = doors.folder / "resend.key"
        if spoil == "empty":
            path.write_text("")
        elif spoil == "missing":
            path.unlink()
        else:
            path.chmod(0o644)
            path.write_text(SVIX_SECRET + "\n# more\n")

    async def scene(world: World) -> list[int]:
        change()
        world.file.look()
        statuses = [await world.post(resend()), await world.post(doors.sendgrid.send())]
        doors.secret("resend.key", SVIX_SECRET)
        world.file.look()
        return [*statuses, await world.post(resend())]

    assert [503, 200, 200] == play(scene)


def test_what_others_could_read_is_noticed_and_so_is_its_mending(play: Play, doors: Doors) -> None:
    """By the mode alone: `chmod`, which the error asks for, leaves the file's time as it was."""

    async def scene(world: World) -> list[int]:
        statuses = []
        for mode in (0o644, 0o600):
            (doors.folder / "resend.key").chmod(mode)
            world.file.look()
            statuses.append(await world.post(resend()))
        return statuses

    assert [503, 200] == play(scene)


def test_a_doors_file_that_is_spoilt_opens_no_door(play: Play, doors: Doors) -> None:
    """Nor does one that is gone; a door that was taken out of it is nobody's."""
    right = doors.path.read_text()

    async def scene(world: World) -> list[int]:
        statuses: list[int] = []
        for text in ("[[door", None, right.replace('name = "resend"', 'name = "renamed"'), right):
            if text is None:
                await asyncio.to_thread(doors.path.unlink)
            else:
                doors.path.write_text(text)
            world.file.look()
            statuses.append(await world.post(resend(identity=f"msg_{len(statuses)}")))
        return statuses

    assert [503, 503, 403, 200] == play(scene)


def test_a_door_may_publish_where_its_service_is_proved(doors: Doors) -> None:
    """A topic that the service has to itself: whatever the body says, it is that service's."""
    doors.secret("path", "p" * 40)
    doors.path.write_text(
        '[[door]]\nname = "a"\nprovider = "other"\nservice = "s"\npath-secret = "path"\ntopic = "email-bounces.s"\n'
    )
    assert {"email-bounces.s"} == _open(doors.path).topics
