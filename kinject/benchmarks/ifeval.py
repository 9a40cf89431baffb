"""IFEval (Zhou et al., 2023, arXiv 2311.07911): prompts with instructions that a program can check.

"At least 300 words", "no commas", "wrap it in JSON": 25 kinds, scored by the checkers of lm-eval (extra `eval`), each
prompt by all its instructions (`prompt-`) and each instruction by itself (`instruction-`). `strict` takes the response
as it is; `loose` takes what follows in any of eight readings: without its first line, without its last one, without
both, and each of these without asterisks.

Traps, most of them upstream's:

* A prompt may have the same instruction twice, and `kwargs` belong to instructions by their position. The hub's copy
  fills absent ones with None.
* What an instruction does not say, a checker draws at random; a row like that is left out. Some prompts ask for a sign
  ("at least 4 hashtags") where the checker knows letters only, and draws one: signs are counted here.
* A text in which no language is seen ("1 2 3") follows every instruction about its language.
* lm-eval looks for NLTK's `punkt_tab` when it is imported, fetches it where it is not, and prints. So it is imported
  only after it was found, and `check` says how to get it.
* The language detector draws too, from a seed that is fixed here.
* Brackets nested deeper than Python reads are no JSON here; the checker raises.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module, metadata
from typing import Any

from pydantic import StrictInt

from kinject.benchmarks.benchmark import Benchmark, Data, Item, Items, Marks, data_path
from kinject.engines.base import Message
from kinject.errors import MissingError, UsageError, first_line
from kinject.progress import Progress
from kinject.recipes.readers.form import Form, checked, read_any

DATA = Data(
    "input_data.jsonl, as google/IFEval or instruction_following_eval has it",
    'python -c "from datasets import load_dataset; '
    "load_dataset('google/IFEval', split='train').to_json('input_data.jsonl')\"",
    "Apache-2.0",
)
METRICS = ("prompt-strict", "instruction-strict", "prompt-loose", "instruction-loose")
MEND = "take the file as it was published: {key, prompt, instruction_id_list, kwargs} a line"
PUNKT = "python -m nltk.downloader punkt_tab"
LM_EVAL = "lm_eval.tasks.ifeval"

LETTERS = "keywords:letter_frequency"
NTH = "length_constraints:nth_paragraph_first_word"
NEEDS: dict[str, tuple[str, ...]] = {
    "change_case:capital_word_frequency": ("capital_frequency", "capital_relation"),
    "change_case:english_capital": (),
    "change_case:english_lowercase": (),
    "combination:repeat_prompt": ("prompt_to_repeat",),
    "combination:two_responses": (),
    "detectable_content:number_placeholders": ("num_placeholders",),
    "detectable_content:postscript": ("postscript_marker",),
    "detectable_format:constrained_response": (),
    "detectable_format:json_format": (),
    "detectable_format:multiple_sections": ("section_spliter", "num_sections"),
    "detectable_format:number_bullet_lists": ("num_bullets",),
    "detectable_format:number_highlighted_sections": ("num_highlights",),
    "detectable_format:title": (),
    "keywords:existence": ("keywords",),
    "keywords:forbidden_words": ("forbidden_words",),
    "keywords:frequency": ("keyword", "frequency", "relation"),
    LETTERS: ("letter", "let_frequency", "let_relation"),
    "language:response_language": ("language",),
    NTH: ("num_paragraphs", "nth_paragraph", "first_word"),
    "length_constraints:number_paragraphs": ("num_paragraphs",),
    "length_constraints:number_sentences": ("num_sentences", "relation"),
    "length_constraints:number_words": ("num_words", "relation"),
    "punctuation:no_comma": (),
    "startend:end_checker": ("end_phrase",),
    "startend:quotation": (),
}
"""Every kind of instruction, and what one must say: as in lm-eval's checkers, which a test holds it against."""

Check = Callable[[str], bool]


class Prompt(Form):
    """A row of the set."""

    key: StrictInt
    prompt: str
    instruction_id_list: tuple[str, ...]
    kwargs: tuple[dict[str, Any] | None, ...]


def read(data: str | None, system: str | None) -> Items:
    """Read the prompts, as published or as the hub has them."""
    path = data_path("ifeval", data, DATA, "ifeval/input_data.jsonl")
    rows = [(where, checked(Prompt, value, where, "prompt of IFEval", MEND)) for where, value in read_any(path)]
    _sound(rows)
    reasons = [_unfit(row) for _, row in rows]
    items = tuple(_item(row, system) for (_, row), reason in zip(rows, reasons, strict=True) if reason is None)
    return Items(items, f"ifeval:{path}", DATA.licence, dict(Counter(filter(None, reasons))))


def _sound(rows: Sequence[tuple[str, Prompt]]) -> None:
    """Raise `UsageError` for the first row that is not whole, or that is there twice."""
    seen: set[int] = set()
    for where, row in rows:
        if len(row.instruction_id_list) != len(row.kwargs) or not row.kwargs:
            counts = f"{len(row.instruction_id_list)} instructions and {len(row.kwargs)} kwargs"
            raise UsageError(f"this prompt has {counts}", where=where, mend=MEND)
        if row.key in seen:
            raise UsageError(f"the key {row.key} was there before", where=where, mend=MEND)
        seen.add(row.key)


