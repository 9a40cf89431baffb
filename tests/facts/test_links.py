import json
import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from kinject.cli.app import run
from kinject.errors import MissingError
from kinject.facts.links import check_links
from kinject.facts.load import load_card
from kinject.storage import read_jsonl

CASES = list(read_jsonl(Path(__file__).parents[1] / "cases" / "facts" / "links.jsonl"))
TODAY = date(2026, 3, 1)


class Site(BaseHTTPRequestHandler):
    """Pages of every kind that a source can turn out to be."""

    def do_GET(self) -> None:
        status, place = {
            "/page": (200, None),
            "/moved": (302, "/page"),
            "/circle": (302, "/circle"),
            "/forbidden": (403, None),
        }.get(self.path, (404, None))
        self.send_response(status)
        if place:
            self.send_header("Location", place)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def written(folder: Path, urls: dict[str, str], card: str = "") -> Path:
    path = folder / "linked.jsonl"
    with path.open("w") as file:
        for number, (name, url) in enumerate(urls.items()):
            direct = {"question": f"Which letters bear number {number}?", "answer": name}
            fact = {"id": name, "event": f"It is {name}.", "direct": direct, "sources": [{"title": "T", "url": url}]}
            file.write(json.dumps(fact) + "\n")
    if card:
        path.with_suffix(".yaml").write_text(card)
    return path


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_what_does_not_open_is_a_problem(case: dict[str, Any], site: str, tmp_path: Path) -> None:
    path = written(tmp_path, {"other": f"{site}/page", "it": site + case["path"]})
    problems = check_links(path, TODAY)
    assert [problem.code for problem in problems] == ([case["code"]] if case["code"] else [])
    if problems:
        assert (problems[0].line, problems[0].id) == (2, "it")
        assert case["why"] in problems[0].message


def test_the_card_is_told_and_keeps_its_comments(site: str, tmp_path: Path) -> None:
    card = """# made by hand
name: linked
facts:
  good: {evidence: {link: not yet opened}}  # a comment
  "bad":
    evidence:
      readers: me
      link: "opened 2025-01-01"
  other: {}
"""
    path = written(tmp_path, {"good": f"{site}/page", "bad": f"{site}/gone", "other": f"{site}/page"}, card)
    check_links(path, TODAY)
    text = path.with_suffix(".yaml").read_text()
    changed = card.replace("not yet opened", '"opened 2026-03-01"')
    assert text == changed.replace('"opened 2025-01-01"', '"failed 2026-03-01: status 404 Not Found"')
    known = load_card(path)
    assert known and known.facts["good"].evidence.link == "opened 2026-03-01"


@pytest.mark.parametrize(
    "card",
    [
        "name: c\nfacts:\n  good:\n    evidence:\n      link: >-\n        not yet\n        opened\n    note: hi\n",
        "name: c\nfacts:\n  good: &a {evidence: {link: x}}\n  bad: *a\n",
        "name: c\nfacts:\n  good: {note: hi}\n",
    ],
)
def test_a_card_without_one_place_for_it_stays_as_it_is(card: str, site: str, tmp_path: Path) -> None:
    path = written(tmp_path, {"good": f"{site}/page", "bad": f"{site}/gone"}, card)
    check_links(path, TODAY)
    assert path.with_suffix(".yaml").read_text() == card


def test_an_address_that_cannot_be_is_one_problem(site: str, tmp_path: Path) -> None:
    path = written(tmp_path, {"good": f"{site}/page", "bad": "http://a..b/", "long": f"http://{'x' * 70}.org/"})
    assert [(each.id, each.code) for each in check_links(path, TODAY)] == [("bad", "F020"), ("long", "F020")]


def test_off_the_network_nothing_is_noted(tmp_path: Path) -> None:
    card = "name: linked\nfacts: {a: {evidence: {link: not yet opened}}}\n"
    path = written(tmp_path, {"a": "http://127.0.0.1:9/nothing"}, card)
    with pytest.raises(MissingError, match="not one of 1 addresses answered"):
        check_links(path, TODAY)
    assert path.with_suffix(".yaml").read_text() == card


def test_the_command_reports_both_kinds_of_problems(
    site: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, {"a": f"{site}/gone", "b": f"{site}/page"})
    path.write_text(path.read_text().replace("It is b.", "It is something."))
    assert run(["facts", "check", str(path), "--online", "--json"]) == 1
    found = [(each["line"], each["code"]) for each in json.loads(capsys.readouterr().out)["problems"]]
    assert found == [(2, "F005"), (1, "F020")]
