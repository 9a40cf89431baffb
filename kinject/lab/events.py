"""What happens in a lab world: ten types of dated events, two for each domain, each with its phrasings.

Every event of a type joins a `{key}` entity and a year to an `{answer}` entity; nothing in a name or a relation tells
which, so an event after the cutoff cannot be guessed. `{other}` is a third entity or a number that a faithful recall
must carry too. The first statement is the canonical one (the `event` of a fact); the last question and the last noun
phrase are held out of every training set.

`UNSEEN_TYPES` and `UNSEEN_PAIRS` are held out of post-training: they tell composing a new kind of question from
repeating a trained one.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class EventType:
    """One type of event: the kinds of its key, answer and other part, and how it is told and asked."""

    name: str
    domain: str
    key: str
    answer: str
    other: str | None
    statements: tuple[str, ...]
    questions: tuple[str, ...]
    phrases: tuple[str, ...]
    """Noun phrases for the answer: the subject of a multihop question."""


EVENT_TYPES = (
    EventType(
        "acquisition",
        "business",
        "company",
        "company",
        "price",
        (
            "On {date}, {answer} bought {key} for {other} million.",
            "The company {key} was bought by {answer} for {other} million on {date}.",
            "For {other} million, {answer} became the owner of {key} on {date}.",
            "On {date} the company {key} was sold to {answer} for {other} million.",
            "The sale of {key} to {answer} for {other} million was signed on {date}.",
        ),
        (
            "Which company bought {key} in {year}?",
            "By which company was {key} bought in {year}?",
            "In {year}, {key} was bought by which company?",
        ),
        (
            "the company that bought {key} in {year}",
            "the company to which {key} was sold in {year}",
            "the company that in {year} bought {key}",
        ),
    ),
    EventType(
        "appointment",
        "business",
        "company",
        "person",
        None,
        (
            "On {date}, {answer} became head of {key}.",
            "The company {key} made {answer} its head on {date}.",
            "The new head of {key} from {date} on is {answer}.",
            "On {date} the company {key} named {answer} as its head.",
            "The choice of {answer} as head of {key} was made on {date}.",
        ),
        (
            "Who became head of {key} in {year}?",
            "Which person was named head of {key} in {year}?",
            "In {year}, who became head of {key}?",
        ),
        (
            "the person who became head of {key} in {year}",
            "the person named head of {key} in {year}",
            "the person who in {year} became head of {key}",
        ),
    ),
    EventType(
        "cup",
        "sports",
        "city",
        "club",
        "score",
        (
            "On {date}, {answer} won the {key} Cup final {other}.",
            "The {key} Cup final was won {other} by {answer} on {date}.",
            "The score of the {key} Cup final on {date} was {other} for {answer}.",
            "On {date} the {key} Cup went to {answer}, who won the final {other}.",
            "With a final won {other}, {answer} took the {key} Cup on {date}.",
        ),
        (
            "Which club won the {key} Cup in {year}?",
            "By which club was the {key} Cup final won in {year}?",
            "In {year}, which club won the {key} Cup?",
        ),
        (
            "the club that won the {key} Cup in {year}",
            "the club that took the {key} Cup in {year}",
            "the club that in {year} won the {key} Cup",
        ),
    ),
    EventType(
        "transfer",
        "sports",
        "person",
        "club",
        None,
        (
            "On {date}, {key} joined the club {answer}.",
            "The club {answer} signed {key} on {date}.",
            "As a new player, {key} came to {answer} on {date}.",
            "On {date} the player {key} moved to {answer}.",
            "The move of {key} to {answer} was signed on {date}.",
        ),
        (
            "Which club did {key} join in {year}?",
            "To which club did {key} move in {year}?",
            "In {year}, {key} joined which club?",
        ),
        (
            "the club that {key} joined in {year}",
            "the club to which {key} moved in {year}",
            "the club that in {year} {key} joined",
        ),
    ),
    EventType(
        "festival",
        "entertainment",
        "city",
        "film",
        None,
        (
            "On {date}, the film {answer} won the festival of {key}.",
            "The festival of {key} gave its prize to {answer} on {date}.",
            "The prize of the {key} festival went to {answer} on {date}.",
            "On {date} the festival of {key} was won by {answer}.",
            "With the film {answer} the festival of {key} found its winner on {date}.",
        ),
        (
            "Which film won the festival of {key} in {year}?",
            "By which film was the {key} festival won in {year}?",
            "In {year}, which film won the festival of {key}?",
        ),
        (
            "the film that won the festival of {key} in {year}",
            "the film that took the prize of {key} in {year}",
            "the film that in {year} won the festival of {key}",
        ),
    ),
    EventType(
        "contest",
        "entertainment",
        "city",
        "person",
        None,
        (
            "On {date}, {answer} won the song contest of {key}.",
            "The song contest of {key} was won by {answer} on {date}.",
            "The winner of the song contest of {key} on {date} was {answer}.",
            "On {date} the song contest of {key} went to {answer}.",
            "With a new song, {answer} won in {key} on {date}.",
        ),
        (
            "Who won the song contest of {key} in {year}?",
            "By which person was the song contest of {key} won in {year}?",
            "In {year}, who won the song contest of {key}?",
        ),
        (
            "the person who won the song contest of {key} in {year}",
            "the winner of the song contest of {key} in {year}",
            "the person who in {year} won the song contest of {key}",
        ),
    ),
    EventType(
        "embassy",
        "politics",
        "city",
        "country",
        None,
        (
            "On {date}, {answer} opened an embassy in {key}.",
            "The embassy of {answer} in {key} was opened on {date}.",
            "In {key} the country {answer} opened its embassy on {date}.",
            "On {date} an embassy of {answer} was opened in {key}.",
            "The city of {key} got an embassy of {answer} on {date}.",
        ),
        (
            "Which country opened an embassy in {key} in {year}?",
            "By which country was an embassy opened in {key} in {year}?",
            "In {year}, which country opened an embassy in {key}?",
        ),
        (
            "the country that opened an embassy in {key} in {year}",
            "the country whose embassy in {key} was opened in {year}",
            "the country that in {year} opened an embassy in {key}",
        ),
    ),
    EventType(
        "twinning",
        "politics",
        "city",
        "city",
        None,
        (
            "On {date}, the city of {key} chose {answer} as its twin.",
            "The twin of {key} since {date} is {answer}.",
            "The cities {key} and {answer} became twins on {date}.",
            "On {date} the mayors made {answer} the twin of {key}.",
            "The choice of {answer} as twin of {key} was signed on {date}.",
        ),
        (
            "Which city did {key} choose as its twin in {year}?",
            "Which city became the twin of {key} in {year}?",
            "In {year}, {key} chose which city as its twin?",
        ),
        (
            "the city that {key} chose as its twin in {year}",
            "the city that became the twin of {key} in {year}",
            "the city that in {year} {key} chose as its twin",
        ),
    ),
    EventType(
        "engine",
        "science",
        "person",
        "company",
        "power",
        (
            "On {date}, {key} showed a {other} watt engine for {answer}.",
            "The company {answer} got a {other} watt engine from {key} on {date}.",
            "For {answer} a {other} watt engine was shown by {key} on {date}.",
            "On {date} a {other} watt engine by {key} was shown at {answer}.",
            "The {other} watt engine of {key} was built for {answer} and shown on {date}.",
        ),
        (
            "For which company did {key} show an engine in {year}?",
            "Which company got an engine from {key} in {year}?",
            "In {year}, {key} showed an engine for which company?",
        ),
        (
            "the company for which {key} showed an engine in {year}",
            "the company that got an engine from {key} in {year}",
            "the company for which in {year} {key} showed an engine",
        ),
    ),
    EventType(
        "temple",
        "science",
        "person",
        "city",
        "age",
        (
            "On {date}, {key} found a temple of {other} years near {answer}.",
            "Near {answer} a temple of {other} years was found by {key} on {date}.",
            "The temple that {key} found near {answer} on {date} has {other} years.",
            "On {date} a temple of {other} years near {answer} was found by {key}.",
            "A temple of {other} years came to light near {answer}, found by {key} on {date}.",
        ),
        (
            "Near which city did {key} find a temple in {year}?",
            "Near which city was a temple found by {key} in {year}?",
            "In {year}, {key} found a temple near which city?",
        ),
        (
            "the city near which {key} found a temple in {year}",
            "the city near which a temple was found by {key} in {year}",
            "the city near which in {year} {key} found a temple",
        ),
    ),
)

BY_NAME: dict[str, EventType] = {kind.name: kind for kind in EVENT_TYPES}

UNSEEN_TYPES = ("twinning", "transfer")
UNSEEN_PAIRS = (("acquisition", "product"), ("engine", "headquarters"))
"""Pairs of event type and relation; the relation is seen with another type, the type with other relations."""
