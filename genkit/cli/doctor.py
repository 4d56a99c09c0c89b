"""``genkit doctor``: the installation, and what is wrong with it."""

from __future__ import annotations

import json as json_format

from genkit.cli.arguments.options import Json


def doctor(json: Json = False) -> None:
    """Show versions, devices and plugins, and report problems.

    The exit code is 1 if there is a problem.
    """
    from genkit.errors import RunError
    from genkit.runs.installation import installation_facts, installation_problems

    facts, problems = installation_facts(), installation_problems()
    if json:
        print(json_format.dumps({"facts": facts, "problems": problems}))
    else:
        width = max(map(len, facts))
        print("\n".join(f"{name:{width}}  {value}" for name, value in facts.items()))
        print("\n".join(f"problem: {problem}" for problem in problems) or "no problems found")
    if problems:
        raise RunError(f"{len(problems)} problem{'s' * (len(problems) > 1)} found")
