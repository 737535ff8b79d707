"""Lets atheris change files, guided by which lines of the product they reach, until time is up or one falls.

    python tests/fuzz csv --seconds 60        also: jsonl, parquet, notifications, manifest

Ends with 0 when every file gave rows or a refusal. What an input that did not is like is left in --artefacts.
"""

import argparse
import resource
import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
with atheris.instrument_imports(include=["tidegate"]):
    import test_reader_fuzz as fuzz

    from tidegate.errors import DropUnreadableError
    from tidegate.ingestion.manifest import parse

MEMORY_BYTES = 3 << 30
INPUT_BYTES = 1 << 16
MANIFEST = b'{"entries": [{"url": "s3://raw/a.csv", "mandatory": true, "meta": {"content_length": 3}}]}'


def manifest(body: bytes) -> None:
    try:
        parse(body, bucket="raw")
    except DropUnreadableError:
        return


TARGETS = {
    "csv": lambda body: fuzz.read_to_the_end(body, "p.csv"),
    "jsonl": lambda body: fuzz.read_to_the_end(body, "p.jsonl"),
    "parquet": lambda body: fuzz.read_to_the_end(body, "p.parquet"),
    "notifications": lambda body: fuzz.understand(body.decode("utf-8", "replace")),
    "manifest": manifest,
}


def seeds(target: str) -> list[bytes]:
    if target == "notifications":
        return [fuzz.json.dumps(fuzz.EVENT).encode()]
    if target == "manifest":
        return [MANIFEST]
    return [body for key, body in fuzz.SOUND.items() if key.endswith(f".{target}")]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("target", choices=TARGETS)
    options.add_argument("--seconds", type=int, default=60)
    options.add_argument("--artefacts", type=Path, default=Path(tempfile.gettempdir()))
    chosen = options.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    corpus = Path(tempfile.mkdtemp())
    for number, seed in enumerate(seeds(chosen.target)):
        (corpus / f"seed-{number}").write_bytes(seed)
    settings = [
        f"-max_total_time={chosen.seconds}",
        f"-max_len={INPUT_BYTES}",
        f"-artifact_prefix={chosen.artefacts}/",
        "-timeout=20",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *settings, str(corpus)], TARGETS[chosen.target])
    atheris.Fuzz()


main()
