"""The image: what is in it, as whom it runs, and that nothing gets in unseen."""

import re
import tomllib

from tests.compose_file import DOCKERFILE, ROOT


def test_the_image_runs_as_nobody() -> None:
    """A user without a shell, and loopback until somebody says otherwise."""
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.M) == ["10001:10001"]
    assert "SIDESTEP_WEB_HOST" not in DOCKERFILE and "SIDESTEP_LISTEN_HOST" not in DOCKERFILE
    assert '["sidestep", "ready"]' in re.findall(r"^HEALTHCHECK .*", DOCKERFILE, re.M)[0]


def test_the_image_takes_only_what_a_hash_vouches_for() -> None:
    """Wheels by hash; after that pip asks no index any more, not for its own tools either."""
    steps = re.findall(r"pip(?: --python \S+)? (?:wheel|install) [^\n&]*", DOCKERFILE.replace("\\\n", " "))
    assert len(steps) >= 4
    assert "--require-hashes" in steps[0]
    assert all("--no-index" in step for step in steps[1:])
    assert "SOURCE_DATE_EPOCH" in DOCKERFILE


def test_the_image_gets_only_what_it_runs() -> None:
    """What the Dockerfile copies is let through by .dockerignore, and nothing else is."""
    copied = set(" ".join(re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.M)).split())
    allowed = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.M))
    assert copied == allowed


def test_the_version_is_the_same_everywhere() -> None:
    """What is built, tagged and started is what pyproject.toml says."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert [version] == re.findall(r'image\.version="([^"]+)"', DOCKERFILE)
    for name in ("docker-compose.yml", "Makefile"):
        assert {version} == set(re.findall(r"\bsidestep:(\d[\w.]*)", (ROOT / name).read_text()))
