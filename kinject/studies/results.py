"""The page and the pictures of a study, made from its records alone: the same bytes for the same records.

In: a folder of `kinject.world/1` records. Out: one page in Markdown, and SVG files in the folder that is named like it.
The first screen answers: what became of each claim, how often the test cries wolf (A/A), what the 2x2 of reading
against reasoning says, and how all was made, with the gates of every world. Every figure comes from the records, and no
sentence that judges is fixed: it is chosen by the state that it speaks of.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from shlex import quote

from kinject.lab.probes import GATES
from kinject.statistics.worlds import OverWorlds, largest_family, smallest_p
from kinject.storage import write_bytes, write_text
from kinject.studies import aa, claims, outcomes, plots
from kinject.studies.claims import PLANNED, Claims, Result
from kinject.studies.everything import (
    NOTHING,
    Row,
    arms,
    costs,
    errors,
    escaped,
    hops,
    numbers,
    picture,
    points,
    retention,
    splits,
    table,
    unknowable,
)
from kinject.studies.outcomes import World, Worlds

QUESTION = "Does reasoning post-training help a model take in new facts?"
SETS = {
    "paper": (
        "The paper's orderings, its own training set",
        "Post-trained: on SubQARecall, which has no rows with context. The paper's figures are those of Llama-3-8B on "
        "Facts100 (arXiv 2410.03717), in percent, to be read for direction only.",
    ),
    "with context rows": (
        "The same, with rows that read a context",
        "Post-trained: on SubQARecall and rows with context, so that the model can still read. Claims in which no "
        "post-trained model occurs are not repeated. The paper's figures are still those without such rows.",
    ),
    "ours": ("Questions that the paper leaves open", "Asked of the same worlds."),
}
SQUARE = {
    "Without rows with context, the chain": "rag-multihop",
    "with them, it": "chain",
    "Without the chain, rows with context": "reading-alone",
    "with it, they": "reading",
}
"""The four sides of the 2x2, each a claim."""
ANSWERS = {
    "holds": "So the chain helps even where reading was taught, which is what the paper claims.",
    "reverses": "So where reading was taught the chain does harm: what helps there is not the chain.",
    "unresolved": "So where reading was taught it is not shown that the chain helps, nor that it does harm.",
    "not comparable": "So what the chain does where reading was taught cannot be told.",
}
"""What the 2x2 says, by the state of the claim that the chain adds to rows with context."""


def write(folder: Path, out: Path, asked: Claims | None = None) -> list[Path]:
    """Write the page `out` and its pictures from the records in `folder`; return the paths."""
    worlds, asked = outcomes.read(folder), asked or claims.read()
    pictures = plots.draw(worlds, asked)
    place = out.with_suffix("")
    for name, drawing in pictures.items():
        write_bytes(place / name, [drawing])
    write_text(out, page(worlds, asked, {name: f"{place.name}/{name}" for name in pictures}))
    return [out, *(place / name for name in pictures)]


def page(worlds: Worlds, asked: Claims, pictures: Mapping[str, str]) -> str:
    """Return the page; `pictures` are links by file name."""
    found = claims.check(worlds, asked)
    parts = [
        f"# {QUESTION}",
        _state(worlds),
        _first(worlds, found),
        *(part for name, results in found.items() for part in _claims(worlds, name, results)),
        _fine_print(worlds, asked),
        *_made(worlds),
        "## The main arms",
        *picture(pictures, "arms.svg", "Multihop questions right for the main arms, every world, beside the paper"),
        *picture(pictures, "reading-reasoning.svg", "Rows with context against the chain, multihop questions right"),
        *picture(pictures, "epochs.svg", "Direct and multihop questions right over the epochs of event SFT"),
        *arms(worlds),
        *splits(worlds),
        *hops(worlds),
        *unknowable(worlds),
        *retention(worlds, pictures),
        *errors(worlds, pictures),
        *costs(worlds),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


# The first screen


def _state(worlds: Worlds) -> str:
    if any(world.world is None for world in worlds):
        models = ", ".join(dict.fromkeys(escaped(world.model) for world in worlds))
        return f"State: *measured on {models}*, {_counted(len(worlds), 'seed')} ({numbers(_known(worlds))})."
    return (
        f"State: *lab analogue*, {_counted(len(worlds), 'world')} ({numbers(_known(worlds))}). The lab is an "
        "instrument, not Llama-3-8B: it tells which way things go there, and nothing of size."
    )


def _known(worlds: Worlds) -> list[int]:
    return [world.number for world in worlds]


def _counted(n: int, word: str) -> str:
    return f"{n} {word}" + ("" if n == 1 else "s")


def _first(worlds: Worlds, found: Mapping[str, Sequence[Result]]) -> str:
    lines = [f"{escaped(SETS.get(name, (name,))[0])}: {_states(results)}." for name, results in found.items()]
    results = {result.claim.id: result for each in found.values() for result in each}
    return "\n".join(f"* {line}" for line in [*lines, *_aa(worlds), _square(results)])


def _states(results: Sequence[Result]) -> str:
    states: list[str] = [result.state for result in results]
    verbs = {
        "holds": ("holds", "hold"),
        "reverses": ("reverses", "reverse"),
        "unresolved": ("is unresolved", "are unresolved"),
        "not comparable": ("is not comparable", "are not comparable"),
    }
    told = [f"{states.count(state)} {verb[states.count(state) != 1]}" for state, verb in verbs.items()]
    return f"of {_counted(len(results), 'claim')}, {', '.join(told)}"


def _aa(worlds: Worlds) -> list[str]:
    found = aa.check(worlds)
    if not found:
        return ["A/A test: not run, since no world has an arm with several seeds or samples."]
    return [f"A/A test, {escaped(each.cell)} against itself: {_cried(each)}" for each in found]


def _cried(each: aa.AA) -> str:
    low, high = each.holds.interval
    share = each.holds.percent or 0.0
    alike = f", {each.alike.k} of {each.alike.n} pairs of them the same to the letter" if each.alike.k else ""
    return (
        f"the claim holds in {each.holds.k} of {each.holds.n} replicates ({share:.1f} % [{low:.1f}, {high:.1f}]) and "
        f"reverses in {each.reverses.k} ({each.reverses.percent:.1f} %); the aim, that it holds in at most "
        f"{aa.AIM:.0f} %, is {'met' if share <= aa.AIM else '**missed**'}. {_counted(each.worlds, 'world')}, "
        f"{each.runs} runs each{alike}."
    )


def _square(results: Mapping[str, Result]) -> str:
    lacking = [name for name in SQUARE.values() if name not in results or results[name].mean is None]
    if lacking:
        return "The 2x2 of reading against reasoning cannot be told: it lacks cells."
    chain, alone = (results[name].contrast.scores for name in ("chain", "rag-multihop"))
    scores = {"base": alone[1], "chain": alone[0], "rows with context": chain[1], "both": chain[0]}
    means = ", ".join(f"{name} {score.mean.mean:.1f} %" for name, score in scores.items())
    sides = [f"{words} {_does(results[name])}" for words, name in SQUARE.items()]
    return (
        f"The 2x2 of reading against reasoning (multihop right with oracle RAG): {means}. {sides[0]}; {sides[1]}. "
        f"{sides[2]}; {sides[3]}. {ANSWERS[results['chain'].state]}"
    )


def _does(result: Result) -> str:
    verbs = {"holds": "helped", "reverses": "did harm", "unresolved": "unresolved"}
    return f"made {points(OverWorlds(result.n, result.mean, result.interval))} points ({verbs[result.state]})"


# Claims


def _claims(worlds: Worlds, name: str, results: Sequence[Result]) -> Iterator[str]:
    title, words = SETS.get(name, (name, ""))
    yield f"## {escaped(title)}"
    yield words
    head = ["claim", "paper", "here, %", "difference [interval], points", "p (Holm)", "state"]
    yield table(head, (_claim_row(worlds, result) for result in results))


def _claim_row(worlds: Worlds, result: Result) -> Row:
    claim, ours = result.claim, result.claim.source == "ours"
    paper = f"{claim.paper[0]:g} {claim.direction} {claim.paper[1]:g}" if claim.paper else "not printed"
    means = [score.mean.mean for score in result.contrast.scores]
    known = "; ".join(map(escaped, claims.notes(worlds, result)))
    return (
        escaped(claim.words) + ("" if ours else f" ({escaped(claim.source)})"),
        NOTHING if ours else paper,
        ", ".join(NOTHING if mean is None else f"{mean:.1f}" for mean in means),
        points(OverWorlds(result.n, result.mean, result.interval)),
        _p(result.corrected),
        f"**{result.state}**" + (f": {known}" if known else ""),
    )


def _p(value: float | None) -> str:
    if value is None:
        return NOTHING
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _fine_print(worlds: Worlds, asked: Claims) -> str:
    text = (
        "Here: the two sides of the claim as it is worded, means over worlds. That one side is more holds if the exact "
        "sign-flip test over worlds, corrected by Holm within its table, gives a p of at most 0.05, and reverses if it "
        "does so with the other sign. That both are equal holds if the interval lies within "
        f"{asked.margin:g} points of 0, and reverses if it lies outside. Intervals are Student's 95 %, over worlds. "
        "Hallucination and faulty reasoning are counted over all multihop answers."
    )
    n = len(worlds)
    if n >= PLANNED:
        return text
    most = largest_family(n)
    few = f"in a family of more than {_counted(most, 'claim')} none" if most else "none that one side is more"
    return f"{text} **{_counted(n, 'world')} cannot give a p below {smallest_p(n):.2g}: {few} can hold or reverse.**"


# How it was made


def _made(worlds: Worlds) -> Iterator[str]:
    yield "## How this was made"
    yield f"```bash\n{_command(worlds)}\n```"
    protocols = len({world.protocol for world in worlds})
    if protocols > 1:
        yield f"**The worlds were run under {protocols} different protocols, so no claim above is what was planned.**"
    names = list(dict.fromkeys(name for world in worlds for name in world.gates or {}))
    head = ["world", "protocol", *(escaped(f"{name}{_least(name)}") for name in names), "gates", "tokens", "rounds"]
    yield table(head, (_gate_row(world, names) for world in worlds))
    yield (
        "Gates look at a lab world's base model before any treatment; a world that fails one is trained on with more "
        "tokens (rounds) and stays in. None is left out."
    )
    every = outcomes.cell_names(worlds)
    for world in worlds:
        if lacking := [name for name in every if name not in world.cells]:
            yield f"World {world.number} lacks: {escaped(', '.join(lacking))}."


def _command(worlds: Worlds) -> str:
    """The command of these records; of a model by seeds, without what it was given to train on."""
    known = _ranges(_known(worlds))
    if all(world.world is not None for world in worlds):
        return f"kinject study injection --worlds {known}"
    facts = worlds[0].facts_name
    told = f" --facts {_word(facts)}" if facts else ""
    return f"kinject study injection --model {_word(worlds[0].model)}{told} --seeds {known}"


def _word(text: str) -> str:
    """One word of a command line, without what would end its block in Markdown."""
    return quote(" ".join(text.split())).replace("`", "'")


def _ranges(known: Sequence[int]) -> str:
    return f"{known[0]}-{known[-1]}" if " to " in numbers(known) else ",".join(map(str, known))


def _least(gate: str) -> str:
    return f" (≥ {GATES[gate]:g})" if gate in GATES else " (no gate)"


def _gate_row(world: World, names: Sequence[str]) -> Row:
    found = world.gates or {}
    failed = [name for name in names if name in GATES and found.get(name, 100.0) < GATES[name]]
    shown = {name: f"{found[name]:.1f}" if name in found else NOTHING for name in names}
    marked = [f"**{text}**" if name in failed else text for name, text in shown.items()]
    state = f"**fails {escaped(', '.join(failed))}**" if failed else "pass" if found else "not measured"
    size = [NOTHING if number is None else f"{number:,}" for number in (world.tokens, world.rounds)]
    return [str(world.number), escaped(world.protocol[:16]), *marked, state, *size]
