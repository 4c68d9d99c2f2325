"""Which case a like belongs to: the same people stay together, and no like is in two cases."""

from datetime import UTC, datetime

import pytest

from campaigns.authenticity.engine import Finding, LikeKey
from campaigns.judging.case_plan import BREAKER, COUNTING, HELD, CaseChange, CaseInput, OpenCase, plan_cases

NOW = datetime(2026, 11, 10, tzinfo=UTC)


def like(person: str, content: str = "c") -> LikeKey:
    return person.encode().ljust(16), content


def likes(people: str, contents: str = "c") -> tuple[LikeKey, ...]:
    return tuple(sorted(like(person, content) for person in people for content in contents))


def finding(rule: str, held_likes: tuple[LikeKey, ...] = (), case: tuple[LikeKey, ...] = ()) -> Finding:
    return Finding(rule, "device", (("people", len({key[0] for key in (*held_likes, *case)})),), held_likes, case, ())


def open_case(case_id: str, people: str, kind=HELD) -> OpenCase:
    return OpenCase(case_id, kind, frozenset(person.encode().ljust(16) for person in people))


def plan(findings, *, held_likes=(), counting=(), cases=(), breakers=()) -> list[CaseChange]:
    case_input = CaseInput(findings, held_likes, counting, cases, breakers)
    return plan_cases(case_input, "slug", NOW)


def members(changes: list[CaseChange]) -> list[str]:
    """Return, for each case, whether it is new and whose likes come into it."""
    return [
        ("new " if change.is_new else f"{change.case_id} ")
        + "".join(f"{person.decode().strip()}{content}" for person, content in change.likes)
        for change in changes
    ]


@pytest.mark.parametrize(
    ("findings", "held_likes", "cases", "expected"),
    [
        pytest.param([finding("a", likes("xy"))], likes("xy"), [], ["new xcyc"], id="a finding opens a case"),
        pytest.param(
            [finding("a", likes("xy")), finding("b", likes("xy", "cd"))],
            likes("xy", "cd"),
            [],
            ["new xcxdycyd"],
            id="the finding with most of a person's likes wins",
        ),
        pytest.param(
            [finding("b", likes("xy")), finding("a", likes("xz"))],
            likes("xyz"),
            [],
            ["new xczc", "new yc"],
            id="a tie goes to the lesser rule id",
        ),
        pytest.param(
            [finding("a", likes("xy"))],
            likes("xy", "cd"),
            [open_case("cas_1", "x")],
            ["cas_1 xcxdyc"],
            id="a person stays in a case, and new people of the finding join it",
        ),
        pytest.param(
            [finding("a", likes("wxyz"))],
            likes("z"),
            [open_case("cas_1", "w"), open_case("cas_2", "xy")],
            ["cas_2 zc"],
            id="new people join the case with most of the finding's people",
        ),
        pytest.param(
            [finding("a", likes("wxy"))],
            likes("y"),
            [open_case("cas_2", "w"), open_case("cas_1", "x")],
            ["cas_1 yc"],
            id="a tie goes to the lesser case id",
        ),
        pytest.param(
            [finding("a", likes("xy"))],
            likes("y"),
            [open_case("cas_1", "x", COUNTING)],
            ["new yc"],
            id="held likes do not join a case whose likes count",
        ),
        pytest.param([], likes("x"), [open_case("cas_1", "x")], ["cas_1 xc"], id="a person stays without a finding"),
    ],
)
def test_a_held_like_belongs_to_one_case(findings, held_likes, cases, expected):
    assert members(plan(findings, held_likes=held_likes, cases=cases)) == expected


@pytest.mark.parametrize(("breakers", "kind"), [((), COUNTING), (("device.crowd",), BREAKER), (("other",), COUNTING)])
def test_a_settlement_waits_for_the_cases_of_rules_that_tripped_the_breaker(breakers, kind):
    findings = [finding("device.crowd", (), likes("xy"))]
    [change] = plan(findings, counting=likes("xy"), breakers=breakers)
    assert (change.kind, change.is_new, change.evidence) == (kind, True, {"people": 2})


def test_a_held_like_is_not_also_in_a_case_whose_likes_count():
    findings = [finding("a", likes("x"), likes("y"))]
    changes = plan(findings, held_likes=likes("x"), counting=likes("xy"))
    assert [(change.kind, change.likes) for change in changes] == [(HELD, likes("x")), (COUNTING, likes("y"))]


def test_late_likes_of_a_finding_come_into_a_case_whose_likes_count():
    [change] = plan([finding("a", likes("xy"))], counting=likes("xy"))
    assert (change.kind, change.likes) == (COUNTING, likes("xy"))


def test_the_order_of_findings_and_likes_changes_nothing():
    findings = [finding("b", likes("xy", "cd")), finding("a", likes("yz")), finding("c", likes("vw"))]
    likes_held = likes("vwxyz", "cd")
    assert plan(findings, held_likes=likes_held) == plan(findings[::-1], held_likes=likes_held[::-1])
