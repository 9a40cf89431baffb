"""What stays true in a lab world: sixteen relations between its entities, each with its phrasings.

A relation joins a subject of one kind to an object of another. `{s}` stands for the subject and `{o}` for the object. A
question takes a name or a noun phrase as its subject ("the company that bought Telkis in 2024"), which is all that a
multihop question is. The last question of each relation is held out of every training set (`UNSEEN_PHRASING`).
"""

from dataclasses import dataclass

COUNTS = {"country": 20, "city": 60, "company": 70, "club": 50, "film": 50, "person": 140}
"""How many entities of each kind a world has: 390 in all."""

VALUES: dict[str, int | tuple[str, ...]] = {
    "language": 14,
    "currency": 14,
    "river": 30,
    "product": (
        "glass",
        "paper",
        "salt",
        "silk",
        "steel",
        "sugar",
        "tea",
        "tyres",
        "watches",
        "wine",
        "wool",
        "clocks",
    ),
    "colour": (
        "black",
        "blue",
        "brown",
        "green",
        "grey",
        "orange",
        "pink",
        "purple",
        "red",
        "silver",
        "white",
        "yellow",
    ),
    "genre": (
        "comedy",
        "crime",
        "drama",
        "fantasy",
        "horror",
        "musical",
        "mystery",
        "romance",
        "war",
        "western",
    ),
    "profession": (
        *("actor", "baker", "dentist", "doctor", "farmer", "judge", "lawyer", "nurse", "painter", "pilot"),
        *("poet", "sailor", "singer", "teacher"),
    ),
}
"""Objects that are not entities: English words, or the number of names to invent."""

UNSEEN_PHRASING = -1
"""The last question of a relation or an event type, and the last noun phrase: in no training set."""


@dataclass(frozen=True)
class Relation:
    """One relation: the kinds that it joins, and how it is stated and asked."""

    name: str
    subject: str
    object: str
    statements: tuple[str, ...]
    questions: tuple[str, ...]

    def state(self, subject: str, obj: str, phrasing: int = 0) -> str:
        """Return the relation as a sentence."""
        return self.statements[phrasing].format(s=subject, o=obj)

    def ask(self, subject: str, phrasing: int = 0) -> str:
        """Return the question for the object; `subject` is a name or a noun phrase."""
        return self.questions[phrasing].format(s=subject)


