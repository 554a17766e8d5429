"""The signers file: what it says, that it is followed, and that it fails closed."""

from pathlib import Path

import pytest

from sidestep.streams.errors import SettingsError
from sidestep.streams.screen.signers_file import SignersFile, read_own_topics, read_signers
from sidestep.topics.errors import CredentialsError

SECRET = "hmac-sha-256:3f1c09d2e5a74b8860c1f2973ad45e0b9c7d61284eaf50b3d81f6e92a40c7b15"
KEY = '[keys.{}]\nservices = ["shop"]\nsecret_file = "shop.key"\n'


def written(path: Path, text: str) -> Path:
    """A file that nobody else can read; replaced as one piece."""
    new = path.with_suffix(".new")
    new.write_text(text, "utf-8")
    new.chmod(0o600)
    return new.replace(path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A signers file with one key, and the secret beside it."""
    written(tmp_path / "shop.key", SECRET)
    return written(tmp_path / "signers.toml", KEY.format("shop-1"))


def test_what_the_file_says(file: Path) -> None:
    """Keys with all that they may, what is asked of whom, and the default."""
    written(
        file,
        'default = "optional"\n[services.shop]\nsignature = "required"\n'
        + KEY.format("shop-1")
        + 'streams = ["transactional"]\ntopics = ["email-intents"]\nuntil = 2027-01-15T08:00:00Z\n'
        + '[keys."b.1"]\nservices = ["*"]\npublic_key = "leZeRkdrN2O7MRJ1J4PodggMHyXDazJ8FuYZ4eljhkQ="\n',
    )
    signers = read_signers(file, 60.0)
    shop, gateway = signers.keys[b"shop-1"], signers.keys[b"b.1"]
    assert (shop.algorithm, shop.until) == ("hmac-sha-256", 1_800_000_000.0)
    assert [{"shop"}, {"transactional"}, {"email-intents"}] == [set(shop.services), set(shop.streams), set(shop.topics)]
    assert ("ed25519", ["*"]) == (gateway.algorithm, list(gateway.services))
    assert ["required", "optional"] == [signers.demand(name) for name in ("shop", "other")]


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("keys = ", "Invalid value"),
        ("[key.x]", "unknown field `key`"),
        ('default = "perhaps"', "perhaps"),
        ('[keys.x]\nsecret_file = "shop.key"', "services"),
        ('[keys.x]\nservices = []\nsecret_file = "shop.key"', "services"),
        ('[keys.x]\nservices = ["a"]', "either secret_file"),
        ('[keys.x]\nservices = ["a"]\nsecret_file = "shop.key"\npublic_key = "x"', "either secret_file"),
        ('[keys.x]\nservices = ["a"]\npublic_key = "x"', "not base64"),
        ('[keys.x]\nservices = ["a"]\npublic_key = "eHh4"', "key x"),
        ('[keys."a;b"]\nservices = ["a"]\nsecret_file = "shop.key"', "its name"),
        ('[keys.x]\nservices = ["a"]\nsecret_file = "shop.key"\ntopics = ["email-evidence"]', "email-evidence"),
        ('[services.a]\nsignature = "no"', "no"),
        ('[topics."email-evidence.shop"]\nservices = ["shop"]', "email-evidence.shop"),
        ('[topics."email-intents"]\nservices = ["shop"]', "email-intents"),
        ('[topics."email-intents.shop"]\nservices = []', "topics"),
    ],
)
def test_a_slip_stops_the_start_and_is_named(file: Path, text: str, about: str) -> None:
    """And no secret stands in the error."""
    with pytest.raises(SettingsError, match=about) as caught:
        read_signers(written(file, text), 60.0)
    assert str(file) in str(caught.value) and SECRET[13:] not in str(caught.value)


def test_secrets_are_for_their_owner_alone(file: Path) -> None:
    """The file is as well: who writes it says who is who. One that is missing stops the start."""
    for path in (file, file.parent / "shop.key"):
        path.chmod(0o644)
        with pytest.raises(CredentialsError, match="chmod 600"):
            read_signers(file, 60.0)
        path.chmod(0o600)
    file.unlink()
    with pytest.raises(CredentialsError, match="can't be read"):
        read_signers(file, 60.0)


def test_a_change_is_taken_when_it_reads_the_same_twice(file: Path) -> None:
    """Two keys while one follows upon the other, then the new one alone."""
    followed = SignersFile(file, 60.0)
    for keys in (["shop-1", "shop-2"], ["shop-2"]):
        written(file, "".join(map(KEY.format, keys)))
        before = followed.signers
        followed.look()
        assert before is followed.signers
        followed.look()
        assert [key.encode() for key in keys] == list(followed.signers.keys)
    before = followed.signers
    followed.look()
    assert before is followed.signers


def test_a_secret_that_changes_is_taken(file: Path) -> None:
    """Though the file that names it stays as it is."""
    followed = SignersFile(file, 60.0)
    written(file.parent / "shop.key", SECRET.replace("3f", "4e"))
    followed.look()
    followed.look()
    assert followed.signers.keys[b"shop-1"].key.hex().startswith("4e")


OWN = '[topics."email-intents.shop"]\nservices = ["shop"]\nstreams = ["newsletter"]\n'


def test_topics_that_services_have_to_themselves(file: Path) -> None:
    """Beside keys, or without any: whoever makes topics and rights of it needs none of the secrets."""
    written(file, KEY.format("shop-1") + OWN)
    found = read_signers(file, 60.0)
    [owner] = found.topics.values()
    assert ("email-intents.shop", ["shop"], ["newsletter"]) == (owner.topic, [*owner.services], [*owner.streams])
    (file.parent / "shop.key").unlink()
    assert ("email-intents.shop",) == read_own_topics(file)


def test_a_topic_that_comes_later_waits_for_a_restart(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What a worker reads is settled as it starts: the log and a metric say what it does not. Fewer need none."""
    followed = SignersFile(file, 60.0)
    written(file, OWN)
    followed.look()
    followed.look()
    assert {"email-intents.shop"} == followed.unread
    assert "nothing is read of email-intents.shop yet: restart the workers that screen" in caplog.text
    assert set() == SignersFile(file, 60.0, ["email-intents.shop", "email-bounces.gone"]).unread


@pytest.mark.parametrize("change", ["emptied", "gone", "spoilt", "open", "without its secret"])
def test_revocation_fails_closed(file: Path, change: str) -> None:
    """Nobody's signature is taken any more, and everybody needs one; a file that is right again counts again."""
    followed = SignersFile(file, 60.0)
    match change:
        case "emptied":
            written(file, "")
        case "gone":
            file.unlink()
        case "spoilt":
            written(file, KEY.format("shop-1") + "[")
        case "open":
            written(file, KEY.format("shop-1") + "#").chmod(0o644)
        case _:
            (file.parent / "shop.key").unlink()
    followed.look()
    followed.look()
    assert ({}, True, change != "emptied") == (followed.now().keys, followed.now().strict, followed.refused)
    written(file.parent / "shop.key", SECRET)
    written(file, KEY.format("shop-9"))
    followed.look()
    followed.look()
    assert ([b"shop-9"], False) == (list(followed.now().keys), followed.refused)
