"""The page and its pictures: from the records alone, the same again, plain about what reverses or lacks."""

import re
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for synthetic.py
import synthetic

from kinject.statistics.intervals import Rate
from kinject.statistics.worlds import over_worlds
from kinject.studies import claims, outcomes, plots, results
from kinject.studies.everything import escaped, points, rate_text
from kinject.studies.outcomes import Score, World

RESULTS = Path(__file__).parent.parent.parent / "docs" / "results"
PICTURES = ["arms.svg", "epochs.svg", "errors.svg", "reading-reasoning.svg", "retention.svg"]
HOSTILE = "</table><script>|`[x](http://x)\u202egnp"


def study(place: Path, worlds: Any = range(11, 19)) -> str:
    results.write(synthetic.folder(place / "lab", worlds), place / "lab.md")
    return (place / "lab.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of eight worlds, written once."""
    folder = tmp_path_factory.mktemp("study")
    study(folder)
    return folder


@pytest.fixture
def page(place: Path) -> str:
    return (place / "lab.md").read_text(encoding="utf-8")


def test_the_page_says_first_what_became_of_the_claims(page: str) -> None:
    first = page.partition("\n## ")[0]
    assert first.startswith(f"# {results.QUESTION}\n\nState: *lab analogue*, 8 worlds (11 to 18).")
    assert "of 20 claims, 12 hold, 1 reverses, 3 are unresolved, 4 are not comparable" in first
    assert re.search(r"A/A test, .* against itself: the claim holds in \d+ of 200 replicates", first)
    assert "So where reading was taught the chain does harm" in first
    assert "| – | **reverses** |" in page and "| **unresolved** |" in page
    assert "**not comparable**: base + rag-oracle recalls no event in any answer" in page
    assert "kinject study injection --worlds 11-18\n" in page
    assert "| **92.0** | 98.5 | **fails old events** |" in page  # the bad world stays in
    assert "100 % by definition" in page


def test_every_claim_every_cell_and_every_picture_is_there(place: Path, page: str) -> None:
    for family in claims.read().all_families:
        assert all(escaped(claim.words) in page for claim in family.claims)
    tables = page.partition("## Every arm")[2]
    assert all(tables.count(f"| {escaped(name)} |") >= 5 for name in synthetic.RATES)
    links = re.findall(r"!\[[^\]]+\]\((\S+)\)", page)
    assert sorted(links) == [f"lab/{name}" for name in PICTURES]
    assert all((place / link).is_file() for link in links)


def test_every_row_of_a_table_has_all_columns(page: str) -> None:
    for block in page.split("\n\n"):
        if block.startswith("|"):
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1, block[:100]


def test_the_same_records_give_the_same_bytes(place: Path, page: str, tmp_path: Path) -> None:
    assert study(tmp_path) == page
    for name in PICTURES:
        assert (place / "lab" / name).read_bytes() == (tmp_path / "lab" / name).read_bytes()


def test_pictures_keep_their_text_and_neither_date_nor_style_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import matplotlib

    worlds = [World.model_validate(synthetic.record(number)) for number in (11, 12)]
    asked = claims.read()
    drawn = plots.draw(worlds, asked)
    assert sorted(drawn) == PICTURES
    for name, raw in drawn.items():
        root = ElementTree.fromstring(raw)
        texts = ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]
        assert len(texts) > 10, name
        assert not re.search(rb"dc:date|Matplotlib v|<script|<image", raw)
        assert round(float(root.attrib["width"].removesuffix("pt")) * 96 / 72) == 700
    monkeypatch.setitem(matplotlib.rcParams, "lines.linewidth", 9)
    monkeypatch.setitem(matplotlib.rcParams, "svg.hashsalt", "other")
    assert plots.draw(worlds, asked) == drawn


def test_the_papers_figures_in_the_picture_are_those_of_the_claims() -> None:
    found = plots.paper_figures(claims.read())
    assert found["base + rag-oracle"] == 34 and found["subqa-recall + rag-oracle"] == 71
    assert not any("context" in cell for cell in found)


def test_one_world_gives_a_page_on_which_nothing_is_resolved(tmp_path: Path) -> None:
    page = study(tmp_path, [13])
    assert "**1 world cannot give a p below 1: none that one side is more can hold or reverse.**" in page
    assert "State: *lab analogue*, 1 world (13)." in page
    assert "**holds**" not in page and "**reverses**" not in page
    assert "one world resolves nothing" in page and "(no interval)" in page


