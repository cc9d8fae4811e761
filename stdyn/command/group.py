"""The group of the subcommands, which each file of this folder adds its own to."""

import click

from stdyn import __version__

_NUMERALS = tuple("0123456789.")


class ManyValues(click.Command):
    """A command whose options that may be repeated take several values after one another, too: --widths 200 80."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        many = {flag for p in self.params if isinstance(p, click.Option) and p.multiple for flag in p.opts}
        flag, fresh, repeated = "", False, []
        for arg in args:
            if arg.startswith("-") and arg[1:2] not in _NUMERALS:
                flag, value_given, _ = arg.partition("=")
                fresh = not value_given
            elif flag in many and not fresh:
                repeated.append(flag)
            else:
                fresh = False
            repeated.append(arg)
        return super().parse_args(ctx, repeated)


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Online learning in student-teacher networks: simulation and theory of the same network.

    \b
    stdyn compare              the reference experiment: FA and BP, network runs laid on the ODEs
    stdyn compare --eta 0.2    the same with another parameter; every command lists them all with --help
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
