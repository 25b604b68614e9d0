"""A record is a value: never changed, equal by content."""

from dataclasses import FrozenInstanceError, fields, is_dataclass, replace

import pytest

from recipe_kb.schema.base import record
from recipe_kb.schema.recipe import RecipeKey

KEY = RecipeKey(gpu="t4", model="biobert", tasks=(8, 8), max_length=512)


def test_no_field_is_set_or_deleted_and_none_is_added():
    for name, value in (("gpu", "l4"), ("gpu", KEY.gpu), ("colour", "red")):
        with pytest.raises(FrozenInstanceError):
            setattr(KEY, name, value)
    with pytest.raises(FrozenInstanceError):
        del KEY.gpu
    assert KEY.gpu == "t4"
    assert not hasattr(KEY, "colour")


def test_equal_values_are_equal_and_hash_alike():
    same = RecipeKey(max_length=512, tasks=(8, 8), model="biobert", gpu="t4", goal="balanced")
    assert same == KEY
    assert len({KEY, same}) == 1
    assert replace(KEY, gpu="l4") != KEY
    assert str(KEY) != KEY


def test_another_class_with_the_same_values_is_not_equal():
    @record
    class One:
        x: int

    @record
    class Other:
        x: int

    assert One(x=1) == One(x=1) != One(x=2)
    assert One(x=1) != Other(x=1)


def test_values_are_named_and_known():
    assert is_dataclass(KEY)
    assert [field.name for field in fields(KEY)][:2] == ["gpu", "model"]
    with pytest.raises(TypeError):
        RecipeKey("t4", "biobert", (8, 8), 512)
    with pytest.raises(TypeError):
        RecipeKey(gpu="t4", model="biobert", tasks=(8, 8), max_length=512, colour="red")
    with pytest.raises(TypeError):
        RecipeKey(gpu="t4")
