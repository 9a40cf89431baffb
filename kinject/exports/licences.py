"""Licences by the names that the Hugging Face hub has for them, with their addresses."""

import re

_CREATIVE_COMMONS = {
    "by": ("2.0", "2.5", "3.0", "4.0"),
    "by-sa": ("3.0", "4.0"),
    "by-nc": ("2.0", "3.0", "4.0"),
    "by-nd": ("4.0",),
    "by-nc-sa": ("2.0", "3.0", "4.0"),
    "by-nc-nd": ("3.0", "4.0"),
}
ADDRESSES = {
    **{
        f"cc-{kind}-{version}": f"https://creativecommons.org/licenses/{kind}/{version}/"
        for kind, versions in _CREATIVE_COMMONS.items()
        for version in versions
    },
    "cc0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "odc-by": "https://opendatacommons.org/licenses/by/1-0/",
    "mit": "https://opensource.org/license/mit",
    "apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0",
}
"""The address of each licence, by the hub's name for it."""
_SHORT = {"cc0": "cc0-1.0", "apache": "apache-2.0"}


def hub_name(licence: str) -> str | None:
    """The hub's name for a licence as people write it ("CC BY 4.0"), or None if it has none that is known here."""
    words = re.findall(r"[a-z0-9.]+", licence.lower())
    name = "-".join(word for word in words if word not in ("the", "license", "licence", "version"))
    name = _SHORT.get(name, name)
    return name if name in ADDRESSES else None
