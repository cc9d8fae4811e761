"""The group of the subcommands, which each file of this folder adds its own to."""

from typing import Any

import click
from click.shell_completion import CompletionItem

from stdyn import __version__
from stdyn.errors import InputError

_OPEN = "stdyn.open"  # in a context's meta: the option to which the next value on the command line belongs
_NUMERALS = tuple("0123456789.")


class GivenOnce(click.Command):
    """A command of which no option that takes one value is given twice: click would keep the last, without a word."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given, help_option = self._given(ctx, args), self.get_help_option(ctx)
        helped = ctx.resilient_parsing or (help_option is not None and help_option.name in given)
        for option in self.params if not helped else ():
            values, name = given.get(option.name or "", ()), max(option.opts, key=len)
            if not isinstance(option, click.Option) or option.multiple or len(values) < 2:
                continue
            if not option.is_flag:
                often = "twice" if len(values) == 2 else f"{len(values)} times"
                raise InputError(f"{name} is given {often}: {', '.join(values)}")
            if len(set(values)) > 1:
                raise InputError(f"{name} and {option.secondary_opts[0]} exclude each other")
        return super().parse_args(ctx, args)

    def _given(self, ctx: click.Context, args: list[str]) -> dict[str, Any]:
        """All that is given of each option, in order."""
        parser = self.make_parser(ctx)
        for option in (p for p in self.params if isinstance(p, click.Option)):
            if not option.is_flag:
                parser.add_option(option, option.opts, option.name, "append", option.nargs)
                continue
            for opts, value in (option.opts, True), (option.secondary_opts, False):
                if opts:
                    parser.add_option(option, opts, option.name, "append_const", const=value)
        return dict(parser.parse_args(list(args))[0])


class ManyValues(GivenOnce):
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
        ctx.meta[_OPEN] = flag if flag in many else ""
        return super().parse_args(ctx, repeated)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The values of an option that may have more, as click completes those of its first."""
        for option in self.params if not incomplete.startswith("-") else ():
            if ctx.meta[_OPEN] in option.opts:
                return option.shell_complete(ctx, incomplete)
        return super().shell_complete(ctx, incomplete)


class _Group(click.Group):
    """Its commands refuse an option that is given twice; Ctrl-C is no empty line, as it is in click."""

    command_class = GivenOnce

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise click.Abort from error


@click.group(
    cls=_Group,
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
