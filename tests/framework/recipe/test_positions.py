"""The position finder against tomllib: the same keys, and each where its name is written."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs_framework.recipe.positions import Position, find_positions


def paths(value, path=()):
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from paths(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from paths(item, (*path, index))


def accepted(pieces):
    """The pieces that tomllib can make sense of, one after the other."""
    text = ""
    for piece in pieces:
        try:
            tomllib.loads(text + piece)
        except ValueError:
            continue
        text += piece
    return text


blank = st.sampled_from(["", " ", "\t", "  "])
newline = st.sampled_from(["\n", "\r\n", "\n\n", " # [not] = 'a table'\n", '\n  # """ comment\n'])
key = st.sampled_from(["a", "b", "c", "1", "-", '"a"', "'b c'", '"q\\"]#="', '""', "'[x]'", '"\\u0061b"'])
dotted = st.lists(st.tuples(blank, key, blank).map("".join), min_size=1, max_size=3).map(".".join)
scalar = st.sampled_from(
    [
        *("1", "-1_000", "0xff", "1.5e3", "inf", "nan", "true", "false"),
        *(
            "1979-05-27",
            "07:32:00",
            "1979-05-27 07:32:00",
            "1979-05-27T07:32:00.5Z",
            "1979-05-27 07:32:00+01:00",
        ),
        *('""', "''", '"x # y"', '"\\"]}"', "'a\"]'", '"\\\\"', "'\\'", '"é€"'),
        *(
            '""""""',
            "''''''",
            '"""a"b""c"""',
            '"""q"""""',
            "'''q'''''",
            '"""\n[x]\ny = 1\n"""',
            "'''\n]} # '' \n'''",
        ),
        *('"""\\""" """', '"""a\\\n  b"""'),
    ]
)


def containers(value):
    gap = st.sampled_from(["", " ", "\n", " # ],\n "])
    items = st.lists(st.tuples(gap, value, gap).map("".join), max_size=3).map(",".join)
    array = st.tuples(items, st.sampled_from(["", ",", ", # end\n"])).map(
        lambda p: f"[{p[0]}{p[1] if p[0] else ''}]"
    )
    pair = st.tuples(dotted, blank, value).map(lambda p: f"{p[0]}={p[1]}{p[2]}")
    table = st.lists(pair, max_size=3).map(lambda pairs: "{" + ",".join(pairs) + "}")
    return array | table


value = st.recursive(scalar, containers, max_leaves=6)
statement = st.one_of(
    st.tuples(dotted, blank, value, newline).map(lambda p: f"{p[0]}={p[1]}{p[2]}{p[3]}"),
    st.tuples(blank, dotted, newline).map(lambda p: f"{p[0]}[{p[1]}]{p[2]}"),
    st.tuples(blank, dotted, newline).map(lambda p: f"{p[0]}[[{p[1]}]]{p[2]}"),
    newline,
)
token = st.sampled_from(
    [
        *"[]{}=.,\"'#\\ab1\n",
        "[[",
        "]]",
        '"""',
        "'''",
        " = ",
        "\r\n",
        "a = 1\n",
        "[a]\n",
        "1979-05-27",
        " 07:32:00",
    ]
)


@given(
    st.lists(statement, max_size=12).map(accepted)
    | st.lists(token, max_size=25).map("".join).map(lambda t: accepted([t]))
)
def test_it_finds_exactly_the_keys_that_tomllib_finds(text):
    assert set(find_positions(text)) == set(paths(tomllib.loads(text)))


@given(st.lists(statement, max_size=12).map(accepted))
def test_a_position_is_where_the_key_is_written(text):
    lines = text.replace("\r\n", "\n").split("\n")
    for path, (line, column) in find_positions(text).items():
        if path and isinstance(path[-1], str):
            written = lines[line - 1][column - 1 :]
            assert written.startswith(path[-1]) or written[0] in "\"'"


DOCUMENT = """\
# a comment
seed = 1 # another
"name" = 'x'
data . root = "r"
steps = [ # three
  "train", "detect",
]
[pipeline.gate]
sensitivity = 0.9
[[proposer]]
use = "a"
settings = { mode = "x", sizes = [1, 2] }
[[proposer]]
use = \"\"\"
b\"\"\"
[proposer.settings]
mode = "y"
[pipeline]
top = 1
"""


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        ((), 1, 1),
        (("seed",), 2, 1),
        (("name",), 3, 1),
        (("data",), 4, 1),
        (("data", "root"), 4, 8),
        (("steps", 1), 6, 12),
        (("pipeline", "gate"), 8, 11),
        (("pipeline", "gate", "sensitivity"), 9, 1),
        (("proposer",), 10, 3),
        (("proposer", 0), 10, 3),
        (("proposer", 0, "settings", "mode"), 12, 14),
        (("proposer", 0, "settings", "sizes", 1), 12, 38),
        (("proposer", 1), 13, 3),
        (("proposer", 1, "settings"), 16, 11),
        (("proposer", 1, "settings", "mode"), 17, 1),
        (("pipeline",), 18, 2),
        (("pipeline", "top"), 19, 1),
    ],
)
def test_positions_of_a_recipe(path, line, column):
    assert find_positions(DOCUMENT)[path] == Position(line, column)
