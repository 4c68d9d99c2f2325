"""The operator's door to charities, sponsors and platforms: the same commands, and no second person."""

from ops.clock import utc_now
from promises import span_around
from tests.integration.ops.cli.test_campaign import Command, Written, command, file, printed_json, refusal_of

__all__ = ["command", "file"]  # fixtures

OTHER = ("--scheme", "other", "--id", "6222020200112233999")


def test_an_account_is_changed_at_once_and_told_by_new_terms(command: Command, file: Written):
    path = file(*span_around(utc_now()))  # new terms need a day that is left
    command("campaign", "apply", path)
    answer = printed_json(command("charity", "set-account", "village-schools", *OTHER, "--json"))
    assert (answer["state"], answer["after"]) == ("done", {"account": {"scheme": "other", "id": OTHER[3]}})
    assert "unchanged" in command("charity", "set-account", "village-schools", *OTHER).stdout
    assert OTHER[3] in command("charity", "list").stdout
    assert "is registered with another account" in refusal_of(command("campaign", "apply", path, "--json"))
    assert refusal_of(command("charity", "set-account", "village-schools", "--iban", "GB00")).startswith(
        "account.iban: "
    )
    assert (
        refusal_of(command("charity", "set-account", "village-schools", "--scheme", "x"))
        == "account.id: Enter a value.\n"
    )
    for wrong in ((), ("--iban", "GB82WEST12345698765432", *OTHER)):
        unclear = command("charity", "set-account", "village-schools", *wrong)
        assert (unclear.exit_code, "either --iban" in unclear.stderr) == (2, True)
    assert refusal_of(command("charity", "set-account", "nobody", *OTHER)) == "There is no charity nobody.\n"


def test_who_is_disabled_is_named_by_no_new_promise(command: Command, file: Written):
    command("campaign", "apply", file())
    other = file(('slug = "rural-education"', 'slug = "other"'))
    [sponsor] = [row["sponsor"] for row in printed_json(command("sponsor", "list", "--json"))["sponsors"]]
    for group, name in (("charity", "village-schools"), ("sponsor", sponsor)):
        assert command(group, "disable", name).exit_code == 0
        assert "disabled" in command(group, "list").stdout
        assert "is disabled" in refusal_of(command("campaign", "apply", other, "--json"))
        assert command(group, "enable", name).exit_code == 0
    assert command("sponsor", "rename", sponsor, "Newer").exit_code == 0
    assert "named Newer now" in refusal_of(command("campaign", "apply", other, "--json"))


def test_a_platform_is_disabled_and_enabled(command: Command):
    command("platform", "add", "video")
    assert command("platform", "disable", "video").stdout == "video: disabled\n"
    listing = printed_json(command("platform", "list", "--json"))["platforms"]
    assert [(row["name"], row["is_disabled"], row["keys"][0]["last_used_at"]) for row in listing] == [
        ("video", True, None)
    ]
    output = command("platform", "list").stdout
    assert "disabled since" in output
    assert "never" in output
    assert command("platform", "enable", "video", "--json").exit_code == 0
    assert refusal_of(command("platform", "disable", "nobody")) == "There is no platform named nobody.\n"


def test_an_erasure_has_a_dry_run_and_leaves_an_audit_row_without_the_person(command: Command, file: Written):
    command("campaign", "apply", file())
    command("platform", "add", "video")
    erasure = ("person", "forget", "u-48213", "--campaign", "rural-education", "--platform", "video")
    assert command(*erasure, "--dry-run").stdout == "rural-education: 0 likes would no longer be linked to a person\n"
    assert "person.forget" not in command("audit", "list", "--json").stdout
    assert command(*erasure).stdout == "rural-education: 0 likes are no longer linked to a person\n"
    audit = command("audit", "list", "--json").stdout
    assert ("person.forget" in audit, "u-48213" in audit) == (True, False)


def test_a_slip_of_the_pen_is_refused_and_not_done_to_nobody(command: Command, file: Written):
    command("campaign", "apply", file())
    forgotten = command("person", "forget", "4854", "--campaign", "rural-education", "--platform", "vidoe")
    assert refusal_of(forgotten) == "There is no platform named vidoe.\n"
    assert refusal_of(command("payouts", "export", "stl_none")) == "There is no settlement stl_none.\n"
    assert (
        refusal_of(command("audit", "export", "nowhere/audit.csv"))
        == "nowhere/audit.csv: No such file or directory\n"
    )
