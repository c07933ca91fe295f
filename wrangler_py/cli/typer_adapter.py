"""Extends Typer with what this command line needs.

- Global options may come before or after a command's name, and have their own section in the help.
- A subcommand's module is imported, and a command of a group built, when it is called.
- Text, flags and whole numbers are converted without pydantic, which takes longer to import than most commands run.
- Several commands may share options: the fields of a dataclass.

Everything here overrides methods of Typer's classes. `tests/cli/test_typer_versions.py` runs it with the lowest and
the newest version that pyproject.toml allows.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command, get_command_name

from wrangler_py.build_kind import version_text
from wrangler_py.cli import printing
from wrangler_py.cli.commands import COMMANDS, help_text, unknown_command
from wrangler_py.cli.global_options import HELP, GivenOptions
from wrangler_py.cli.misplaced import check_place
from wrangler_py.errors import WranglerError
from wrangler_py.masking import is_connection_string

if TYPE_CHECKING:
    Parameter = TyperArgument | TyperOption

Function = TypeVar("Function", bound=Callable[..., Any])

# The classes of Click that Typer carries; they have no public name.
_UsageError: Any
_AnyError: Any
_, _UsageError, _AnyError, *_rest = typer.BadParameter.__mro__


def run(arguments: Sequence[str]) -> int:
    """Run the command that `arguments` name, and return the exit status. A mistake in them is printed."""
    try:
        root = _root()
        with root.make_context("wrangler-py", list(arguments), obj=GivenOptions()) as context:
            root.invoke(context)
    except typer.Exit as done:
        return int(done.exit_code)
    except (typer.Abort, EOFError):
        raise KeyboardInterrupt from None
    except _UsageError as failure:
        return _report(failure)
    except _AnyError as failure:
        printing.error(str(getattr(failure, "message", failure)))
        return 1
    return 0


COMPLETE = "_WRANGLER_PY_COMPLETE"
"""The variable by which the script of `completion_script` asks for completions."""


def completion_script(shell: str) -> str:
    """What makes `shell` ask this command line for completions."""
    from typer._completion_shared import get_completion_script

    return get_completion_script(prog_name="wrangler-py", complete_var=COMPLETE, shell=shell)


def complete(instruction: str) -> int:
    """Print the completions of the command line that a shell has put into variables; none if it is not valid."""
    from typer._completion_classes import completion_init
    from typer.completion import shell_complete

    completion_init()
    try:
        return shell_complete(_root(), {"obj": GivenOptions()}, "wrangler-py", COMPLETE, instruction)
    except (WranglerError, _AnyError, typer.Exit):
        return 0


def given_options() -> GivenOptions:
    """The global options of the running command."""
    from typer._click.globals import get_current_context

    given = get_current_context().obj
    assert isinstance(given, GivenOptions)
    return given


class App(typer.Typer):
    """A group of commands, or one command, with plain help and without an option to install completion."""

    def __init__(self, name: str | None = None, *, help: str | None = None, cls: Any = None) -> None:
        super().__init__(
            name=name,
            help=help,
            cls=cls or Group,
            # Rich takes longer to import than everything else together.
            rich_markup_mode=None,
            add_completion=False,
            no_args_is_help=True,
        )
        self.elsewhere: dict[str, tuple[str, str]] = {}

    def command_in(self, module: str, name: str, attribute: str | None = None) -> None:
        """Add the command `name`: a function of `module`, or an app with that command alone.

        The module is imported when the command is called, or the group's help is shown.
        """
        self.elsewhere[name] = (module, attribute or name)

    def command(
        self, name: str | None = None, *, cls: Any = None, **settings: Any
    ) -> Callable[[Function], Function]:
        """Add a command."""
        return super().command(name, cls=cls or Command, **settings)


class _Quick:
    """A parameter that takes text, flags and whole numbers as they are.

    Typer converts all other values, and reports those that are wrong.
    """

    def __init__(self, original: Parameter) -> None:
        vars(self).update(vars(original))

    def process_value(self: Any, ctx: Any, value: Any) -> Any:
        check_place(self, ctx, value)
        # Before 0.28, types are Click's and convert without pydantic.
        descriptor = getattr(self, "type_descriptor", None)
        if descriptor is not None and self.callback is None:
            kind = descriptor.annotation
            if value is None and not self.required:
                return None
            if isinstance(kind, type) and isinstance(value, kind):
                return value
            if kind is int and isinstance(value, str) and value.isdecimal() and self._allows(int(value)):
                return int(value)
        return super().process_value(ctx, value)  # type: ignore[misc]

    def _allows(self: Any, number: int) -> bool:
        return (self.min is None or self.min <= number) and (self.max is None or number <= self.max)


class _Option(_Quick, TyperOption):
    """An option of a command."""


class _Argument(_Quick, TyperArgument):
    """An argument of a command."""

    def get_usage_pieces(self, ctx: Any) -> list[str]:
        pieces = super().get_usage_pieces(ctx)
        if not self.required:
            return pieces
        # Later versions put a required argument in braces, which elsewhere mean a choice.
        return [piece.removeprefix("{").removesuffix("}") for piece in pieces]


class _GlobalOption(TyperOption):
    """An option of every command; it acts on the context's object instead of going to the command's function."""

    def __init__(self, original: TyperOption) -> None:
        vars(self).update(vars(original))

    def process_value(self, ctx: Any, value: Any) -> Any:
        if not (value or value == ""):
            return value
        if self.name in ("show_help", "version"):
            if ctx.resilient_parsing:  # a shell completes the line
                return value
            printing.out(version_text() if self.name == "version" else ctx.get_help())
            raise typer.Exit
        check_place(self, ctx, value)
        ctx.obj.record(self.name, value)
        return value


class _WithGlobalOptions:
    """A command or group that takes the global options beside its own."""

    def __init__(self, *positional: Any, params: Sequence[Any] = (), **settings: Any) -> None:
        own = [_Option(each) if isinstance(each, TyperOption) else _Argument(each) for each in params]
        flags = {flag for each in own for flag in each.opts}
        shared = [each for each in _global_options() if flags.isdisjoint(each.opts)]
        settings["add_help_option"] = False  # help is one of the global options
        super().__init__(*positional, params=[*own, *shared], **settings)  # type: ignore[call-arg]

    def get_help(self: Any, ctx: Any) -> str:
        text = str(super().get_help(ctx)).rstrip()  # type: ignore[misc]
        return text if ctx.parent is None else f"{text}\n\n{HELP}"

    def shell_complete(self: Any, ctx: Any, incomplete: str) -> list[Any]:
        from typer._click.shell_completion import CompletionItem

        found: list[Any] = super().shell_complete(ctx, incomplete)  # type: ignore[misc]
        if incomplete.startswith("-"):
            flags = [flag for each in _global_options() for flag in each.opts]
            found += [CompletionItem(flag) for flag in flags if flag.startswith(incomplete)]
        return found


class Command(_WithGlobalOptions, TyperCommand):
    """A command. A subclass may override `parse_args(ctx, args)`, which returns the arguments that are left."""


class Group(_WithGlobalOptions, TyperGroup):
    """A group of commands."""


class _Commands(Mapping[str, Any]):
    """The commands of an app by their names, each built when it is looked up."""

    def __init__(self, app: App) -> None:
        self._elsewhere = app.elsewhere
        self._infos = {
            info.name or get_command_name(info.callback.__name__): info
            for info in app.registered_commands
            if info.callback is not None
        }

    def __getitem__(self, name: str) -> Any:
        if name in self._elsewhere:
            return _command_of(name, *self._elsewhere[name])
        single = App()
        single.registered_commands.append(self._infos[name])
        return get_command(single)

    def __iter__(self) -> Iterator[str]:
        return iter((*self._infos, *self._elsewhere))

    def __len__(self) -> int:
        return len(self._infos) + len(self._elsewhere)


def _group(app: App) -> Any:
    """The group of `app`, of which a command is built when it is called."""

    class Lazy(Group):
        def __init__(self, *positional: Any, **settings: Any) -> None:
            super().__init__(*positional, **settings)
            commands: Any = _Commands(app)
            self.commands = commands

        def list_commands(self, ctx: Any) -> list[str]:
            return list(self.commands)

    empty = App(help=app.info.help, cls=Lazy)

    @empty.callback()
    def group() -> None:
        """Does nothing itself."""

    return get_command(empty)


class _LazyGroup(Group):
    """The top level: a subcommand's module is imported when that subcommand is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return load(cmd_name) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            if is_connection_string(name):
                raise WranglerError(
                    "This is a connection string, not a command.",
                    hint="`wrangler-py --help` lists the commands.",
                    exit_status=2,
                )
            message, hint = unknown_command(name)
            raise WranglerError(message, hint=hint, exit_status=2)
        _, command, rest = super().resolve_command(ctx, args)
        return name, command, rest

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(help_text() + "\n")


