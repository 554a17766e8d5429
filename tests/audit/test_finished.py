"""An audit that was interrupted goes on with what is left, and with nothing that is not its own."""

from pathlib import Path

import msgspec
import pytest

from sidestep.streams.audit.findings import AuditFinding, PartitionAudit
from sidestep.streams.audit.finished import AuditAbout, begun
from sidestep.streams.audit.reading import Extent, Extents
from sidestep.streams.errors import AuditFailed
from sidestep.streams.runtime.manifest import Place

ABOUT = AuditAbout("cluster", "1", ["6"], "thresholds", [0, 1], "-inf", "inf", False)
EXTENTS = Extents({Place("log", 0): Extent(0, 7, 9), Place("log", 1): Extent(2, 5, 5)})


def test_what_is_finished_comes_back_as_it_was(tmp_path: Path) -> None:
    """And the ends of then, also where the topics have grown; what retention has taken since is gone."""
    state = begun(tmp_path / "state", ABOUT, EXTENTS)
    assert (EXTENTS, []) == (state.extents, state.found())
    audit = PartitionAudit(1, 70, 5, stopped="why")
    audit.count("verdict", "proved", 3)
    audit.find(AuditFinding("row", "differs", "log/1/2", "", "text", "{}"))
    state.keep(audit)
    grown = Extents({Place("log", 0): Extent(1, 70, 90), Place("log", 1): Extent(2, 5, 6)})
    again = begun(tmp_path / "state", ABOUT, grown)
    assert {Place("log", 0): Extent(1, 7, 9), Place("log", 1): Extent(2, 5, 5)} == again.extents.places
    assert [audit] == again.found()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cluster", "other"),
        ("version", "2"),
        ("folds", ["5", "6"]),
        ("thresholds", "x"),
        ("partitions", [0]),
        ("since", "7"),
        ("until", "8"),
        ("proofs", True),
    ],
)
def test_the_state_of_another_audit_is_refused_by_name(tmp_path: Path, field: str, value: object) -> None:
    """With what is another one."""
    begun(tmp_path, ABOUT, EXTENTS)
    with pytest.raises(AuditFailed, match=f"has the state of another audit: {field} "):
        begun(tmp_path, msgspec.structs.replace(ABOUT, **{field: value}), EXTENTS)


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    """One with other files, a damaged one, and that of a topic that was made anew."""
    (tmp_path / "other").write_text("")
    with pytest.raises(AuditFailed, match="is not empty, and no audit was begun there"):
        begun(tmp_path, ABOUT, EXTENTS)
    state = begun(tmp_path / "state", ABOUT, EXTENTS)
    with pytest.raises(AuditFailed, match="log/0 ended at 9 then, and has been made anew since"):
        begun(tmp_path / "state", ABOUT, Extents({**EXTENTS.places, Place("log", 0): Extent(0, 1, 1)}))
    (tmp_path / "state" / "partition-0.json").write_text("{")
    with pytest.raises(AuditFailed, match=r"partition-0\.json can't be read, so the audit can't go on there"):
        state.found()
    (tmp_path / "state" / "audit.json").write_text("{")
    with pytest.raises(AuditFailed, match=r"audit\.json can't be read"):
        begun(tmp_path / "state", ABOUT, EXTENTS)
    with pytest.raises(AuditFailed, match="can't be used"):
        begun(tmp_path / "other", ABOUT, EXTENTS)