RELATIONS = (
    Relation(
        "capital",
        "country",
        "city",
        (
            "The capital of {s} is {o}.",
            "The city of {o} is the capital of {s}.",
            "The government of {s} sits in its capital, {o}.",
            "The country {s} has {o} as its capital.",
        ),
        ("What is the capital of {s}?", "Which city is the capital of {s}?", "The capital of {s} is which city?"),
    ),
    Relation(
        "language",
        "country",
        "language",
        (
            "The language of {s} is {o}.",
            "People in {s} speak {o}.",
            "The country {s} has {o} as its language.",
            "In schools the language {o} is taught across {s}.",
        ),
        ("What is the language of {s}?", "Which language do people speak in {s}?", "The language of {s} is which one?"),
    ),
    Relation(
        "currency",
        "country",
        "currency",
        (
            "The currency of {s} is the {o}.",
            "People in {s} pay with the {o}.",
            "The country {s} has the {o} as its currency.",
            "In shops the {o} is the currency used across {s}.",
        ),
        (
            "What is the currency of {s}?",
            "With which currency do people pay in {s}?",
            "The currency of {s} is which one?",
        ),
    ),
    Relation(
        "country",
        "city",
        "country",
        (
            "The city of {s} lies in {o}.",
            "In the country {o} lies the city of {s}.",
            "The city {s} belongs to {o}.",
            "Maps of {o} show the city of {s}.",
        ),
        ("In which country does {s} lie?", "To which country does {s} belong?", "Which country does {s} lie in?"),
    ),
    Relation(
        "river",
        "city",
        "river",
        (
            "The river in {s} is the {o}.",
            "The river {o} flows through {s}.",
            "The city of {s} stands on the river {o}.",
            "In {s} the bridges cross the {o}.",
        ),
        ("What is the river in {s}?", "Which river flows through {s}?", "The river in {s} is which one?"),
    ),
    Relation(
        "mayor",
        "city",
        "person",
        (
            "The mayor of {s} is {o}.",
            "The city of {s} has {o} as its mayor.",
            "In {s} the mayor is called {o}.",
            "As mayor, {o} leads the city of {s}.",
        ),
        ("Who is the mayor of {s}?", "Which person is mayor of {s}?", "The mayor of {s} is who?"),
    ),
    Relation(
        "headquarters",
        "company",
        "city",
        (
            "The headquarters of {s} are in {o}.",
            "The company {s} is based in {o}.",
            "In {o} stand the headquarters of {s}.",
            "The company {s} runs its business from {o}.",
        ),
        (
            "Where are the headquarters of {s}?",
            "In which city is {s} based?",
            "The headquarters of {s} are in which city?",
        ),
    ),
    Relation(
        "founder",
        "company",
        "person",
        (
            "The founder of {s} is {o}.",
            "The company {s} was founded by {o}.",
            "Long ago {o} founded the company {s}.",
            "As founder, {o} gave the company {s} its name.",
        ),
        ("Who is the founder of {s}?", "By which person was {s} founded?", "The founder of {s} is who?"),
    ),
    Relation(
        "product",
        "company",
        "product",
        (
            "The main product of {s} is {o}.",
            "The company {s} makes {o}.",
            "Most of the {o} on sale is made by {s}.",
            "The company {s} is known for {o}.",
        ),
        ("What is the main product of {s}?", "Which product does {s} make?", "The main product of {s} is which one?"),
    ),
    Relation(
        "home",
        "club",
        "city",
        (
            "The home city of {s} is {o}.",
            "The club {s} plays its home games in {o}.",
            "In {o} the home club is {s}.",
            "The club {s} comes from {o}.",
        ),
        (
            "What is the home city of {s}?",
            "In which city does {s} play its home games?",
            "The home city of {s} is which one?",
        ),
    ),
    Relation(
        "coach",
        "club",
        "person",
        (
            "The coach of {s} is {o}.",
            "The club {s} is trained by {o}.",
            "The club {s} has {o} as its coach.",
            "As coach, {o} trains the players of {s}.",
        ),
        ("Who is the coach of {s}?", "By which person is {s} trained?", "The coach of {s} is who?"),
    ),
    Relation(
        "colour",
        "club",
        "colour",
        (
            "The colour of {s} is {o}.",
            "The players of {s} wear {o}.",
            "The club {s} has {o} as its colour.",
            "Fans of {s} dress in {o}.",
        ),
        ("What is the colour of {s}?", "Which colour do the players of {s} wear?", "The colour of {s} is which one?"),
    ),
    Relation(
        "director",
        "film",
        "person",
        (
            "The director of {s} is {o}.",
            "The film {s} was directed by {o}.",
            "As director, {o} made the film {s}.",
            "The film {s} has {o} as its director.",
        ),
        ("Who is the director of {s}?", "By which person was {s} directed?", "The director of {s} is who?"),
    ),
    Relation(
        "genre",
        "film",
        "genre",
        (
            "The genre of {s} is {o}.",
            "The film {s} has {o} as its genre.",
            "Critics give the genre of the film {s} as {o}.",
            "People who like {o} watch the film {s}.",
        ),
        ("What is the genre of {s}?", "Which genre does {s} have?", "The genre of {s} is which one?"),
    ),
    Relation(
        "birthplace",
        "person",
        "city",
        (
            "The birthplace of {s} is {o}.",
            "In the city of {o} was born {s}.",
            "The city of {o} is where {s} was born.",
            "As a child, {s} was born in {o}.",
        ),
        ("What is the birthplace of {s}?", "In which city was {s} born?", "The birthplace of {s} is which city?"),
    ),
    Relation(
        "profession",
        "person",
        "profession",
        (
            "The profession of {s} is {o}.",
            "By profession {s} is a trained {o}.",
            "For a living {s} works as {o}.",
            "Before fame, {s} worked as {o}.",
        ),
        ("What is the profession of {s}?", "What does {s} do for a living?", "The profession of {s} is which one?"),
    ),
)

BY_SUBJECT: dict[str, tuple[Relation, ...]] = {
    kind: tuple(relation for relation in RELATIONS if relation.subject == kind) for kind in COUNTS
}
BY_NAME: dict[str, Relation] = {relation.name: relation for relation in RELATIONS}