def _root() -> Any:
    app = App(cls=_LazyGroup)

    @app.callback()
    def top_level() -> None:
        """Does nothing itself."""

    return get_command(app)


def load(name: str) -> Any:
    """The command object of the subcommand `name`."""
    subcommand = COMMANDS[name]
    return _command_of(name, subcommand.module, subcommand.attribute)


def _command_of(name: str, module: str, attribute: str) -> Any:
    """The command `name`, which is a function or an app of `module`."""
    target = getattr(importlib.import_module(module), attribute)
    if not isinstance(target, App):
        assert not isinstance(target, typer.Typer), f"{module}: a plain Typer has no global options"
        function, target = target, App()
        target.command(name)(function)
    is_group = len(target.registered_commands) + len(target.elsewhere) > 1
    return _group(target) if is_group and not target.registered_groups else get_command(target)


@cache
def _global_options() -> tuple[_GlobalOption, ...]:
    """The global options as the parser knows them: hidden, since the help prints them apart."""

    def signature(
        config: Annotated[Path | None, typer.Option("--config", "-c", hidden=True, expose_value=False)] = None,
        cwd: Annotated[Path | None, typer.Option("--cwd", hidden=True, expose_value=False)] = None,
        environment: Annotated[str | None, typer.Option("--env", "-e", hidden=True, expose_value=False)] = None,
        env_files: Annotated[list[Path] | None, typer.Option("--env-file", hidden=True, expose_value=False)] = None,
        show_help: Annotated[
            bool, typer.Option("--help", "-h", is_eager=True, hidden=True, expose_value=False)
        ] = False,
        version: Annotated[
            bool, typer.Option("--version", "-v", is_eager=True, hidden=True, expose_value=False)
        ] = False,
    ) -> None:
        """Only its parameters are used."""

    app = typer.Typer(add_completion=False)
    app.command(add_help_option=False)(signature)
    return tuple(map(_GlobalOption, get_command(app).params))  # type: ignore[arg-type]


