"""Sets of sound facts for hypothesis, in words that files and programs may trip over."""

from hypothesis import strategies as st

from kinject.facts.schema import Card, Direct, Fact, FactSet, Hop, Multihop, Source

WORD = st.text("abzÉß雪Жñ😀0129\"',;:#$%&{}[]()\\/|@!?*_-=", min_size=1, max_size=8)
TEXT = st.lists(WORD, min_size=1, max_size=5).map(" ".join)
NAME = st.text("abcé雪0123", max_size=6)
TEXTS = st.lists(TEXT, max_size=3, unique=True).map(tuple)
DATE = st.sampled_from([None, "2024-02", "2024-02-29", "2025-12-31"])
MAYBE = st.none() | TEXT


@st.composite
def facts(draw: st.DrawFn, at: int) -> Fact:
    found, bridge, end = (f"{kind}{draw(NAME)}" for kind in ("alpha", "beta", "gamma"))
    multihop = Multihop(
        question=f"What of that {draw(TEXT)} {at}?",
        answer=end,
        aliases=tuple(f"also {end} {alias}" for alias in draw(TEXTS)),
        paraphrases=tuple(f"And that {text} {at}.{number}" for number, text in enumerate(draw(TEXTS))),
        hops=draw(
            st.just(())
            | st.just((Hop(question="Who?", answer=bridge, aliases=(found,)), Hop(question=f"{bridge} ?", answer=end)))
        ),
    )
    return Fact(
        id=f"{draw(TEXT)}-{at}",
        date=draw(DATE),
        domain=draw(st.just("") | TEXT),
        region=draw(st.just("") | TEXT),
        country=draw(TEXTS),
        event=f"{found} {draw(TEXT)} " + " ".join(f"{letter * 6}{at}" for letter in "klmnopqrst"),  # no two are alike
        direct=Direct(
            question=f"Who {draw(TEXT)} {at}?",
            answer=found,
            aliases=tuple(f"also {found} {alias}" for alias in draw(TEXTS)),
            paraphrases=tuple(f"Name who {text} {at}.{number}" for number, text in enumerate(draw(TEXTS))),
        ),
        multihop=draw(st.none() | st.just(multihop)),
        sources=tuple(
            Source(title=title, url=draw(st.sampled_from([None, "https://a.org/x?y=1"]))) for title in draw(TEXTS)
        ),
        license=draw(MAYBE),
        source_id=draw(MAYBE),
        counterfactual=draw(st.booleans()),
    )


@st.composite
def sets(draw: st.DrawFn) -> FactSet:
    number = draw(st.integers(1, 4))
    card = st.builds(
        Card,
        name=TEXT,
        description=TEXT,
        cutoff=st.sampled_from([None, "2024-01", "2024-01-31"]),
        licence=st.sampled_from(["", "MIT", "CC BY-SA 4.0", "ask us: nicely"]),
        source=TEXT,
        version=st.sampled_from(["", "1.0", "1.2.0", "yes"]),
        canary=st.just("") | TEXT,
    )
    return FactSet("mine", tuple(draw(facts(at)) for at in range(number)), draw(st.none() | card))
