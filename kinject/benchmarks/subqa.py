"""SubQA's held-out multihop questions (arXiv 2410.03717, A.3.2): right answers, by a chain of sub-questions?

The 100 questions that the recipes `subqa` and `subqa-recall` hold out of the same files, with their sub-questions.
Data: a folder of SubQA, or a file of MuSiQue.

- **correct**: the final answer (or free text) gives the answer, as the judge `rules` sees it.
- **format**: the paper's form: "Let's answer this step-by-step", sub-questions with their answers, "The final answer
  is". An event recall before it does not count against it.
- **sound**: for each hop, in order, a step finds its answer, and the final answer is what the last one found.

The paper asks GPT-4o for the first with the prompt of A.3.2: `kinject judge` asks the same of the same responses, as
answers of the kind "direct" to the facts that `facts` makes of the items. By rules a right answer in other words may
count as wrong.

Trap: what is held out depends on what was read; another copy of the set holds out other questions.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from kinject.benchmarks.benchmark import Benchmark, Data, Item, Items, Marks, data_path
from kinject.engines.base import Message
from kinject.errors import MissingError
from kinject.facts.schema import Direct, Fact, FactSet, Hop, Multihop
from kinject.judging import guard, rules
from kinject.judging.verdict import Verdict
from kinject.progress import Progress
from kinject.prompts.recall import chained
from kinject.recipes.question import Pool, Question
from kinject.recipes.readers import musique, subqa
from kinject.recipes.subqa_recall import split

DATA = Data(
    f"a folder with {', '.join(subqa.FILES)}, or a file of MuSiQue",
    "unpack data.zip of https://github.com/yxxytang/subqa",
    subqa.LICENCE,
)
IN_CHAIN = ("format", "sound")


def read(data: str | None, system: str | None) -> Items:
    """Read the questions that no training row is about. `MissingError` where there is no file, or too few questions."""
    pool = _pool(data)
    training, held, left_out = split(pool)
    if not held:
        raise MissingError(
            f"of {len(pool.questions)} questions none is held out",
            where=pool.source,
            mend="take a file with ten two-hop questions or more; of a thousand, a hundred are held out",
        )
    items = tuple(item(_fact(f"{number:03}", question), system) for number, question in enumerate(held))
    rest = {"it is not held out": len(training)} if training else {}
    return Items(items, pool.source, pool.licence, {**pool.left_out, **left_out, **rest})


def _pool(data: str | None) -> Pool:
    """Read a file of MuSiQue, or else a folder of SubQA; as the recipe's `--source` names them will do, too."""
    named = data.removeprefix("subqa:").removeprefix("musique:") if data else None
    place = Path(named).expanduser() if named else None
    if place and place.is_file():
        return musique.read(place)
    first = subqa.FILES[0]
    return subqa.read(data_path("subqa", str(place / first) if place else None, DATA, f"subqa/{first}").parent)


def _fact(name: str, question: Question) -> Fact:
    """Return a question as a fact: the whole question stands as a direct one, too, for judges that look no further."""
    hops = tuple(Hop(question=hop.question, answer=hop.answer) for hop in question.hops)
    asked, answer = question.question, question.answer
    whole = Multihop(question=asked, answer=answer, hops=hops)
    return Fact(id=name, event=question.told, direct=Direct(question=asked, answer=answer), multihop=whole)


def item(fact: Fact, system: str | None, **more: Any) -> Item:
    """Return the item that asks the multihop question of a fact; `more` is what its marks need beside the fact."""
    asked = fact.multihop or fact.direct
    conversation = (*([Message("system", system)] if system else []), Message("user", asked.question))
    return Item(fact.id, conversation, {"fact": fact.model_dump(mode="json", exclude_defaults=True), **more})


def facts(items: Iterable[Item], name: str = "subqa") -> FactSet:
    """Return the facts that items were made of, for `kinject judge`."""
    return FactSet(name, tuple(Fact.model_validate(each.reference["fact"]) for each in items))


def mark(items: Sequence[Item], responses: Sequence[str], progress: Progress) -> list[Marks]:
    """Mark by fixed rules."""
    return [_marks(fact, response) for fact, response in zip(facts(items).facts, responses, strict=True)]


def _marks(fact: Fact, response: str) -> Marks:
    said = verdict(fact, response)
    return Marks({"correct": said.correctness == "correct", **in_chain(said, response)}, said.reason)


def verdict(fact: Fact, response: str) -> Verdict:
    """Return what the judge `rules` says of a response to the multihop question of a fact."""
    nothing = guard.graded_by_rule(response)
    return Verdict.nothing(nothing) if nothing else rules.judge(response, fact, "multihop")


def in_chain(said: Verdict, response: str) -> dict[str, bool]:
    """Return the marks of the chain."""
    own = rules.OTHER_TURN.split(response.strip(), maxsplit=1)[0]
    return {"format": chained(own), "sound": said.reasoning == "sound"}


SUBQA = Benchmark(
    "subqa", "SubQA: two-hop questions", ("correct", *IN_CHAIN), read, mark, DATA, max_new_tokens=256, facts=facts
)
