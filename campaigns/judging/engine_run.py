"""Run the engine beside the event loop: packed observations in, a judgement out.

The engine is pure Python and takes a second for some 25,000 likes. A small pass runs in a thread. A
large one runs in a process of its own, so that intake and requests keep the interpreter; the
process ends with the pass.
"""

import asyncio
import multiprocessing
from collections.abc import Collection, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from campaigns.authenticity.engine import Judgement, LikeKey, RuleFailed, judge
from campaigns.authenticity.observation import Observation
from campaigns.authenticity.observation_pack import unpack
from campaigns.authenticity.ruleset import Ruleset

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


async def run_engine(work: EngineInput, observations: int) -> EngineResult:
    """Return the judgement over the packed observations, about `observations` in number.

    Raises RuleFailed if a rule fails, and MalformedPack if stored bytes cannot be read.
    """
    if observations < PROCESS_FROM:
        return await asyncio.to_thread(judge_packed, work)
    context = multiprocessing.get_context("spawn")  # a fork would copy the event loop and its sockets
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        result = await asyncio.get_running_loop().run_in_executor(executor, _judge_or_name_rule, work)
    if isinstance(result, str):
        raise RuleFailed(result)
    return result


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


def _judge_or_name_rule(work: EngineInput) -> EngineResult | str:
    """Return the result, or the id of the rule that failed: its exception may not travel between processes."""
    try:
        return judge_packed(work)
    except RuleFailed as failed:
        return failed.rule
