"""Workflows run where nobody looks: their commands, options and targets are held against those of the project."""

import os
import re
import shlex
import subprocess
import sys

import pytest
import yaml

from checkout import ROOT
from recipe_kb.cli.group import root_group

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
PLAIN = {"mkdir", "git", "xargs", "python"}
"""Programs of the system."""


def read(path):
    """Read a workflow; YAML 1.1 takes the key `on` for a truth value."""
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    return workflow | {"on": workflow.get("on", workflow.get(True))}


def steps(path):
    return [step for job in read(path)["jobs"].values() for step in job["steps"]]


def commands(path):
    """Return every command of a workflow as words."""
    lines = [line for step in steps(path) for line in step.get("run", "").splitlines()]
    return [shlex.split(part) for line in lines for part in line.split(" | ")]


def check(words):
    """Fail unless a command and all its options exist."""
    program, *rest = words
    match program.removeprefix(".venv/bin/"):
        case "make":
            targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
            assert set(rest) <= set(targets), words
        case "kb":
            command = root_group().get_command(None, rest[0])
            assert command, words
            command.make_context(rest[0], rest[1:])
        case "python" if rest[0].startswith("scripts/"):
            helped = subprocess.run(
                [sys.executable, rest[0], "--help"], cwd=ROOT, capture_output=True, text=True, check=False
            )
            assert helped.returncode == 0, words
            assert all(word in helped.stdout for word in rest[1:] if word.startswith("--")), words
            models = {path.stem for path in (ROOT / "kb" / "models").glob("*.yaml")}
            assert {word for word in rest[1:] if not word.startswith("--")} <= models, words
        case "mkdocs" | "pip":
            name, module = rest[0], program.rpartition("/")[2]
            helped = subprocess.run(
                [sys.executable, "-m", module, name, "--help"], capture_output=True, text=True, check=False
            )
            assert all(word in helped.stdout for word in rest[1:] if word.startswith("--")), words
        case other:
            assert other in PLAIN, words


def test_there_are_three():
    assert [path.stem for path in WORKFLOWS] == ["checks", "gpu", "site"]


def test_they_are_valid_workflows():
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_command_and_option_is_real(path):
    found = commands(path)
    assert found
    for words in found:
        check(words)


@pytest.mark.parametrize(
    "wrong",
    [
        "make chekc",
        ".venv/bin/kb validate --all --gpus auto",
        ".venv/bin/kb vlidate --all",
        ".venv/bin/python scripts/curves.py --chekc",
        ".venv/bin/python scripts/curves.py --check bibert",
        ".venv/bin/mkdocs build --strictly",
        "curl https://example.com",
    ],
)
def test_this_check_can_fail(wrong):
    with pytest.raises((Exception, AssertionError)):
        check(shlex.split(wrong))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_by_commit_with_the_version_beside_it(path):
    used = re.findall(r"uses: (\S+)(.*)", path.read_text(encoding="utf-8"))
    assert len(used) == sum("uses" in step for step in steps(path)) > 0
    for action, beside in used:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", beside), action


def test_an_action_has_one_version_in_all_workflows():
    used = {action for path in WORKFLOWS for step in steps(path) if (action := step.get("uses"))}
    assert len({action.partition("@")[0] for action in used}) == len(used)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_read_and_no_more_unless_a_job_says_so(path):
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert not job.get("permissions") or (path.stem, name) == ("site", "deploy")
        assert job["timeout-minutes"]
    for step in steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_strangers_code_gets_to_a_machine_of_ours(path):
    workflow = read(path)
    assert "pull_request_target" not in workflow["on"]
    on_our_machines = [job for job in workflow["jobs"].values() if "self-hosted" in job["runs-on"]]
    assert bool(on_our_machines) == (path.stem == "gpu")
    if on_our_machines:
        assert set(workflow["on"]) == {"push", "schedule", "workflow_dispatch"}


def test_what_a_person_can_write_is_never_pasted_into_a_shell():
    for path in WORKFLOWS:
        for step in steps(path):
            assert "${{" not in step.get("run", ""), step


def test_new_evidence_is_collected_and_what_is_known_is_not(tmp_path):
    """The line of the workflow itself, in a repository with one known and two new records."""
    (line,) = [step["run"] for step in steps(FOLDER / "gpu.yml") if step.get("name") == "New evidence"]
    evidence = tmp_path / "kb" / "evidence" / "t4" / "biobert" / "8t-512-full"
    evidence.mkdir(parents=True)
    (evidence / "old.json").write_text("{}", encoding="utf-8")
    environ = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True, env=environ)
    for name in ("new.json", "with space.json"):
        (evidence / name).write_text("{}", encoding="utf-8")
    (tmp_path / "build" / "gpu").mkdir(parents=True)
    subprocess.run(["bash", "-euo", "pipefail", "-c", line], cwd=tmp_path, check=True, env=environ)
    copied = {path.name for path in (tmp_path / "build" / "gpu").rglob("*") if path.is_file()}
    assert copied == {"new.json", "with space.json"}
