"""`sop up`: everything on one machine, and nothing left when it ends, however it ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psutil
import pytest

from engine.settings import temporary_state_dir
from tests.acceptance.installation import BIN, PATIENCE, ROOT, eventually, free_port


class Here:
    """A machine with one state folder.

    Parameters:
        folder: the state folder.
        elsewhere: a working directory.
    """

    def __init__(self, folder: Path, elsewhere: Path) -> None:
        self.folder, self.elsewhere, self.port = folder, elsewhere, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.output = elsewhere / "up.txt"
        self._environment = {
            "PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "SOP_STATE_DIR": str(folder), "SOP_API_PORT": str(self.port),
            "SOP_DEFINITIONS": str(ROOT / "sop_definitions"),
        }  # fmt: skip

    @contextmanager
    def up(self) -> Iterator[subprocess.Popen[bytes]]:
        """Start `sop up` and wait until it answers; at the end it is gone, if need be by force."""
        with self.output.open("ab") as output:
            process = subprocess.Popen(
                [str(BIN / "sop"), "up"], env=self._environment, cwd=self.elsewhere, stdout=output, stderr=output
            )
        try:
            eventually(lambda: process.poll() is not None or self._answers(), "`sop up` answers")
            assert process.poll() is None, self.output.read_text()
            yield process
        finally:
            process.kill()
            process.wait()

    def sop(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line in another terminal."""
        command = [str(BIN / "sop"), *arguments]
        return subprocess.run(
            command, env=self._environment, cwd=self.elsewhere, capture_output=True, text=True, timeout=PATIENCE
        )

    def processes(self) -> list[str]:
        """Return the command lines of all processes that have to do with the state folder."""
        found = []
        for process in psutil.process_iter():
            try:
                if (
                    process.status() != psutil.STATUS_ZOMBIE
                    and str(self.folder) in f"{process.environ()} {process.cmdline()}"
                ):
                    found.append(" ".join(process.cmdline()))
            except psutil.Error:
                continue
        return found

    def _answers(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/healthz", timeout=5).status_code == 200
        except httpx2.HTTPError:
            return False


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    folder = temporary_state_dir("sop-up-")
    yield Here(folder, tmp_path)
    shutil.rmtree(folder)


def test_up_answers_drains_keeps_its_state_and_never_leaves_anything_behind(here: Here) -> None:
    with here.up() as first:
        posted = here.sop("event", "tag.added", "C1", "tag=装修意向", "--wait")
        assert posted.returncode == 0 and "accepted" in posted.stdout, posted.stdout + posted.stderr
        refused = here.sop("up")
        assert refused.returncode == 1 and str(here.folder) in refused.stderr, refused.stdout + refused.stderr
        assert "Traceback" not in refused.stderr
        assert first.poll() is None and len(here.processes()) > 8, "the first one goes on"
        first.send_signal(signal.SIGINT)
        assert first.wait(PATIENCE) == 0, here.output.read_text()
    eventually(lambda: not here.processes(), "nothing is left after Ctrl-C")
    assert "Draining" in here.output.read_text() and "Traceback" not in here.output.read_text()

    with here.up() as second:
        story = here.sop("explain", "C1")
        assert story.returncode == 0 and "装修意向" in story.stdout, story.stdout + story.stderr
        second.kill()
        second.wait()
    eventually(lambda: not here.processes(), "nothing is left after kill -9")
