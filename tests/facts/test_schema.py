import pytest
from pydantic import ValidationError

from kinject.errors import UsageError
from kinject.facts.schema import Direct, Fact, FactSet

FACT = Fact(id="a", event="E.", direct=Direct(question="Q?", answer="E"))


def test_facts_are_frozen() -> None:
    with pytest.raises(ValidationError):
        FACT.id = "b"


def test_the_digest_sees_contents_and_order_but_not_spelled_out_defaults() -> None:
    other = FACT.model_copy(update={"id": "b"})
    spelled = Fact.model_validate(FACT.model_dump(mode="json"))
    assert FactSet("x", (FACT,)).digest == FactSet("y", (spelled,)).digest
    assert FactSet("x", (FACT, other)).digest != FactSet("x", (other, FACT)).digest
    assert FactSet("x", (FACT,)).digest != FactSet("x", (other,)).digest


def test_the_index_refuses_two_facts_of_one_id() -> None:
    assert FactSet("x", (FACT,)).by_id == {"a": FACT}
    with pytest.raises(UsageError, match="two facts share an id"):
        _ = FactSet("x", (FACT, FACT)).by_id
