"""Run the engine beside the event loop: packed observations in, a judgement out.

The engine is pure Python and takes a second for some 25,000 likes. A small pass runs in a thread. A
large one runs in a process of its own, so that intake and requests keep the interpreter; the
process ends with the pass.
"""

import asyncio
import os
import pickle
import sys
from collections.abc import Collection, Sequence
from typing import NamedTuple

from campaigns.authenticity.engine import Judgement, LikeKey, RuleFailed, judge
from campaigns.authenticity.observation import Observation
from campaigns.authenticity.observation_pack import unpack
from campaigns.authenticity.ruleset import Ruleset

_SECRETS_PREFIX = "LIKE_LEDGER_"  # settings: the engine needs none
PROCESS_FROM = 20_000  # observations: below, starting a process takes longer than judging


class EngineInput(NamedTuple):
    """The work of a pass: observations with an event in [from_us, before_us) are judged."""

    packed: Sequence[bytes]
    ruleset: Ruleset
    timezone: str
    from_us: int
    before_us: int
    candidates: Collection[LikeKey] = ()  # likes: the caller asks whether their observation was read


class EngineResult(NamedTuple):
    """The judgement, and the candidates whose observation was read."""

    judgement: Judgement
    seen: frozenset[LikeKey]


class EngineStopped(Exception):
    """The process of the engine ended before its time."""


async def run_engine(work: EngineInput, observations: int) -> EngineResult:
    """Return the judgement over the packed observations, about `observations` in number.

    Raises RuleFailed if a rule fails, MalformedPack if stored bytes cannot be read, and EngineStopped.
    """
    if observations < PROCESS_FROM:
        return await asyncio.to_thread(judge_packed, work)
    request = await asyncio.to_thread(pickle.dumps, work)
    result = await asyncio.to_thread(pickle.loads, await _call_process(request))
    if isinstance(result, str):
        raise RuleFailed(result)
    if not isinstance(result, EngineResult):
        raise EngineStopped
    return result


async def _call_process(request: bytes) -> bytes:
    """Return the response of a process of the engine; ends the process if this work is cancelled."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith(_SECRETS_PREFIX)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**settings, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    try:
        response, _ = await process.communicate(request)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise EngineStopped(f"the process of the engine ended with status {process.returncode}")
    return response


def judge_packed(work: EngineInput) -> EngineResult:
    """Return the judgement over packed observations. Pure."""
    observations: list[Observation] = [
        observation
        for packed in work.packed
        for observation in unpack(packed)
        if work.from_us <= observation.event_us < work.before_us
    ]
    judgement = judge(observations, work.ruleset, work.timezone)
    wanted = frozenset(work.candidates)
    seen = wanted.intersection((o.person, o.content) for o in observations) if wanted else wanted
    return EngineResult(judgement, seen)


def judge_or_name_rule(work: EngineInput) -> EngineResult | str:
    """Return the result, or the id of the rule that failed: its exception may not travel between processes."""
    try:
        return judge_packed(work)
    except RuleFailed as failed:
        return failed.rule


def main() -> None:
    """Judge the work on standard input, and write the result to standard output."""
    # Called by its full name: a class of `__main__` could not be read by the other process.
    from campaigns.judging.engine_run import judge_or_name_rule  # noqa: PLC0415

    work: EngineInput = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started this one
    sys.stdout.buffer.write(pickle.dumps(judge_or_name_rule(work)))


if __name__ == "__main__":
    main()
