"""Records of any kind in, sections out: what `kinject report` shows of the files that it is given.

Arms of all comparisons are looked at together, since arms of several runs may share what is compared. Each record of a
study is a section of its own; nothing is pooled over them. Sections come in the order of the records.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kinject.errors import UsageError
from kinject.report import mistake_records, mistakes, scaling, styles, sweeps, tables
from kinject.report.records import COMPARE, INJECT, arms_of, opened, schema_of
from kinject.report.section import Section

STUDIES: dict[str, Callable[[Path, Any], Section]] = {
    sweeps.SCHEMA: scaling.section,
    mistake_records.SCHEMA: mistakes.section,
    styles.SCHEMA: styles.section,
}


def sections(runs: Sequence[Path]) -> list[Section]:
    """Read these records, or the newest comparison's. `UsageError` names one that is of no kind that can be shown."""
    found = opened(runs)
    for path, record in found:
        if schema_of(record) not in (*STUDIES, COMPARE, INJECT):
            mend = "name runs of kinject compare, or records of kinject sweep, kinject errors or kinject styles"
            raise UsageError(f"This is no record that can be shown ({schema_of(record)})", where=str(path), mend=mend)
    arms = [arm for path, record in found if schema_of(record) not in STUDIES for arm in arms_of(path, record)]
    studies = [STUDIES[kind](path, record) for path, record in found if (kind := schema_of(record)) in STUDIES]
    return [*tables.sections(arms), *studies]
