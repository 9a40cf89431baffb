"""The files of a report: complete, self-contained, and safe whatever the models said."""

import hashlib
import re
from base64 import b64encode
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from kinject.report.page import html, markdown, write
from kinject.report.records import Arm, read
from kinject.report.tables import sections
from kinject.storage import read_json

CASES = Path(__file__).parent.parent / "cases" / "report"
HOSTILE = '</pre><script>alert(1)</script><img src=x onerror="a()"> \u202egnp.exe {{ 7 * 7 }} `|` ](http://x)'


class Tags(HTMLParser):
    """Collects the tags and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture
def arms() -> list[Arm]:
    return read([CASES / "compare-sample"])


def test_markdown_is_as_agreed(arms: list[Arm]) -> None:
    assert markdown(sections(arms)) == (CASES / "compare-sample.md").read_text(encoding="utf-8")


def test_the_page_holds_the_tables_the_provenance_and_every_answer(arms: list[Arm]) -> None:
    page = html(sections(arms))
    assert page.count("lab analogue") == 2
    assert page.count("<summary>") == len(arms) + sum(len(arm.answers) for arm in arms)
    for text in (
        "On the same 8 multihop questions",
        "What the columns mean",
        "kinject compare --preset demo",
    ):
        assert text in page
    assert "Brunmar United won the Lantern Cup" in page


def test_the_page_needs_nothing_from_outside_and_runs_nothing(arms: list[Arm]) -> None:
    page = html(sections(arms))
    tags = Tags(page).found
    assert not {"script", "link", "img", "iframe", "form", "object"} & {tag for tag, _ in tags}
    assert not {"src", "href", "style", "onclick"} & {name for _, attributes in tags for name in attributes}
    policy = next(a["content"] for tag, a in tags if tag == "meta" and "http-equiv" in a) or ""
    style = re.search("<style>(.*?)</style>", page, re.DOTALL)
    assert style and b64encode(hashlib.sha256(style[1].encode()).digest()).decode() in policy
    assert policy.startswith("default-src 'none'")


def test_hostile_text_stays_text(arms: list[Arm]) -> None:
    rows = tuple(
        {
            **row,
            "response": HOSTILE,
            "prompt": HOSTILE,
            "fact": HOSTILE,
            "verdicts": {"rules": {"reason": HOSTILE}},
        }
        for row in arms[0].answers
    )
    changed = {
        **arms[0].record,
        "model": HOSTILE,
        "facts": HOSTILE,
        "arm": dict.fromkeys(arms[0].record["arm"], HOSTILE),
    }
    found = sections([replace(arms[0], record=changed, answers=rows, command=HOSTILE)])
    page, text = html(found), markdown(found)
    plain = {tag for tag, _ in Tags(html(sections(arms))).found}
    assert {tag for tag, _ in Tags(page).found} == plain
    assert "\u202e" not in page + text
    assert "⟨U+202E⟩" in page and "{{ 7 * 7 }}" in page
    assert not re.search(r"(?<!\\)<", text) and "](http" not in text


def test_an_arm_without_its_answers_says_so(arms: list[Arm]) -> None:
    assert "the answers are not at hand (answers-base-none-none.jsonl)" in html(
        sections([replace(arms[0], answers=())])
    )


def test_write_makes_three_files(arms: list[Arm], tmp_path: Path) -> None:
    paths = write(tmp_path / "new" / "folder", sections(arms))
    assert [path.name for path in paths] == ["report.html", "report.md", "tables.json"]
    data = read_json(paths[2])
    assert data["schema"] == "kinject.report/1"
    assert len(data["sections"][0]["arms"]) == 7
