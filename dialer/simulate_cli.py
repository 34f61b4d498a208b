"""`dialer simulate`: a pacing policy on a floor described by a file, and what-if studies for managers."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from dialer.simulate_tables import print_outlooks, print_run
from domain.clock import SystemClock
from pacing.recording import Recorder, RecordingError, replay
from pacing.settings import SettingsError
from pacing.simulation.policies import KNOWN, PolicyError, policy_named
from pacing.simulation.study import LEAST_SHIFTS, Question, answer, standard_floor
from pacing.simulation.workload import Workload, WorkloadError, parse
from pacing.simulation.world import World

app = typer.Typer(help="Try pacing on a simulated floor.", invoke_without_command=True, no_args_is_help=True)

WorkloadFile = Annotated[Path | None, typer.Option("--workload", help="Workload file (JSON).", show_default=False)]
PolicyName = Annotated[str, typer.Option("--policy", help="; ".join(KNOWN))]


@app.callback()
def simulate(
    context: typer.Context,
    workload: WorkloadFile = None,
    policy: PolicyName = "predictive",
    seed: Annotated[int | None, typer.Option(help="Seed of the random numbers; default: the workload's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    record: Annotated[Path | None, typer.Option(help="Write every snapshot and decision here.")] = None,
) -> None:
    """Run one policy on the floor a workload file describes."""
    if context.invoked_subcommand is not None:
        return
    if workload is None:
        _fail("name a workload file with --workload, or use `what-if` or `replay`")
    try:
        chosen = policy_named(policy)  # before the workload is read: it can know nothing of it
    except PolicyError as error:
        _fail(str(error))
    load = _read(workload)
    world = World(load, chosen, load.seed if seed is None else seed)
    result = _run_recorded(load, world, record, policy)
    if as_json:
        sys.stdout.write(json.dumps(result, allow_nan=False) + "\n")
    else:
        print_run(result)


def _run_recorded(load: Workload, world: World, record: Path | None, policy: str) -> dict[str, object]:
    world.stopwatch = SystemClock().monotonic
    if record is None:
        measured = world.run()
    else:
        try:
            with record.open("w", encoding="utf-8") as file:
                world.watcher = Recorder(file.write, policy)
                measured = world.run()
        except OSError as error:
            _fail(f"cannot write {record}: {error.strerror}; choose another file")
    return {"workload": load.name, "policy": world.policy.name, "seed": world.seed, **measured.report()}


def _read(path: Path) -> Workload:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return parse(document)
    except OSError as error:
        _fail(f"cannot read {path}: {error.strerror}")
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        _fail(f"{path} is not a JSON file")
    except WorkloadError as error:
        _fail(f"{path}: {error}")
    except ValueError:  # the reader of JSON gives up on an integer of thousands of digits
        _fail(f"{path} holds an integer with thousands of digits: give a number that can be")


def _fail(words: str, status: int = 2) -> NoReturn:
    Console(stderr=True).print(f"simulate: {words}", style="red", highlight=False, markup=False)
    raise typer.Exit(status)


@app.command("replay")
def replay_recording(recording: Annotated[Path, typer.Argument(help="A file written by --record.")]) -> None:
    """Take every recorded decision again, by the policy that took it, and compare, byte for byte."""
    decisions = different = 0
    try:
        with recording.open(encoding="utf-8") as file:
            for recorded, again in replay(file, lambda name: policy_named(name).decide):
                decisions += 1
                different += recorded != again
    except (OSError, UnicodeDecodeError) as error:
        _fail(f"cannot read {recording}: {error}")
    except RecordingError as error:
        _fail(f"{recording}: {error}")
    if not decisions:
        _fail(f"{recording} holds no decision: there is nothing to compare", status=1)
    Console().print(f"{decisions} decisions taken again, {different} different", highlight=False)
    if different:
        raise typer.Exit(1)


@app.command("what-if")
def what_if(
    agents: Annotated[str, typer.Option(help="Team sizes to compare, as 12,20,30.")],
    answer_rate: Annotated[float, typer.Option(help="Share of dials that reach a person, as 0.18.")],
    talk_s: Annotated[float, typer.Option(help="Mean talk time in seconds.")] = 120.0,
    wrap_s: Annotated[float, typer.Option(help="Mean wrap-up time in seconds.")] = 25.0,
    policy: PolicyName = "predictive",
    hours: Annotated[float, typer.Option(help="Length of a shift.")] = 4.0,
    shifts: Annotated[int, typer.Option(help="Shifts to simulate for each team size.", min=LEAST_SHIFTS, max=200)] = 6,
    target: Annotated[float, typer.Option(help="Share of live answers that may be abandoned.")] = 0.03,
    picture: Annotated[Path | None, typer.Option(help="Write the picture (SVG) here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """What would other teams do? Utilisation, conversations and abandoned calls, with 95 % intervals."""
    try:
        policy_named(policy)
        sizes = [int(part) for part in agents.split(",")]
        questions = [
            Question(standard_floor(n, answer_rate, talk_s, wrap_s, hours, target), policy, shifts) for n in sizes
        ]
    except (PolicyError, SettingsError, WorkloadError) as error:
        _fail(str(error))
    except ValueError:
        _fail(f"--agents {agents!r}: whole numbers separated by commas are expected")
    outlooks = [answer(question) for question in questions]
    if picture is not None:
        from pacing.simulation.picture import outlook_svg

        try:
            picture.write_text(outlook_svg(outlooks), encoding="utf-8")
        except OSError as error:
            _fail(f"cannot write {picture}: {error.strerror}; choose another file")
    if as_json:
        sys.stdout.write(json.dumps([outlook.as_dict() for outlook in outlooks], allow_nan=False) + "\n")
    else:
        print_outlooks(outlooks, f"{policy}, {shifts} shifts of {hours:g} h")
