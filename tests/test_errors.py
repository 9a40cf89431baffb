import pickle

import pytest

from kinject import errors
from kinject.errors import KinjectError, did_you_mean

CODES = {
    "UsageError": 2,
    "MissingError": 3,
    "NumericError": 4,
    "JudgeError": 5,
    "ResourceError": 6,
    "IntegrityError": 7,
}


def test_the_exit_codes_are_those_of_the_contract() -> None:
    assert {kind.__name__: kind.code for kind in KinjectError.__subclasses__() if kind.__name__ in CODES} == CODES


@pytest.mark.parametrize("name", CODES)
def test_an_error_says_what_where_and_the_way_out_even_across_processes(name: str) -> None:
    error = getattr(errors, name)("no such model", where="--model", mend="kinject lab build")
    for one in (error, pickle.loads(pickle.dumps(error))):
        assert str(one) == "no such model"
        assert one.as_dict() == {
            "code": CODES[name],
            "message": "no such model",
            "where": "--model",
            "mend": "kinject lab build",
        }


def test_the_nearest_name_is_offered_if_one_is_near() -> None:
    assert did_you_mean("facst100", ["facts100", "lab"]) == " Did you mean 'facts100'?"
    assert did_you_mean("zzz", ["facts100", "lab"]) == ""
