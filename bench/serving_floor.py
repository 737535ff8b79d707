"""The least that a row can cost: typed decoding, encoding in Python, a generic C walk of the trees."""

import ctypes
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from bench.serving_model import COLUMNS, LEVELS, NUMBERS

SOURCE = r"""
#include <math.h>
#include <stdint.h>
typedef struct { double limit; uint64_t members; int32_t column, right; uint8_t kind; } node;
enum { LEAF, LESS, NEGATED, MEMBER };  /* of a member, bit code + 1; bit 0 is missing or unknown */
double predict(const node *nodes, const int32_t *roots, int trees, const double *x, double base) {
    double total = base;
    for (int t = 0; t < trees; t++) {
        const node *p = nodes + roots[t];
        while (p->kind != LEAF) {
            double v = x[p->column];
            int left = p->kind == LESS ? v <= p->limit : p->kind == NEGATED ? -v <= p->limit
                     : (p->members >> (isnan(v) ? 0 : (int)v + 1)) & 1;
            p = left ? p + 1 : p + p->right;
        }
        total += p->limit;
    }
    return 1.0 / (1.0 + exp(-total));
}
"""
LEAF, LESS, NEGATED, MEMBER = range(4)


class Node(ctypes.Structure):
    _fields_ = (
        ("limit", ctypes.c_double),
        ("members", ctypes.c_uint64),
        ("column", ctypes.c_int32),
        ("right", ctypes.c_int32),
        ("kind", ctypes.c_uint8),
    )


def floor(compiled: Mapping[str, Any], folder: Path) -> Callable[[bytes], bytes] | None:
    """Bytes to bytes of a compiled model without steps; None where there is no C compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return None
    (folder / "floor.c").write_text(SOURCE)
    library = folder / "floor.so"
    argv = [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(folder / "floor.c"), "-lm"]
    subprocess.run(argv, check=True, capture_output=True)
    predict = ctypes.CDLL(str(library)).predict
    predict.restype = ctypes.c_double
    predict.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_double)
    trees = compiled["model"]
    nodes = _nodes(trees)
    roots = (ctypes.c_int32 * len(trees["roots"]))(*trees["roots"])
    base = float(trees["base"][0])
    decode, codes = _decoder(), _codes(compiled)
    first = len(NUMBERS)
    x = (ctypes.c_double * len(COLUMNS))()

    def score(body: bytes) -> bytes:
        found = []
        for row in decode(body).instances:
            values = msgspec.structs.astuple(row)
            x[:first] = values[:first]
            x[first:] = [one.get(value, -1.0) for one, value in zip(codes, values[first:], strict=True)]
            found.append({"probability": predict(nodes, roots, len(roots), x, base)})
        return msgspec.json.encode({"predictions": found, "model": "bench"})

    return score


def _decoder() -> Callable[[bytes], Any]:
    row = msgspec.defstruct("Row", [*((n, float) for n in NUMBERS), *((c, str) for c in LEVELS)], gc=False)
    body = msgspec.defstruct("Body", [("instances", list[row])], gc=False)  # type: ignore[valid-type]
    return msgspec.json.Decoder(body).decode


def _codes(compiled: Mapping[str, Any]) -> list[dict[str, float]]:
    """Of each text column, category -> the code by which its nodes ask."""
    found = []
    for one in compiled["model"]["sets"]:
        known = {value: float(code) for code, value in enumerate(one["values"])}
        categories = compiled["categories"][compiled["features"][one["column"]]]
        found.append({text: known[float(i)] for i, text in enumerate(categories) if float(i) in known})
    return found


def _nodes(trees: Mapping[str, Any]) -> ctypes.Array[Node]:
    width, negated = trees["width"], trees["negated"]
    found = (Node * len(trees["features"]))()
    columns = zip(trees["features"], trees["thresholds"], trees["rights"], strict=True)
    for node, (column, threshold, right) in zip(found, columns, strict=True):
        node.column, node.right, node.kind = column, right, LESS if right else LEAF
        if right and column >= width + len(negated):
            node.kind = MEMBER
            node.column = trees["sets"][column - width - len(negated)]["column"]
            node.members = sum(1 << (code + 1) for code in trees["members"][threshold])
            continue
        if right and column >= width:
            node.kind, node.column = NEGATED, negated[column - width]
        node.limit = float(threshold)
    return found
