"""Which of two systems answers better: the same prompts, each pair of answers judged in both orders.

The question is LIMA's (Zhou et al. 2023, section 4), which arXiv 2410.03717 (section 3.3, Table 2) asks too: A, B, or
neither significantly better. Judges prefer a place as well as an answer, most where the answers are close (Shi et al.
2024, arXiv 2406.07791), so a win is one in both orders; the place that wins twice is a flip, and a tie.

An answer that is none (nothing, words to the judge: `guard`) loses without anybody's being asked; two of them tie.

In: two files of answers (a line is {"fact", "kind", "response"} or {"prompt", "response"}). Out: every pair with both
rulings and how it ended, the counts, and the rates of `statistics.preference`.

Traps: answers are paired by fact, kind and sample only where every line of both files has them, else by prompt and
sample; what stands twice or has no counterpart is left out, and counted. A pair that the judge could not judge in one
order is unscored, even if it won in the other. The win rate says nothing of who is right: in Table 2 the system with
14.7 % correct answers wins 84.4 % against one with 46.5 %.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from kinject import storage
from kinject.engines.base import Engine, Sampling
from kinject.errors import MissingError, UsageError
from kinject.judging.guard import graded_by_rule
from kinject.judging.judge import MODELS
from kinject.judging.llm import LLM, open_llm
from kinject.judging.rubric import RUBRICS, SAMPLING, UNSCORED, Ruling, rule, version
from kinject.progress import SILENT, Progress
from kinject.statistics.intervals import Rate
from kinject.statistics.preference import Preference, length_controlled, win_rate

if TYPE_CHECKING:
    from kinject.engines.openai import Terms

RUBRIC = RUBRICS["winrate"]
OTHER = {"A": "B", "B": "A"}

End = Literal["win", "tie", "loss", "unscored"]
How = Literal["agreed", "flip", "half", "neither", "identical", "rule", "unscored"]
"""The same in both orders; the same place in both; one order only; no order; no need to ask, since both answers are the
same, or one of them is none; not judged."""


class Said(BaseModel):
    """One system's answer to one prompt, as a line of a file has it; what else stands in the line is let be."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    fact: str | None = None
    kind: str = ""
    sample: int = 0
    prompt: str = ""
    response: Any
    """The text; anything else is unscored."""
    line: int = Field(default=0, exclude=True)

    @model_validator(mode="after")
    def _known_by_something(self) -> Self:
        if not self.prompt and (self.fact is None or not self.kind):
            raise ValueError("neither a prompt nor a fact with a kind")
        return self


@dataclass(frozen=True)
class Pair:
    """Two answers to one prompt."""

    prompt: str
    a: Said
    b: Said

    @property
    def cluster(self) -> str:
        """What it shares with other pairs: its fact, or else its prompt."""
        return self.a.fact if self.a.fact is not None and self.a.fact == self.b.fact else self.prompt

    @property
    def longer(self) -> int:
        """How many characters A's answer has more than B's."""
        return len(self.a.response.strip()) - len(self.b.response.strip())


@dataclass(frozen=True)
class Judged:
    """How a pair ended for A, and what was said of it with A's answer first and with B's first."""

    pair: Pair
    end: End
    how: How
    first: Ruling | None = None
    second: Ruling | None = None
    why: str = ""
    """Why an answer is none."""

    def as_json(self) -> dict[str, Any]:
        """The form that `--json` prints; "A" and "B" of a ruling are the first and the second answer shown."""
        pair = self.pair
        return {
            "fact": pair.a.fact,
            "kind": pair.a.kind,
            "sample": pair.a.sample,
            "prompt": pair.prompt,
            "lines": [pair.a.line, pair.b.line],
            "end": self.end,
            "how": self.how,
            "why": self.why,
            "a_first": None if self.first is None else asdict(self.first),
            "b_first": None if self.second is None else asdict(self.second),
        }


def read_responses(path: Path) -> list[Said]:
    """The answers of a JSONL file, in order; `UsageError` names the line that is none, or a file without any."""
    found = []
    for number, raw in storage.numbered_lines(path):
        try:
            said = Said.model_validate(storage.parse_json(raw, str(path), number))
            found.append(said.model_copy(update={"line": number}))
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(map(str, problem["loc"]))
            raise UsageError(
                f"this is no answer: {f'{where}: ' if where else ''}{problem['msg']}",
                where=f"{path}:{number}",
                mend='write one {"prompt": TEXT, "response": TEXT} a line, or fact and kind in place of the prompt',
            ) from error
    if not found:
        raise UsageError("there are no answers in it", where=str(path), mend="write one answer a line")
    return found


def pair_up(a: Sequence[Said], b: Sequence[Said]) -> tuple[list[Pair], dict[str, int]]:
    """The answers to the same prompts, in A's order, and how many prompts were left out for which reason."""
    by_fact = all(said.fact is not None and said.kind for said in (*a, *b))
    lone = next((said for said in (*a, *b) if not said.prompt), None)
    if not by_fact and lone is not None:
        problem = f"fact {lone.fact!r} (line {lone.line}) has no prompt, and other answers are to no fact"
        raise UsageError(problem, where="A and B", mend="give every answer its prompt")
    mine, theirs = _by_key(a, by_fact), _by_key(b, by_fact)
    pairs: list[Pair] = []
    out: Counter[str] = Counter()
    for key in dict.fromkeys((*mine, *theirs)):
        found = _paired(mine.get(key, []), theirs.get(key, []))
        if isinstance(found, Pair):
            pairs.append(found)
        else:
            out[found] += 1
    return pairs, dict(out)


def _by_key(answers: Sequence[Said], by_fact: bool) -> dict[tuple[Any, ...], list[Said]]:
    found: dict[tuple[Any, ...], list[Said]] = {}
    for said in answers:
        key = (said.fact, said.kind, said.sample) if by_fact else (said.prompt, said.sample)
        found.setdefault(key, []).append(said)
    return found


