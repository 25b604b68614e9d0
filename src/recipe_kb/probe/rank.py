"""One of several processes that train together: `torchrun ... -m recipe_kb.probe.rank`, started by the leader."""

import os
import sys
import traceback
from pathlib import Path

from recipe_kb.probe.environ import SCRATCH, local_rank
from recipe_kb.probe.meeting import SAID, TASK, end_with_leader


def main() -> None:
    """Train, leave the result where the leader looks for it, and go.

    It goes without a farewell: taking down the backend can abort a process that has nothing left to do, and torchrun
    would end the others for it before they have told their result.
    """
    folder = Path(os.environ[SCRATCH])
    end_with_leader(folder)
    code = _train(folder)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _train(folder: Path) -> int:
    from recipe_kb.probe.messages import Finished, Message, Progress, Started, Task
    from recipe_kb.probe.rank_file import RankFile
    from recipe_kb.probe.session import train_here

    rank = int(os.environ["RANK"])
    file = RankFile(folder, rank)
    task = Task.model_validate_json((folder / TASK).read_bytes())
    with (folder / SAID).open("w", buffering=1, encoding="utf-8") as said:

        def tell(message: Message) -> None:
            if isinstance(message, Started):
                file.begin(message)
            if rank == 0 and isinstance(message, Started | Progress):
                said.write(message.model_dump_json() + "\n")

        try:
            _take_own_gpu(task.request.device)
            finished = train_here(task, tell)
        except BaseException as error:  # noqa: BLE001 - the end of a process: the leader has to tell it from its followers
            traceback.print_exc()
            last = traceback.format_exception_only(error)[-1].strip().partition("\n")[0]
            finished = Finished(failure="crash", reason=last)
        file.end(finished)
    return 0 if finished.failure is None else 1


def _take_own_gpu(device: str) -> None:
    import torch

    if device != "cpu" and torch.cuda.is_available():
        torch.cuda.set_device(local_rank())


if __name__ == "__main__":
    main()
