"""Accept a correct record at once; leave everything odd to pydantic.

`accept` takes only values of exactly the declared types within their limits, so whatever it takes pydantic takes
too, with the same result (a property test holds the two together). Anything else raises `OddError`, and the
caller asks pydantic, which may still accept it, or says what is wrong and where.
"""

from collections.abc import Callable
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

Accept = Callable[[Any], Any]


class OddError(Exception):
    """The value is not plainly right."""


def accept(hint: Any, value: Any) -> Any:
    """Return a value as one of a type, or raise `OddError`."""
    return _acceptor(hint)(value)


@cache
def _acceptor(hint: Any) -> Accept:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _limited(_acceptor(arguments[0]), arguments[1:])
    if origin is Literal:
        return _one_of(arguments)
    if origin in (Union, UnionType):
        return _first_of([_acceptor(argument) for argument in arguments])
    if origin is tuple:
        return _sequence(arguments)
    if origin is dict:
        return _mapping(_acceptor(arguments[0]), _acceptor(arguments[1]))
    if hasattr(hint, "__dataclass_fields__"):
        return _record(hint)
    return _scalar(hint)


def _scalar(hint: Any) -> Accept:
    def accept(value: Any) -> Any:
        if hint is Any or type(value) is hint:
            return value
        if hint is float and type(value) is int:
            return float(value)
        raise OddError

    return accept


def _limited(inner: Accept, limits: tuple[Any, ...]) -> Accept:
    def accept(value: Any) -> Any:
        accepted = inner(value)
        if not all(limit.hold(accepted) for limit in limits):
            raise OddError
        return accepted

    return accept


def _one_of(choices: tuple[Any, ...]) -> Accept:
    def accept(value: Any) -> Any:
        if type(value) is str and value in choices:
            return value
        raise OddError

    return accept


def _first_of(options: list[Accept]) -> Accept:
    def accept(value: Any) -> Any:
        for option in options:
            try:
                return option(value)
            except OddError:
                continue
        raise OddError

    return accept


def _sequence(arguments: tuple[Any, ...]) -> Accept:
    of_any_length = len(arguments) == 2 and arguments[1] is Ellipsis  # noqa: PLR2004 - tuple[X, ...]
    items = [_acceptor(argument) for argument in arguments if argument is not Ellipsis]

    def accept(value: Any) -> Any:
        if type(value) is not list or not (of_any_length or len(value) == len(items)):
            raise OddError
        if of_any_length:
            return tuple([items[0](item) for item in value])
        return tuple([item(part) for item, part in zip(items, value, strict=True)])

    return accept


def _mapping(key: Accept, item: Accept) -> Accept:
    def accept(value: Any) -> Any:
        if type(value) is not dict:
            raise OddError
        return {key(name): item(part) for name, part in value.items()}

    return accept


def _record(hint: Any) -> Accept:
    parts = {name: _acceptor(field.type) for name, field in hint.__dataclass_fields__.items()}

    def accept(value: Any) -> Any:
        if type(value) is not dict or not value.keys() <= parts.keys():
            raise OddError
        accepted = {name: parts[name](part) for name, part in value.items()}
        try:
            return hint(**accepted)
        except Exception as error:  # a missing key, or whatever the record itself refuses: pydantic will say
            raise OddError from error

    return accept