def _paired(mine: Sequence[Said], theirs: Sequence[Said]) -> Pair | str:
    """The pair, or why there is none."""
    if not mine or not theirs:
        return "only in A" if mine else "only in B"
    if len(mine) > 1 or len(theirs) > 1:
        return "more than once in one file"
    prompts = {said.prompt for said in (*mine, *theirs)} - {""}
    if len(prompts) != 1:
        return "the prompts differ" if prompts else "no prompt in either file"
    return Pair(prompts.pop(), mine[0], theirs[0])


def checked(name: str) -> str:
    """The name of a judge that can prefer one answer to another; `MissingError` for one that cannot."""
    if "," in name:
        mend = "name one judge, and run the command once for each"
        raise UsageError("a win rate is one judge's", where="--judge", mend=mend)
    if name.startswith(MODELS):
        return name
    raise MissingError(
        f"a win rate needs a language model as its judge: {name!r} cannot say which of two answers is better",
        where="--judge",
        mend="add --judge openai:MODEL (or vllm:MODEL, or hf:PATH)",
    )


def open_asker(name: str, terms: "Terms | None" = None) -> LLM:
    """Find the language model that is to prefer. Raises as `checked` and `judging.llm.open_llm` do."""
    return open_llm(checked(name), terms)


def compare(
    pairs: Sequence[Pair], engine: Engine, progress: Progress = SILENT, sampling: Sampling = SAMPLING
) -> list[Judged]:
    """Have each pair judged in both orders; what is settled by rule, and equal answers, without a call."""
    settled = [_settled(pair) for pair in pairs]
    asked = [pair for pair, end in zip(pairs, settled, strict=True) if end is None]
    values = [_values(pair, a_first) for pair in asked for a_first in (True, False)]
    rulings = iter(rule(RUBRIC, values, engine, sampling, progress) if values else [])
    return [end or _judged(pair, next(rulings), next(rulings)) for pair, end in zip(pairs, settled, strict=True)]


def _settled(pair: Pair) -> Judged | None:
    """How a pair ends of which nobody needs to be asked; None where the judge must look."""
    texts = [said.response for said in (pair.a, pair.b)]
    if not all(isinstance(text, str) for text in texts):
        return Judged(pair, "unscored", "unscored")
    if texts[0].strip() == texts[1].strip():
        return Judged(pair, "tie", "identical")
    caught = {name: why for name, text in zip("AB", texts, strict=True) if (why := graded_by_rule(text))}
    if not caught:
        return None
    end: End = "tie" if len(caught) == 2 else "loss" if "A" in caught else "win"
    return Judged(pair, end, "rule", why="; ".join(f"{name} {why}" for name, why in caught.items()))


def _values(pair: Pair, a_first: bool) -> dict[str, str]:
    first, second = (pair.a, pair.b) if a_first else (pair.b, pair.a)
    return {"question": pair.prompt, "response_a": first.response, "response_b": second.response}


def _judged(pair: Pair, first: Ruling, second: Ruling) -> Judged:
    """Put the two rulings together. The second was made with the answers in each other's place."""
    if UNSCORED in (first.label, second.label):
        return Judged(pair, "unscored", "unscored", first, second)
    winners = [OTHER.get(OTHER.get(first.label, "")), OTHER.get(second.label)]
    if winners[0] == winners[1]:
        ends: Mapping[str | None, tuple[End, How]] = {"A": ("win", "agreed"), "B": ("loss", "agreed")}
        return Judged(pair, *ends.get(winners[0], ("tie", "neither")), first, second)
    return Judged(pair, "tie", "half" if None in winners else "flip", first, second)


def scores(judged: Sequence[Judged]) -> dict[str, Any]:
    """The counts, how often the order decided, and A's win rate, raw and length-controlled, as plain JSON."""
    ends, hows = (Counter(getattr(each, name) for each in judged) for name in ("end", "how"))
    ties = Counter(each.how for each in judged if each.end == "tie")
    pairs = [Preference(each.end, each.pair.longer, each.pair.cluster) for each in judged if each.end != "unscored"]
    raw = win_rate(pairs)
    twice = [each for each in judged if each.first and each.second]
    missed = sum(each.end == "unscored" for each in twice)
    flips = Rate(k=hows["flip"], n=len(twice) - missed, unscored=missed)
    return {
        "n": raw.n,
        "wins": raw.wins,
        "ties": raw.ties,
        "losses": raw.losses,
        "unscored": ends["unscored"],
        "ties_by": {how: ties[how] for how in ("flip", "half", "neither", "identical", "rule")},
        "by_rule": hows["rule"],
        "flips": {**flips.as_json(), "to_first": sum(_first_twice(each) for each in judged)},
        "raw": {**raw.as_json(), **_bounds(raw.wins + raw.ties / 2, raw.n, ends["unscored"])},
        "length_controlled": length_controlled(pairs).as_json(),
    }


def _first_twice(each: Judged) -> bool:
    """Whether it is a flip in favour of whatever was shown first."""
    return each.how == "flip" and each.first is not None and each.first.label == "A"


def _bounds(won: float, n: int, unscored: int) -> dict[str, float | None]:
    """The rate had A lost, and had it won, every unscored pair."""
    total = n + unscored
    worst, best = (round(100 * each / total, 1) if total else None for each in (won, won + unscored))
    return {"worst": worst, "best": best}


def key(asker: LLM) -> dict[str, Any]:
    """All that can change the rulings of a judge, beside the pairs."""
    return {"judge": asker.name, **asker.about, "rubric": version(RUBRIC), "sampling": asker.sampling.as_json()}
