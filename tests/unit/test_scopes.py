"""Names that a function looks up outside itself, told as Python itself would look them up."""

import ast

import pytest

from tidegate.feature_store.scopes import globals_read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("def f(a):\n    return np.log(a) + K", {"np", "K"}, id="globals"),
        pytest.param("def f(a, /, b, *c, d, **e):\n    return a, b, c, d, e", set(), id="arguments"),
        pytest.param("def f(a):\n    k = a\n    return k", set(), id="own variable"),
        pytest.param("def f(a):\n    k += 1\n    return k", set(), id="own variable, never set before"),
        pytest.param("def f(a, b=K, *, c=L):\n    return a", {"K", "L"}, id="defaults"),
        pytest.param(
            "@deco\ndef f(a: Array) -> tuple[Array]:\n    b: Array = a\n    return b", set(), id="notes"
        ),
        pytest.param("def f(a):\n    return [x * K for x in a if x > L]", {"K", "L"}, id="comprehension"),
        pytest.param("def f(a):\n    return [x for x in x]", {"x"}, id="first iterable is outside"),
        pytest.param(
            "def f(a):\n    return [y for x in a for y in x]", set(), id="second iterable is inside"
        ),
        pytest.param("def f(a):\n    return [x for x in a], x", {"x"}, id="its variable ends with it"),
        pytest.param("def f(a):\n    b = [(y := x) for x in a]\n    return y", set(), id="walrus leaves it"),
        pytest.param("def f(a):\n    return {k: v for k, v in M}", {"M"}, id="dict comprehension"),
        pytest.param("def f(a):\n    return (lambda x, y=K: x + a + L)(a)", {"K", "L"}, id="lambda"),
        pytest.param(
            "def f(a):\n    def g(x, y=K):\n        return x + a + L\n    return g(a)", {"K", "L"}, id="inner"
        ),
        pytest.param(
            "def f(a):\n    def g(K):\n        return K\n    return g(a) + K", {"K"}, id="inner's own"
        ),
        pytest.param(
            "def f(a):\n    try:\n        return a\n    except E as e:\n        return e", {"E"}, id="except"
        ),
        pytest.param(
            "def f(a):\n    for i, (j, *k) in a:\n        b = i, j, k\n    return b", set(), id="for"
        ),
        pytest.param("def f(a):\n    with W as w:\n        return w", {"W"}, id="with"),
        pytest.param("def f(a):\n    import os.path as p, sys\n    return p, sys, os", {"os"}, id="import"),
        pytest.param(
            "def f(a):\n    match a:\n        case [x, *y]:\n            return x, y\n"
            "        case {'k': z, **rest}:\n            return z, rest\n        case C(v) as w:\n"
            "            return v, w\n        case V.b:\n            return K",
            {"C", "V", "K"},
            id="match",
        ),
        pytest.param("def f(a):\n    return f'{a!r:>{W}} {K}'", {"W", "K"}, id="f-string"),
    ],
)
def test_names_looked_up_outside(text, expected):
    assert globals_read(ast.parse(text).body[0]) == expected
