"""The JSON of an answer, put together from pieces that are known before any request comes.

{"predictions": [...of tidegate.answers], "model": "the run that trained it",
 "vectors": [[number, text or null, ...], ...]}      the vectors where they are asked for
"""

from collections.abc import Sequence

import msgspec

from tidegate.serving import answers
from tidegate.serving.row_model import Answered


class AnswerBytes:
    """Of one model."""

    def __init__(self, task: str, classes: Sequence[str], run: str) -> None:
        self._task = task
        self._classes = classes
        self._encode = msgspec.json.Encoder().encode
        self._before, self._between, self._after = b"", b",", b""
        if task != "multiclass":  # each answer is one number, so its frame is known
            before, after = self._encode(answers.of(task, (), 0.0)).split(b"0.0")
            self._before, self._between, self._after = before, after + b"," + before, after
        self._model = self._encode(run)

    def json(self, found: Answered, *, vectors: bool) -> bytes:
        """One document."""
        parts = [b'{"predictions":[', self._predictions(found), b'],"model":', self._model]
        if vectors:
            parts += [b',"vectors":', self._encode(found.vectors())]
        return b"".join([*parts, b"}"])

    def lines(self, found: Answered) -> bytes:
        """One line for each prediction."""
        return b"".join(self._encode(self._answer(each)) + b"\n" for each in found.predictions)

    def _predictions(self, found: Answered) -> bytes:
        if self._task == "multiclass":
            return self._encode([self._answer(each) for each in found.predictions])[1:-1]
        numbers = self._encode(found.predictions)[1:-1]  # without the brackets
        return self._before + numbers.replace(b",", self._between) + self._after

    def _answer(self, prediction: float | list[float]) -> dict[str, object]:
        return answers.of(self._task, self._classes, prediction)
