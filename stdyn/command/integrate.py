"""stdyn integrate"""

from pathlib import Path

from stdyn.command.group import cli
from stdyn.command.options import experiment_options, force_option, output_option
from stdyn.command.solving import solve_only_rule
from stdyn.model.experiment import Experiment


@cli.command("integrate")
@experiment_options(without=("method", "runs", "reduced_runs", "normals"), not_both=("rule",), rule="fa")
@output_option("data/ode.h5")
@force_option
def integrate_command(experiment: Experiment, output: Path | None, force: bool) -> None:
    """Integrate the ODEs into a file."""
    solve_only_rule("ode", experiment, output or Path("data/ode.h5"), force)