def spread_options(function: Function) -> Function:
    """`function` with an option or argument for each field of its dataclass parameters. Decorates a command."""
    groups: dict[str, Any] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        kind = parameter.annotation
        if isinstance(kind, type) and is_dataclass(kind):
            groups[parameter.name] = kind
            hints = inspect.get_annotations(kind, eval_str=True)
            parameters += [
                inspect.Parameter(
                    each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=hints[each.name]
                )
                for each in fields(kind)
            ]
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
    if not groups:
        return function

    def command(**values: Any) -> Any:
        for name, group in groups.items():
            values[name] = group(**{each.name: values.pop(each.name) for each in fields(group)})
        return function(**values)

    command.__name__ = function.__name__
    command.__doc__ = function.__doc__
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command  # type: ignore[return-value]


def _report(failure: Any) -> int:
    context = failure.ctx
    if type(failure).__name__ == "NoArgsIsHelpError":
        printing.out(context.get_help())
        return 0
    hint = None
    if context is not None:
        hint = f"{context.get_usage()}\nRun `{context.command_path} --help` for more."
    message = failure.format_message()
    for pattern, plain in _PLAIN:
        message = re.sub(pattern, plain, message, flags=re.DOTALL)
    printing.error(message, hint)
    return 2


_PLAIN = (
    (r"Value error, ", ""),
    (r"Got unexpected extra argument\(?s?\)? \((.*)\)", r"Unexpected argument: \1"),
    (r"Input should be a valid integer\b.*", "it must be a whole number."),
    (r"Input should be (less|greater) than or equal to (-?\d+)", r"it must be \1 than or equal to \2."),
    (r"\. Choose from:\s*(.*)", r". Choose from: \1"),
    (r",\s+", ", "),
    (r" \(Possible options: (.*)\)", r". Did you mean \1?"),
)
"""Messages of pydantic and Typer, and what replaces them."""
