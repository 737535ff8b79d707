"""Evidently: drift of a current file against a reference, and a summary. `... CURRENT REFERENCE`."""

import sys

from phases import Phases

phases = Phases()
with phases("import"):
    import pandas as pd
    from evidently import Report
    from evidently.presets import DataDriftPreset, DataSummaryPreset

TEXTS = ("plan", "region", "sku", "active")
NUMBERS = (
    "amount",
    "balance",
    "score",
    "lat",
    "lon",
    "f1",
    "f2",
    "f3",
    "age",
    "count",
    "zip",
    "tenure",
    "label",
)


def frame(path: str) -> pd.DataFrame:
    read = pd.read_parquet(path, columns=[*TEXTS, *NUMBERS])
    return read.astype(dict.fromkeys(TEXTS, str))


current_path, reference_path = sys.argv[1:]
with phases("read"):
    current, reference = frame(current_path), frame(reference_path)
with phases("drift"):
    Report([DataDriftPreset()]).run(current, reference)
with phases("summary"):
    Report([DataSummaryPreset()]).run(current, reference)
phases.tell(columns=len(current.columns))