def test_a_world_that_lacks_a_cell_is_named(tmp_path: Path) -> None:
    records = [synthetic.record(number) for number in (11, 12, 13)]
    for name in ("lima + rag-oracle", "subqa-recall + none"):
        del records[1]["cells"][name]
    records[2]["protocol"] = "another"
    results.write(synthetic.write(tmp_path / "lab", records), tmp_path / "lab.md")
    page = (tmp_path / "lab.md").read_text(encoding="utf-8")
    assert "World 12 lacks: subqa-recall + none, lima + rag-oracle." in page
    assert "without world 12" in page
    assert re.search(r"\| lima \+ rag-oracle \|.*\| 11, 13 \|", page)
    assert "under 2 different protocols" in page


def test_records_of_a_few_cells_without_probes_or_repetitions_still_give_a_page(tmp_path: Path) -> None:
    made = synthetic.record(11, {"base + none": (0.5, 0.1)})
    made.update(world=None, seed=1, gates=None, rounds=None, tokens=None, aa={}, groups={}, weights={}, model="M")
    made["cells"]["base + none"].update(tokens={}, settings={})
    folder = tmp_path / "lab"
    synthetic.write(folder, [{**made, "world": None}])
    results.write(folder, tmp_path / "real.md")
    page = (tmp_path / "real.md").read_text(encoding="utf-8")
    assert "State: *measured on M*, 1 seed (1)." in page
    assert "A/A test: not run" in page and "The 2x2 of reading against reasoning cannot be told" in page
    assert "not measured" in page
    assert "](real/arms.svg)" in page and "retention.svg" not in page


def test_what_a_record_says_is_text(tmp_path: Path) -> None:
    made = synthetic.record(11)
    made["cells"][HOSTILE] = made["cells"]["base + none"]
    made["gates"][HOSTILE] = 1.0
    results.write(synthetic.write(tmp_path / "lab", [made]), tmp_path / "lab.md")
    page = (tmp_path / "lab.md").read_text(encoding="utf-8")
    assert "⟨U+202E⟩gnp" in page and "\u202e" not in page
    assert not re.search(r"(?<!\\)<script", page) and not re.search(r"(?<!\\)\[x\]", page)


@pytest.mark.parametrize(
    ("rates", "text"),
    [
        ({}, "–"),
        ({11: Rate(k=3, n=4)}, "75.0 3/4"),
        ({11: Rate(k=4, n=4), 12: Rate(k=4, n=4)}, "100.0 [100.0, 100.0] 8/8"),
        ({11: Rate(k=1, n=2, unscored=2), 12: Rate(k=2, n=4)}, "50.0 [50.0, 50.0] 3/6; 2 unscored: 37.5 to 62.5"),
        ({11: Rate(k=0, n=4), 12: Rate(k=1, n=4)}, "12.5 [0.0, 100.0] 1/8"),
        ({11: Rate(k=0, n=0, unscored=3)}, "– 3 unscored"),
    ],
)
def test_a_rate_shows_its_interval_its_counts_and_what_is_unscored(rates: dict[int, Rate], text: str) -> None:
    assert rate_text(Score(rates)) == text


def test_points_have_a_sign_and_no_negative_nothing() -> None:
    assert points(over_worlds([-0.01, -0.03])) == "+0.0 [-0.1, +0.1]"
    assert points(over_worlds([12.5])) == "+12.5 (no interval)"
    assert points(over_worlds([])) == "–"


@pytest.mark.skipif(not list((RESULTS / "lab").glob("world-*.json")), reason="there are no committed records yet")
def test_the_committed_page_is_what_the_committed_records_say(tmp_path: Path) -> None:
    written = results.write(RESULTS / "lab", tmp_path / "lab.md")
    for path in written:
        assert path.read_bytes() == (RESULTS / path.relative_to(tmp_path)).read_bytes(), path.name


def test_the_page_is_made_without_torch(tmp_path: Path) -> None:
    import subprocess

    folder = synthetic.folder(tmp_path / "lab", [11])
    code = (
        "import sys; from pathlib import Path; from kinject.studies import results; "
        f"results.write(Path({str(folder)!r}), Path({str(tmp_path / 'lab.md')!r})); "
        "assert 'torch' not in sys.modules and 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=100)
    assert outcomes.read(folder)
