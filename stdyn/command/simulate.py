"""stdyn simulate"""

from pathlib import Path

from stdyn.command.group import cli
from stdyn.command.options import experiment_options, force_option, output_option
from stdyn.command.solving import solve_only_rule
from stdyn.errors import InputError
from stdyn.model.experiment import Experiment


@cli.command("simulate")
@experiment_options(
    without=("ode_method", "rtol", "reduced_runs"), not_both=("rule", "method"), rule="fa", method="network"
)
@output_option("data/network.h5 or data/reduced.h5")
@force_option
def simulate_command(experiment: Experiment, output: Path | None, force: bool) -> None:
    """Simulate networks of N inputs into a file.

    With --method reduced, the order parameters alone are simulated: the same law, at a cost that does not depend on N.
    """
    if len(experiment.methods) > 1:
        raise InputError('method must be "network" or "reduced" here; stdyn compare simulates by both')
    solve_only_rule(experiment.method, experiment, output or Path(f"data/{experiment.method}.h5"), force)
