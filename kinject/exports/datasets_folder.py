"""A folder for the datasets library and the Hugging Face hub: Parquet, and a README.md that is the dataset's card.

`datasets.load_dataset(FOLDER)` opens it offline, and it can be uploaded as it is. There is one split, "test": these are
facts to be asked about. Each row gives the Fact again: `Fact.model_validate(row)`.
"""

from io import BytesIO
from pathlib import Path
from typing import Any

import yaml

from kinject.exports.destination import write_folder
from kinject.exports.licences import hub_name
from kinject.facts.schema import Card, FactSet

DATA = "data/test-00000-of-00001.parquet"
SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))


def export(facts: FactSet, out: Path) -> list[Path]:
    """Write the folder `out`."""
    contents = {"README.md": [_readme(facts).encode()], DATA: [_parquet(facts)]}
    return write_folder(facts, out, contents)


def _parquet(facts: FactSet) -> bytes:
    """The table; the features stand in its schema, so that columns that hold only nulls keep their type."""
    import pyarrow  # type: ignore[import-untyped]
    import pyarrow.parquet  # type: ignore[import-untyped]

    rows = [fact.model_dump(mode="json") for fact in facts.facts]
    buffer = BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=_features().arrow_schema), buffer)
    return buffer.getvalue()


def _features() -> Any:
    from datasets import Features, Value

    text, flag = Value("string"), Value("bool")
    hop = {"question": text, "answer": text, "aliases": [text]}
    direct = {**hop, "paraphrases": [text]}
    return Features(
        {
            "id": text,
            "date": text,
            "domain": text,
            "region": text,
            "country": [text],
            "event": text,
            "direct": direct,
            "multihop": {**direct, "hops": [hop]},
            "sources": [{"title": text, "url": text}],
            "license": text,
            "source_id": text,
            "supersedes": text,
            "counterfactual": flag,
        }
    )


def _readme(facts: FactSet) -> str:
    card = facts.card or Card(name=facts.name)
    head = yaml.safe_dump(_head(facts, card), sort_keys=False, allow_unicode=True, width=1000)
    parts = {
        "": card.description,
        "Version": card.version,
        "Licence": card.licence and f"{card.licence}. A row with a `license` of its own has that one.",
        "Source": card.source,
        "Cutoff": card.cutoff and f"Every event is from after {card.cutoff}.",
        "How it was checked": card.how_checked,
        "Corrections": "\n".join(f"- {line}" for line in card.errata),
        "Canary": card.canary and f"No training text should hold this string:\n\n    {card.canary}",
        "Fields": (
            "One row is one dated `event`, with a `direct` question that the event answers by itself and, in most sets,"
            " a `multihop` question that also needs older knowledge, with the `hops` between. An alias is as right as"
            " the answer. Made with kinject, which reads it again."
        ),
    }
    body = "\n\n".join((f"## {title}\n\n" if title else "") + text for title, text in parts.items() if text)
    return f"---\n{head}---\n\n# {facts.name}\n\n{body}\n"


def _head(facts: FactSet, card: Card) -> dict[str, Any]:
    """What the hub reads of a dataset's card."""
    number = len(facts.facts)
    return {
        **_licence(card.licence),
        "pretty_name": facts.name,
        "language": ["en"],
        "task_categories": ["question-answering"],
        "size_categories": [next((name for limit, name in SIZES if number < limit), "n>10M")],
        "configs": [{"config_name": "default", "data_files": [{"split": "test", "path": "data/test-*.parquet"}]}],
    }


def _licence(licence: str) -> dict[str, str]:
    if not licence:
        return {}
    name = hub_name(licence)
    return {"license": name} if name else {"license": "other", "license_name": licence}
