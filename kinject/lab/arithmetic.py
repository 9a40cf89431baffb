"""The kinds of word problems that a lab world has: their numbers, their steps, and the phrasings that they are told in.

Twenty kinds of one to three steps about a world's people, clubs, companies and cities. `{p}` and `{q}` are people,
`{t}` and `{u}` things, `{m}`, `{n}` and `{o}` months in their order, `{cur}` a currency; other slots say what they are.

Most words are those that pretraining has, and the last phrasing of each kind is held out of every training set.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of problem."""

    name: str
    ranges: Mapping[str, tuple[int, int]]
    """The lowest and the highest that each number can be."""
    steps: tuple[tuple[str, str, str], ...]
    """A sub-question, the sum that answers it, and the sentence that has it; the results are x, y and z."""
    questions: tuple[str, ...]
    """The last is held out."""


KINDS = (
    Kind(
        "buy and sell",
        {"a": (4, 24), "b": (2, 9), "c": (2, 9)},
        (
            ("How many {t} are there with the new ones?", "a + b", "There are {sum} {t} with the new ones."),
            ("How many {t} are left?", "x - c", "There are {sum} {t} left."),
        ),
        (
            "{p} has {a} {t} and buys {b} more. Then {p} sells {c} of the {t}. How many {t} are left?",
            "There are {a} {t} at home. {p} buys {b} more and then sells {c}. How many {t} are there now?",
            "With {a} {t} at home, {p} bought {b} new ones and sold {c}. How many {t} does {p} have now?",
            "How many {t} are left if {p} starts with {a}, buys {b} more and then sells {c}?",
        ),
    ),
    Kind(
        "sell and make",
        {"a": (6, 30), "b": (2, 9), "c": (2, 9)},
        (
            ("How many boxes are left?", "a - b", "There are {sum} boxes left."),
            ("How many boxes are there now?", "x + c", "There are {sum} boxes now."),
        ),
        (
            "{company} has {a} boxes of {product}. It sells {b} and makes {c} more. How many boxes are there now?",
            "Of {a} boxes of {product}, {company} sold {b}. Then it made {c} new ones. How many does it have now?",
            "{company} sells {b} of its {a} boxes of {product} and then makes {c} more. How many boxes are there now?",
            "After {company} sold {b} boxes of {product} out of {a}, it made {c} more. How many boxes has it got?",
        ),
    ),
    Kind(
        "two sales",
        {"a": (8, 30), "b": (2, 9), "c": (2, 9)},
        (
            ("How many {t} are left in {m}?", "a - b", "There are {sum} {t} left in {m}."),
            ("How many {t} are left in {n}?", "x - c", "There are {sum} {t} left in {n}."),
        ),
        (
            "A shop in {city} has {a} {t}. It sells {b} of them in {m} and {c} in {n}. How many {t} are left in {n}?",
            "In {m} {b} of the {a} {t} in a shop of {city} were sold, and {c} more in {n}. How many {t} were left?",
            "{b} {t} were sold in {m} and {c} in {n} by a shop in {city} that had {a}. How many {t} are left?",
            "Of the {a} {t} that a shop of {city} had, how many are left after it sold {b} in {m} and {c} in {n}?",
        ),
    ),
    Kind(
        "bags",
        {"a": (2, 9), "b": (2, 9), "c": (2, 9)},
        (
            ("How many {t} are in the bags?", "a * b", "There are {sum} {t} in the bags."),
            ("How many {t} are left?", "x - c", "There are {sum} {t} left."),
        ),
        (
            "{p} has {b} bags with {a} {t} in each and sells {c} of the {t}. How many {t} are left?",
            "There are {b} bags. {p} puts {a} {t} in each and then sells {c} {t} to {q}. How many {t} are left?",
            "{p} puts {a} {t} in each of {b} bags. {q} buys {c} of the {t}. How many {t} are left?",
            "How many {t} are left for {p}, who has {b} bags of {a} {t} each, after {q} took {c} of the {t}?",
        ),
    ),
    Kind(
        "goals",
        {"a": (2, 9), "b": (2, 9), "c": (2, 9)},
        (
            ("How many goals were made in the {b} games?", "a * b", "There were {sum} goals in the {b} games."),
            ("How many goals were made with the others?", "x + c", "There were {sum} goals with the others."),
        ),
        (
            "{club} made {a} goals in each of {b} games and {c} more in the year. How many goals did {club} make?",
            "In {b} games {club} made {a} goals each, and {c} more goals in the year. How many goals were made?",
            "{p} of {club} made {a} goals in each of {b} games and {c} more goals. How many goals did {p} make?",
            "What is the number of goals that {club} made, with {a} in each of {b} games and {c} more?",
        ),
    ),
    Kind(
        "points",
        {"a": (2, 9), "b": (2, 9)},
        (
            ("How many points did the games bring?", "a * 3", "The games brought {sum} points."),
            ("How many points does {club} have?", "x + b", "With the others {club} has {sum} points."),
        ),
        (
            "{club} won {a} games with 3 points each and got {b} more points. How many points does {club} have?",
            "For each of {a} games {club} got 3 points, and {b} more points for others. How many points are there?",
            "The coach of {club} won {a} games for 3 points each and {b} other points. How many points are there now?",
            "{club} has {b} points and then wins {a} games of 3 points each. How many points has it got?",
        ),
    ),
    Kind(
        "shopping",
        {"a": (2, 9), "b": (2, 9), "c": (2, 9), "d": (2, 9)},
        (
            ("How many {cur} do the {t} cost?", "a * b", "The {t} cost {sum} {cur}."),
            ("How many {cur} do the {u} cost?", "c * d", "The {u} cost {sum} {cur}."),
            ("How many {cur} does {p} pay?", "x + y", "{p} has to pay {sum} {cur}."),
        ),
        (
            "{p} buys {a} {t} for {b} {cur} each and {c} {u} for {d} {cur} each. How many {cur} does {p} pay?",
            "In a shop {p} took {a} {t} for {b} {cur} each, and {c} {u} for {d} {cur} each. What does {p} pay?",
            "{a} {t} cost {b} {cur} each and {c} {u} cost {d} {cur} each. {p} buys them. How many {cur} does {p} pay?",
            "What must {p} pay in {cur} for {a} {t} of {b} {cur} each with {c} {u} of {d} {cur} each?",
        ),
    ),
    Kind(
        "change",
        {"a": (2, 9), "b": (2, 9), "c": (6, 30)},
        (
            ("How many {cur} do the {t} cost?", "a * b", "The {t} cost {sum} {cur}."),
            ("How many {cur} are left?", "c - x", "There are {sum} {cur} left."),
        ),
        (
            "{p} has {c} {cur} and buys {a} {t} for {b} {cur} each. How many {cur} are left?",
            "For {a} {t} of {b} {cur} each {p} came with {c} {cur}. How many {cur} are left?",
            "{p} buys {a} {t} for {b} {cur} each in {city}. {p} had {c} {cur}. How many {cur} does {p} have now?",
            "What is left of the {c} {cur} of {p} after {a} {t} were bought for {b} {cur} each?",
        ),
    ),
    Kind(
        "two companies",
        {"a": (2, 9), "b": (2, 9), "c": (2, 9), "d": (2, 9)},
        (
            ("How many boxes does {company} make?", "a * b", "{company} makes {sum} boxes."),
            ("How many boxes does {company2} make?", "c * d", "{company2} makes {sum} boxes."),
            ("How many more boxes does {company} make?", "x - y", "{company} makes {sum} more boxes."),
        ),
        (
            "{company} makes {a} boxes of {product} a year for {b} years, and {company2} {c} a year for {d} years."
            " How many more boxes does {company} make?",
            "In {b} years {company} makes {a} boxes of {product} each year. In {d} years {company2} makes {c} a year."
            " How many more boxes does {company} make?",
            "{company} sells {product} in {b} shops, {a} boxes in each, and {company2} in {d} shops, {c} boxes in each."
            " How many more boxes are from {company}?",
            "How many more boxes of {product} has {company}, with {b} shops of {a} boxes each, than {company2},"
            " with {d} shops of {c} boxes each?",
        ),
    ),
    Kind(
        "share",
        {"a": (2, 24), "b": (2, 9), "c": (2, 9)},
        (
            ("How many {t} do {p} and {q} have?", "a + b", "{p} and {q} have {sum} {t}."),
            ("How many {t} are in each bag?", "x / c", "There are {sum} {t} in each bag."),
        ),
        (
            "{p} has {a} {t} and {q} has {b}. The {t} are put in {c} bags, as many in each. How many are in each bag?",
            "With {a} {t} of {p} and {b} of {q}, {c} bags are made full, as many in each. How many {t} has each bag?",
            "{p} and {q} have {a} and {b} {t}. In each of {c} bags there are as many. How many {t} are in each bag?",
            "If the {a} {t} of {p} and the {b} {t} of {q} go in {c} like bags, what does each bag hold?",
        ),
    ),
    Kind(
        "times as many",
        {"a": (2, 9), "b": (2, 6), "c": (2, 9)},
        (
            ("How many {t} does {q} have?", "a * b", "{q} has {sum} {t}."),
            ("How many {t} do {p} and {q} have?", "a + x", "{p} and {q} have {sum} {t}."),
            ("How many {t} are left?", "y - c", "There are {sum} {t} left."),
        ),
        (
            "{p} has {a} {t}. {q} has {b} times as many. They sell {c} of them. How many {t} are left?",
            "{q} has {b} times as many {t} as {p}, who has {a}. {c} of them are sold. How many {t} are left?",
            "{p} bought {a} {t} and {q} bought {b} times as many. They sold {c} {t}. How many {t} are there now?",
            "What is left for {p}, who owns {a} {t}, and {q}, who owns {b} times that number of {t}, if {c} are sold?",
        ),
    ),
    Kind(
        "half sold",
        {"a": (4, 30), "b": (2, 9)},
        (
            ("How many {t} were sold?", "a / 2", "There were {sum} {t} sold."),
            ("How many {t} are there now?", "x + b", "There are {sum} {t} now."),
        ),
        (
            "{p} had {a} {t} and sold half of them in {m}. Then {p} bought {b} {t}. How many {t} are there now?",
            "Half of the {a} {t} in a shop of {city} were sold, and {b} {t} were bought. How many {t} are there now?",
            "{p} sells half of {a} {t} to {q} and then buys {b} new ones. How many {t} does {p} have now?",
            "How many {t} are there now if {p} had {a}, of which {q} took half, and then got {b} more?",
        ),
    ),
    Kind(
        "fewer",
        {"a": (4, 19), "b": (2, 9)},
        (
            ("How many shops are there in {city2}?", "a - b", "There are {sum} shops in {city2}."),
            (
                "How many shops are there in {city} and {city2}?",
                "a + x",
                "There are {sum} shops in {city} and {city2}.",
            ),
        ),
        (
            "There are {a} shops in {city}, and {b} fewer in {city2}. How many shops are there in {city} and {city2}?",
            "{city} has {a} shops. {city2} has {b} fewer. How many shops are there in {city} and {city2}?",
            "{city2} has {b} shops fewer than {city}, which has {a}. How many shops do {city} and {city2} have?",
            "What is the number of shops in {city} and {city2} if the first has {a} and the other {b} fewer?",
        ),
    ),
    Kind(
        "seats",
        {"a": (2, 12), "b": (2, 12), "c": (2, 9)},
        (
            ("How many people watch {film}?", "a * b", "There are {sum} people who watch {film}."),
            ("How many people are from each school?", "x / c", "There are {sum} people from each school."),
        ),
        (
            "In each of {b} shows {a} people watch {film}. They are from {c} schools, as many from each."
            " How many people are from each school?",
            "{film} has {b} shows with {a} people each, who came from {c} schools, as many from each."
            " How many people came from each school?",
            "{a} people watch each of {b} shows of {film} in {city}. As many came from each of {c} schools."
            " How many are from each school?",
            "How many people came to {film} from each of {c} schools, as many from each, with {b} shows of {a} people?",
        ),
    ),
    Kind(
        "three games",
        {"a": (2, 9), "b": (2, 9), "c": (2, 9)},
        (
            ("How many goals are in {m} and {n}?", "a + b", "There are {sum} goals in {m} and {n}."),
            ("How many goals are in the three months?", "x + c", "There are {sum} goals in the three months."),
            ("How many goals are that a month?", "y / 3", "That is {sum} goals a month."),
        ),
        (
            "{club} made {a} goals in {m}, {b} in {n} and {c} in {o}. How many goals a month is that?",
            "In {m} there were {a} goals for {club}, in {n} {b} and in {o} {c}. How many goals is that a month?",
            "For {club} {p} made {a}, {b} and {c} goals in {m}, {n} and {o}. How many goals a month did {p} make?",
            "How many goals a month has {club} for the three months {m}, {n} and {o} with {a}, {b} and {c}?",
        ),
    ),
    Kind(
        "boxes",
        {"a": (2, 9), "b": (2, 9), "c": (2, 9), "d": (2, 9)},
        (
            ("How many {t} are in the boxes?", "a * b", "There are {sum} {t} in the boxes."),
            ("How many {t} are there with the others?", "x + c", "There are {sum} {t} with the others."),
            ("How many {t} are left?", "y - d", "There are {sum} {t} left."),
        ),
        (
            "{p} has {a} boxes of {b} {t} each, and {c} other {t}. {q} buys {d} of them. How many {t} are left?",
            "There are {a} boxes with {b} {t} in each, and {c} more {t}. {p} sells {d} of them. How many {t} are left?",
            "A shop of {company} has {a} boxes of {b} {t}, got {c} more {t} and sold {d}. How many {t} are left?",
            "How many {t} are left from {a} boxes of {b} {t} each and {c} more after {p} took {d}?",
        ),
    ),
    Kind(
        "more",
        {"a": (4, 28), "b": (2, 9)},
        (("How many bridges are there now?", "a + b", "There are {sum} bridges now."),),
        (
            "{city} has {a} bridges, and {b} more are built. How many bridges are there now?",
            "There are {a} bridges in {city}. The mayor built {b} new ones. How many bridges are there now?",
            "In {city} {b} new bridges were built. There were {a} before. How many bridges are there now?",
            "What is the number of bridges in {city}, which had {a} and built {b}?",
        ),
    ),
    Kind(
        "left",
        {"a": (6, 30), "b": (2, 9)},
        (("How many players are left?", "a - b", "There are {sum} players left."),),
        (
            "{club} has {a} players and {b} of them go to {club2}. How many players are left?",
            "Of {a} players of {club}, {b} moved to {club2}. How many players are left?",
            "There are {a} players at {club}. {club2} took {b} of them. How many players are left?",
            "How many players has {club} of its {a} after {b} joined {club2}?",
        ),
    ),
    Kind(
        "in each",
        {"a": (2, 14), "b": (2, 14)},
        (("How many people work for {company}?", "a * b", "There are {sum} people who work for {company}."),),
        (
            "{company} has {a} shops with {b} people in each. How many people work for {company}?",
            "In each of {a} shops of {company} there are {b} people. How many people work for {company}?",
            "{b} people work in each of the {a} shops of {company}. How many people is that?",
            "How many people does {company} pay if {b} of them work in each of its {a} shops?",
        ),
    ),
    Kind(
        "parted",
        {"a": (4, 30), "b": (2, 9)},
        (("How many boxes are in each shop?", "a / b", "There are {sum} boxes in each shop."),),
        (
            "{company} puts {a} boxes of {product} in {b} shops, as many in each. How many boxes are in each shop?",
            "There are {a} boxes of {product} for {b} shops of {company}, as many for each. How many are in each shop?",
            "In {b} shops of {company} there are {a} boxes of {product}, as many in each. How many has each shop?",
            "If {b} shops of {company} sell {a} boxes of {product}, each as many, what does each sell?",
        ),
    ),
)