def _unfit(row: Prompt) -> str | None:
    """Say why a prompt cannot be scored."""
    if not set(row.instruction_id_list) <= NEEDS.keys():
        return "an instruction of it is of no known kind"
    given = zip(row.instruction_id_list, row.kwargs, strict=True)
    return (
        "an instruction of it lacks what it needs" if any(_lacking(name, said or {}) for name, said in given) else None
    )


def _lacking(name: str, said: Mapping[str, Any]) -> bool:
    """Whether the checker would draw something at random, or raise."""
    values = [said.get(need) for need in NEEDS[name]]
    if not all(values) or any(isinstance(value, int) and value < 0 for value in values):
        return True
    return name == NTH and said["nth_paragraph"] > said["num_paragraphs"]


def _item(row: Prompt, system: str | None) -> Item:
    given = zip(row.instruction_id_list, row.kwargs, strict=True)
    wanted = [{"id": name, "kwargs": {need: (said or {})[need] for need in NEEDS[name]}} for name, said in given]
    conversation = (*([Message("system", system)] if system else []), Message("user", row.prompt))
    return Item(str(row.key), conversation, {"instructions": wanted})


def check() -> None:
    """Raise `MissingError` where lm-eval or NLTK's data is not here."""
    _checkers()


def _checkers() -> Mapping[str, Any]:
    """Return lm-eval's checkers by the kind of instruction, quiet and offline, and the language detector seeded."""
    try:
        _find_punkt(import_module("nltk"))
        import_module("langdetect").DetectorFactory.seed = 0
        found: Mapping[str, Any] = import_module(f"{LM_EVAL}.instructions_registry").INSTRUCTION_DICT
    except ImportError as error:
        message = f"IFEval is scored by lm-eval, which is not whole here: {first_line(error)}"
        raise MissingError(message, where="ifeval", mend="pip install 'kinject[eval]'") from error
    return found


def _find_punkt(nltk: Any) -> None:
    try:
        nltk.data.find("tokenizers/punkt_tab")  # what lm-eval looks for, and would fetch
        nltk.tokenize.PunktTokenizer("english")
    except Exception as error:  # not there, not to be trusted, not whole: one line mends it all
        why = "is not here" if isinstance(error, LookupError) else f"cannot be read: {first_line(error)}"
        raise MissingError(f"NLTK's sentence tokenizer punkt_tab {why}", where="ifeval", mend=PUNKT) from error


def mark(items: Sequence[Item], responses: Sequence[str], progress: Progress) -> list[Marks]:
    """Mark by lm-eval's checkers."""
    checkers = _checkers()
    marks = []
    with _quiet(), progress.stage("check instructions", len(items), "responses") as stage:
        for item, response in zip(items, responses, strict=True):
            marks.append(_marks(item, response, checkers))
            stage.advance()
    return marks


@contextmanager
def _quiet() -> Iterator[None]:
    """Let the checkers not print every response in which they see no language."""
    logger = logging.getLogger(f"{LM_EVAL}.instructions")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _marks(item: Item, response: str, checkers: Mapping[str, Any]) -> Marks:
    wanted = item.reference["instructions"]
    try:
        checks = [_check(each["id"], each["kwargs"], checkers) for each in wanted]
        strict = tuple(_follows(each, [response]) for each in checks)
        loose = tuple(_follows(each, _readings(response)) for each in checks)
    except Exception as error:  # a checker that cannot be asked says nothing of the response
        return Marks(dict.fromkeys(METRICS), f"a checker failed: {type(error).__name__}: {first_line(error)}")
    broken = [each["id"] for each, follows in zip(wanted, strict, strict=True) if not follows]
    by_metric: dict[str, bool | tuple[bool, ...]] = {
        "prompt-strict": all(strict),
        "instruction-strict": strict,
        "prompt-loose": all(loose),
        "instruction-loose": loose,
    }
    return Marks(by_metric, f"not followed: {', '.join(broken)}" if broken else "all followed")


def _check(name: str, said: Mapping[str, Any], checkers: Mapping[str, Any]) -> Check:
    """Return what says whether a text follows an instruction."""
    if name == LETTERS and not ("a" <= said["letter"].lower() <= "z" and len(said["letter"]) == 1):
        return partial(_counts, said["letter"].lower(), said["let_frequency"], said["let_relation"])
    checker = checkers[name](name)
    checker.build_description(**said)
    follows: Check = checker.check_following
    return follows


def _counts(sign: str, frequency: int, relation: str, text: str) -> bool:
    """Say whether a sign stands in a text as often as it should."""
    count = text.lower().count(sign)
    return count < frequency if relation == "less than" else count >= frequency


def _follows(check: Check, texts: Sequence[str]) -> bool:
    """Say whether any of the texts follows; an empty one follows nothing."""
    try:
        return any(text.strip() and check(text) for text in texts)
    except RecursionError:
        return False


def _readings(response: str) -> list[str]:
    """Return the texts that count for a response when it is read loosely."""
    lines = response.split("\n")
    shorter = ["\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1])]
    return list(dict.fromkeys(text for whole in (response, *shorter) for text in (whole, whole.replace("*", ""))))


def scored_by() -> dict[str, str]:
    """Return the versions of the checkers, whose verdicts may differ."""
    return {name: metadata.version(name) for name in ("lm-eval", "nltk", "langdetect")}


IFEVAL = Benchmark(
    "ifeval",
    "IFEval: instructions that can be checked",
    METRICS,
    read,
    mark,
    DATA,
    max_new_tokens=1280,
    check=check,
    scored_by=scored_by,
)
