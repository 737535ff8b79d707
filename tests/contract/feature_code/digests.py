"""Run by any Python, without numpy: prints function -> digest of its code, an object for each file named.

What executing the file needs is stood in for; what is hashed is the file's own functions and constants.
"""

import json
import linecache
import sys
import types
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]


def stand_ins():
    numpy = types.ModuleType("numpy")
    features = types.ModuleType("tidegate.features")
    features.transform = lambda **_: lambda function: function
    for name in ("Source", "Label", "Entity", "aggregate", "FeatureSet"):
        setattr(features, name, lambda *_, **__: None)
    features.Array = object
    return {"numpy": numpy, "tidegate.features": features}


def digests(file, code_of, digest):
    text = file.read_text(encoding="utf-8")
    linecache.cache[str(file)] = (len(text), None, text.splitlines(keepends=True), str(file))
    module = types.ModuleType("read_by_path")
    exec(compile(text, str(file), "exec"), vars(module))  # noqa: S102  the repository's own file
    functions = [each for each in vars(module).values() if isinstance(each, types.FunctionType)]
    return {
        each.__name__: digest(code_of(each)) for each in functions if each.__code__.co_filename == str(file)
    }


if __name__ == "__main__":
    sys.path.insert(0, str(CHECKOUT))
    sys.modules.update(stand_ins())
    from tidegate.feature_store.feature_hash import code_of, digest

    print(json.dumps([digests(Path(name), code_of, digest) for name in sys.argv[1:]]))  # noqa: T201  its answer
