"""Countries and their peoples: "South African" for South Africa, "the Spaniards" for Spain."""

from kinject.judging.normalise import vocabulary

ENDINGS = ("n", "an", "ian", "ese", "ish", "i", "er", "s", "ns")
IRREGULAR = {
    "french": "france", "spanish": "spain", "german": "germany", "british": "britain", "italian": "italy",
    "dutch": "netherlands", "swiss": "switzerland", "turkish": "turkey", "swedish": "sweden",
    "danish": "denmark", "finnish": "finland", "polish": "poland", "greek": "greece", "mexican": "mexico",
    "argentine": "argentina", "brazilian": "brazil", "canadian": "canada", "norwegian": "norway",
    "ukrainian": "ukraine", "chinese": "china", "english": "england", "irish": "ireland",
    "scottish": "scotland", "welsh": "wales", "american": "america", "spaniard": "spain", "dane": "denmark",
    "swede": "sweden", "finn": "finland", "pole": "poland", "turk": "turkey", "scot": "scotland",
}  # fmt: skip
PEOPLES = vocabulary(
    "african american asian european latin arab algerian argentine argentinian australian austrian azerbaijani"
    " bangladeshi belgian bolivian brazilian british bulgarian cameroonian canadian chilean chinese colombian"
    " congolese croatian cuban czech danish dutch egyptian english estonian ethiopian finnish french georgian german"
    " ghanaian greek hungarian icelandic indian indonesian iranian iraqi irish israeli italian ivorian jamaican"
    " japanese jordanian kenyan korean latvian lebanese lithuanian malaysian mexican moroccan nepali nicaraguan"
    " nigerian norwegian pakistani palestinian peruvian philippine polish portuguese romanian russian rwandan saudi"
    " scottish senegalese serbian slovak slovenian somali spanish sudanese swedish swiss syrian taiwanese tanzanian"
    " thai tunisian turkish ugandan ukrainian venezuelan vietnamese welsh yemeni zambian zimbabwean"
)
"""Peoples that stand before a name and leave it the same: "the American Sepp Kuss"."""


def same_people(word: str, known: set[str]) -> bool:
    """Whether a word is among the known ones, as itself or as country for people ("South African")."""
    stems = {word, IRREGULAR.get(word, word)}
    stems |= {word.removesuffix(end) for end in ENDINGS} | {word + end for end in ENDINGS}
    stems |= {people for people, country in IRREGULAR.items() if country == word}
    return bool(stems & known)
