"""The unit is one that systemd understands, lets the daemon do little, and does not keep it from its work."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from gateway.errors import ExitCode
from gateway.settings import load_settings
from tests.support import daemon as support
from tests.support.api import COMMAND, header_line, wait_for
from tests.support.daemon import Daemon, row
from tests.support.documents import ROOT
from tests.support.softhsm import needs_softhsm

UNIT: Final = ROOT / "config" / "adt-gateway.service"
EXPOSURE: Final = 2.0

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="systemd-analyze is not installed (Debian package systemd)",
)

UNDER_MDWE: Final = f"""#!{sys.executable}
import ctypes, mmap, os, sys
PR_SET_MDWE, REFUSE_EXEC_GAIN = 65, 1  # Linux 6.3, prctl(2)
if ctypes.CDLL(None).prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0):
    sys.exit(77)
try:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
except PermissionError:
    os.execv({str(COMMAND)!r}, [{str(COMMAND)!r}, *sys.argv[1:]])
sys.exit(77)
"""


def values(key: str) -> list[str]:
    """Return what the unit sets *key* to, line by line."""
    return re.findall(rf"^{key}=(.*)$", UNIT.read_text("utf-8"), re.MULTILINE)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """Return the unit with a program that is there: systemd looks for it."""
    file = tmp_path / UNIT.name
    program = values("ExecStart")[0].split()[0]
    file.write_text(UNIT.read_text("utf-8").replace(program, str(COMMAND)))
    return file


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SYSTEMD_COLORS": "0", "SYSTEMD_EMOJI": "0"}
    command = ["systemd-analyze", "--no-pager", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@needs_systemd
def test_systemd_has_nothing_to_say_about_it(unit: Path) -> None:
    done = analyze("verify", unit)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_systemd
def test_a_wrong_key_would_be_noticed(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("WatchdogSec=", "WachdogSec="))
    assert "WachdogSec" in analyze("verify", unit).stderr


@needs_systemd
def test_its_exposure_is_low(unit: Path) -> None:
    done = analyze("security", "--offline=true", f"--threshold={int(EXPOSURE * 10)}", unit)
    overall = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert overall is not None, done.stdout + done.stderr
    assert float(overall[1]) < EXPOSURE
    assert done.returncode == 0


def test_what_the_daemon_relies_on_is_set() -> None:
    assert values("Type") == ["notify"]
    assert values("ExecReload") == ["/bin/kill -HUP $MAINPID"]
    assert values("WatchdogSec") == ["60s"]
    assert values("Restart") == ["on-failure"]
    assert values("RestartPreventExitStatus") == [str(int(ExitCode.USAGE))]
    assert {"AF_UNIX", "AF_INET", "AF_INET6"} == set(values("RestrictAddressFamilies")[0].split())
    assert values("MemoryDenyWriteExecute") == ["yes"]
    assert values("CapabilityBoundingSet") == [""]


def test_the_settings_in_the_guide_fit_the_unit(tmp_path: Path) -> None:
    """They load, and name the credential and the state directory that the unit gives."""
    guide = (ROOT / "docs" / "operations.md").read_text("utf-8")
    example = re.search(r"```toml\n(.*?)```", guide, re.DOTALL)
    assert example is not None
    file = tmp_path / "gateway.toml"
    file.write_text(example[1])
    settings = load_settings(file)
    assert settings.token is not None
    (name,) = [value.partition(":")[0] for value in values("LoadCredential")]
    assert str(settings.token.pin_file) == f"/run/credentials/{UNIT.name}/{name}"
    assert str(settings.data_directory) == f"/var/lib/{values('StateDirectory')[0]}"


@needs_softhsm
def test_daemon_and_token_need_no_memory_that_is_written_and_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python, uvloop, lxml, OpenSSL, SQLite, python-pkcs11 and SoftHSM, under the kernel's own refusal."""
    script = tmp_path / "under-mdwe"
    script.write_text(UNDER_MDWE)
    script.chmod(0o755)
    if subprocess.run([script, "--help"], capture_output=True, check=False).returncode == 77:
        pytest.skip("this kernel cannot refuse such memory (Linux before 6.3)")
    monkeypatch.setattr(support, "COMMAND", script)
    folder = tmp_path / "daemon"
    folder.mkdir()
    with Daemon(folder) as daemon:
        daemon.put_in_force(row(100, 200))
        assert daemon.as_("adaptor").send_lines(header_line(n) for n in range(5)).json["accepted"] == 5
        wait_for("the count", lambda: [rate["count"] for rate in daemon.rates()] == [5])
        assert daemon.stop() == 0
