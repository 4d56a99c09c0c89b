"""What `run` and `resume` share: train in a folder, tell of it, and say what to do next."""

from __future__ import annotations

import json
from contextlib import ExitStack

from genkit.engine.world import World
from genkit.errors import Interrupted, RunError
from genkit.folder import RunFolder
from genkit.plan import Plan
from genkit.report.results import print_results
from genkit.report.terminal import Voice
from genkit.run import run


def train_in(folder: RunFolder, plan: Plan, world: World, voice: Voice, as_json: bool) -> None:
    """Train in the folder, from wherever it stands, and print the numbers and the next commands."""
    try:
        with ExitStack() as held:
            # Through `on_main`, so that a run in use is refused on every process: one that went on alone would wait.
            world.on_main(lambda: held.enter_context(folder.locked()))
            progress = held.enter_context(voice.progress(plan.steps))
            results = run(plan, folder, world, progress)
    except Interrupted as stopped:
        processes = f" --processes {world.size}" if world.size > 1 else ""
        raise Interrupted(f"{stopped} Go on with: genkit resume {folder.path}{processes}") from None
    except OSError as error:
        raise RunError(
            f"{error}. Checkpoints already written are kept; mend that, then: genkit resume {folder.path}"
        ) from error
    finally:
        world.close()

    if not world.is_main:
        return
    if as_json:
        print(json.dumps({"run": str(folder.path), "results": [result.as_dict() for result in results]}))
        return
    print_results(results, voice)
    pictures = sorted(folder.samples.glob(f"step-{plan.steps:08d}*.png"))
    voice.remark("pictures  " + "\n          ".join(str(path) for path in [*pictures, folder.path / "curves.png"]))
    voice.say(f"run       {folder.path}")
    voice.remark(f"next      genkit sample {folder.path}")
    voice.remark(f"          genkit eval {folder.path}")
