"""The Dockerfile and the compose file, as far as they can be held to something by reading them."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parents[4]


def stages() -> list[list[tuple[str, str]]]:
    """Return the Dockerfile's stages, each a list of instruction and argument."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    stages_read: list[list[tuple[str, str]]] = []
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "FROM":
            stages_read.append([])
        stages_read[-1].append((word, rest))
    return stages_read


def argument(word: str) -> str:
    """Return the last argument of an instruction in the stage that is shipped."""
    return [rest for instruction, rest in stages()[-1] if instruction == word][-1]


def read_compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "ops/deploy/compose.yaml").read_text(encoding="utf-8"))
    return loaded


def test_what_installs_is_not_what_is_shipped() -> None:
    assert len(stages()) == 2
    assert not [rest for word, rest in stages()[-1] if word == "RUN" and "pip" in rest]


def test_everything_installed_has_its_hash() -> None:
    installs = [rest for stage in stages() for word, rest in stage if word == "RUN" and "pip install" in rest]
    assert len(installs) == 1
    assert "--require-hashes" in installs[0]


def test_it_does_not_run_as_root() -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", argument("USER"))


def test_its_health_is_asked_for_without_a_program_that_the_image_lacks() -> None:
    health = argument("HEALTHCHECK")
    assert "/live" in health
    assert '["python", "-c"' in health


def test_no_secret_is_baked_in() -> None:
    baked = " ".join(rest for stage in stages() for word, rest in stage if word in {"ENV", "ARG"})
    assert not re.search(r"KEY|PASSWORD|SECRET|TOKEN|DATABASE_URL", baked)


def test_what_is_copied_exists_and_reaches_the_build() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [rest.split() for stage in stages() for word, rest in stage if word == "COPY" and "--from" not in rest]
    for words in copied:
        source = next(word for word in words if not word.startswith("--"))
        assert (ROOT / source).exists(), source
        assert f"!{source}" in ignored, source


def test_every_house_is_shipped() -> None:
    copied = " ".join(rest for word, rest in stages()[0] if word == "COPY")
    assert all(f"{house} /opt/like-ledger/{house}" in copied for house in ("ledger", "campaigns", "ops", "sql"))


@pytest.mark.parametrize("service", ["database", "like-ledger"])
def test_a_service_that_stays_has_a_health_check(service: str) -> None:
    assert read_compose()["services"][service]["healthcheck"]["test"][0] == "CMD"


def test_no_password_stands_in_the_compose_file() -> None:
    for name, service in read_compose()["services"].items():
        for setting, value in service["environment"].items():
            if re.search(r"PASSWORD|KEY", setting):
                assert re.fullmatch(r"\$\{\w+:\?.+\}", value), f"{name}: {setting}"


def test_the_service_serves_by_a_role_that_owns_nothing() -> None:
    services = read_compose()["services"]
    assert "//like_ledger_owner:" in services["migrate"]["environment"][PREFIX + "DATABASE_URL"]
    assert "//like_ledger_app:" in services["like-ledger"]["environment"][PREFIX + "DATABASE_URL"]
    assert "--no-migrate" in services["like-ledger"]["command"]


def test_every_secret_that_is_asked_for_is_in_the_example() -> None:
    variables = set(re.findall(r"\$\{(\w+)", (ROOT / "ops/deploy/compose.yaml").read_text(encoding="utf-8")))
    example = (ROOT / "ops/deploy/secrets.example").read_text(encoding="utf-8")
    assert variables == set(re.findall(r"^(\w+)=$", example, re.MULTILINE))


def test_every_setting_of_the_service_exists() -> None:
    settings = {PREFIX + name.upper() for name in Settings.model_fields}
    environment = {key for service in read_compose()["services"].values() for key in service["environment"]}
    baked = set(re.findall(rf"{PREFIX}\w+", argument("ENV")))
    assert {key for key in environment if key.startswith(PREFIX)} | baked <= settings
