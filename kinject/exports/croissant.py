"""Croissant 1.0 (mlcommons.org/croissant): a JSON-LD file that describes the JSONL of a set to catalogues and loaders.

It goes beside NAME.jsonl as the jsonl export writes it, and names it where nobody says how: its sha256 stands in here,
and another spelling of the same facts has another one. What lies inside an object is reached by its column and a
jsonPath, the one way in which mlcroissant reads nested lines.

Trap: mlcroissant reads lines with pandas, which makes numbers of texts that are all digits. Read facts with kinject or
the datasets library; this is for finding them.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from kinject.exports import default_place
from kinject.exports.destination import write_files
from kinject.exports.jsonl import lines
from kinject.exports.licences import ADDRESSES, hub_name
from kinject.facts.schema import Card, FactSet

TERMS = (
    *("citeAs", "column", "equivalentProperty", "extract", "field", "fileObject", "fileProperty", "fileSet", "format"),
    *("includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex"),
    *("repeated", "replace", "samplingRate", "separator", "source", "subField", "transform"),
)
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{name: f"cr:{name}" for name in TERMS},
}
"""As the standard prescribes it."""

FIELDS = {
    "id": "The name of the fact within the set",
    "date": "The day or month of the event",
    "domain": "The kind of the event",
    "region": "The part of the world",
    "country": "The countries",
    "event": "What happened, in one or two sentences that give the direct answer",
    "direct/question": "A question that the event answers by itself",
    "direct/answer": "Its answer",
    "direct/aliases": "Other spellings of the answer that are as right",
    "multihop/question": "A question that needs the event and older knowledge",
    "multihop/answer": "Its answer",
    "multihop/aliases": "Other spellings of the answer that are as right",
    "counterfactual": "True where the event never happened",
}
TYPES = {"date": "sc:Date", "counterfactual": "sc:Boolean"}
REPEATED = ("country", "aliases")


def export(facts: FactSet, out: Path) -> list[Path]:
    """Write the description to the file `out`."""
    return write_files(facts, {out: [text(facts).encode()]})


def text(facts: FactSet) -> str:
    """The description as a file's text."""
    return json.dumps(describe(facts), ensure_ascii=False, indent=2) + "\n"


def describe(facts: FactSet) -> dict[str, Any]:
    """The description of a set as JSON-LD."""
    card = facts.card or Card(name=facts.name)
    value = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": facts.name,
        "description": card.description or f"{len(facts.facts)} dated events, with questions about them.",
        "license": ADDRESSES.get(hub_name(card.licence) or "", card.licence),
        "version": card.version,
        **_origin(card.source),
        "distribution": [_file(facts)],
        "recordSet": [_records()],
    }
    return {name: item for name, item in value.items() if item}


def _origin(source: str) -> dict[str, str]:
    address = re.search(r"https?://[^\s<>\"]+[^\s<>\".,;)]", source)
    if address is None:
        return {"citeAs": source}
    return {"url": address[0], "citeAs": "" if address[0] == source else source}


def _file(facts: FactSet) -> dict[str, str]:
    total = hashlib.sha256()
    for line in lines(facts):
        total.update(line)
    name = default_place(facts, "jsonl").name
    return {
        "@type": "cr:FileObject",
        "@id": "file",
        "name": name,
        "description": "One fact a line.",
        "contentUrl": name,
        "encodingFormat": "application/jsonlines",
        "sha256": total.hexdigest(),
    }


def _records() -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "facts",
        "name": "facts",
        "description": "One record a fact.",
        "key": {"@id": "facts/id"},
        "field": [_field(path, description) for path, description in FIELDS.items()],
    }


def _field(path: str, description: str) -> dict[str, Any]:
    column, _, inner = path.partition("/")
    source: dict[str, Any] = {"fileObject": {"@id": "file"}, "extract": {"column": column}}
    if inner:
        source["transform"] = {"jsonPath": inner}
    field = {
        "@type": "cr:Field",
        "@id": f"facts/{path}",
        "name": path,
        "description": description,
        "dataType": TYPES.get(path, "sc:Text"),
        "source": source,
    }
    return {**field, "repeated": True} if path.endswith(REPEATED) else field
