"""A copy of the database that was made under load, as docs/operations.md says, is a whole gateway."""

import re
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from tests.support.api import header_line
from tests.support.daemon import Daemon, row
from tests.support.documents import ROOT


def documented(database: Path, copy: Path) -> str:
    """Return the SQL of the document for these files."""
    guide = (ROOT / "docs" / "operations.md").read_text("utf-8")
    found = re.search(r'gateway\.sqlite "(VACUUM INTO \'[^\']+\')"$', guide, re.MULTILINE)
    assert found is not None
    assert database.name in guide
    return re.sub("'.+'", f"'{copy}'", found[1])


def test_a_copy_made_under_load_is_complete_up_to_a_moment(tmp_path: Path) -> None:
    copy = tmp_path / "backup.sqlite"
    with Daemon(tmp_path) as daemon:
        daemon.put_in_force(row(50, 100_000, service="*"))
        sender, stop = daemon.as_("adaptor"), threading.Event()
        answers: list[int] = []

        def send() -> None:
            while not stop.is_set():
                answers.append(sender.send_lines([header_line(len(answers))]).status)

        assert sender.send_lines(header_line(10**6 + n) for n in range(60)).status == 202
        load = threading.Thread(target=send)
        load.start()
        with closing(sqlite3.connect(daemon.database_file)) as database:
            database.execute(documented(daemon.database_file, copy))
        stop.set()
        load.join()
        assert set(answers) <= {202}
        daemon.kill()

        for leftover in ("-wal", "-shm"):
            daemon.database_file.with_name(daemon.database_file.name + leftover).unlink(missing_ok=True)
        copy.replace(daemon.database_file)
        daemon.start()
        counted = len(daemon.journal())
        assert 60 <= counted <= 60 + len(answers)
        assert [rate["count"] for rate in daemon.rates()] == [counted]
        assert len(daemon.incidents()) == 1
        assert daemon.verify_audit().returncode == 0
