"""A process with one transformers version: a request per line on stdin, an answer per line on stdout.

Request: `{"spec": {...}, "also": ["rules", "mem_tracker"]}`.
Answer: `{"id", "transformers", "prediction": {...}}` or `{"id", ..., "reason": "..."}`, and what else was asked,
each as its own dict, or `{"reason": "..."}` where it failed.
"""

import json
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import transformers

from accuracy.predict import predict_row
from accuracy.spec import CannotPredictError, RowSpec

Work = Callable[[RowSpec], dict[str, Any]]


def _prediction(spec: RowSpec) -> dict[str, Any]:
    return {"prediction": asdict(predict_row(spec))}


def _rules(spec: RowSpec) -> dict[str, Any]:
    from accuracy.rules import rules_of_thumb

    return rules_of_thumb(spec)


def _mem_tracker(spec: RowSpec) -> dict[str, Any]:
    from accuracy.mem_tracker import tracked_peak

    return tracked_peak(spec)


ALSO: dict[str, Work] = {"rules": _rules, "mem_tracker": _mem_tracker}
"""What can be asked for besides a prediction; imported only if it is, because it takes seconds."""


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Answer one request; whatever goes wrong becomes the reason of this row and leaves the others alone."""
    spec = RowSpec.from_json(request["spec"])
    given: dict[str, Any] = {"id": spec.id, "transformers": transformers.__version__}
    given |= _attempt(_prediction, spec)
    comparable = spec.optimizer != "none" and spec.configuration is None
    for name in request["also"] if comparable else ():
        given[name] = _attempt(ALSO[name], spec)
    return given


def _attempt(work: Work, spec: RowSpec) -> dict[str, Any]:
    try:
        return work(spec)
    except CannotPredictError as error:
        return {"reason": str(error)}
    except Exception as error:  # noqa: BLE001  the row is reported with it
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{os.path.basename(frame.filename)}:{frame.lineno}"  # noqa: PTH119
        return {"reason": f"{type(error).__name__} at {where}: {str(error).partition(chr(10))[0]}"}


def main() -> None:
    """Answer until stdin ends; whatever libraries print goes to stderr."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        out.write(json.dumps(answer(json.loads(line))) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
