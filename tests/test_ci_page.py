"""The job of `docs/ci.md` works more than once on one runner."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.samples.places import ROOT


def test_the_base_is_checked_out_again_after_the_runner_emptied_its_folder(tmp_path: Path) -> None:
    page = (ROOT / "docs/ci.md").read_text()
    (line,) = re.findall(r"^ +(git worktree add .*)$", page, re.MULTILINE)
    repository, temporary = tmp_path / "repository", tmp_path / "temporary"
    names = {
        f"GIT_{who}_{what}": "a@b.c"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    places = {"RUNNER_TEMP": str(temporary), "GITHUB_BASE_REF": "main"}

    def run(command: str) -> None:
        environment = {**os.environ, **names, **places}
        subprocess.run(command, shell=True, cwd=repository, check=True, env=environment)

    repository.mkdir()
    run("git init -q . && echo base > known && git add known && git commit -qm base")
    run("git update-ref refs/remotes/origin/main HEAD")
    for _ in range(2):
        run(line)
        assert (temporary / "base/known").read_text() == "base\n"
        shutil.rmtree(temporary / "base")
