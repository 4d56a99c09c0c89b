"""What processes exchange in a step, and that a failure, a stop or a kill of one of them is obeyed by all."""

import pytest
from support.commands import ends_of, on_processes, start_group

pytestmark = pytest.mark.trains


@pytest.mark.parametrize("count", [2, 3])
def test_a_step_waits_for_nothing_but_gradients_and_all_processes_fail_and_stop_together(count):
    on_processes(count, "step_worker.py", "all")


@pytest.mark.parametrize(("loss", "where"), [("coupled", "data"), ("images", "data"), ("images", "forward")])
def test_a_killed_process_is_noticed_by_the_others(loss, where):
    (code, errors), (killed, _) = ends_of(start_group(2, "step_worker.py", loss, where))
    assert (code, killed) == (0, -9), errors
