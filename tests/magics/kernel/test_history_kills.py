"""Two kernels and a writer that is killed at random, 200 times: the history opens, and no recorded id is missing."""

from __future__ import annotations

from pathlib import Path

from ds_ops_magic.history.database import HistoryFile
from ds_ops_magic.history.retention import MAX_RECORDS
from tests.support.following import python
from tests.support.kernels import started

KILLS = 200

# Says an id only once the history has it; a line is one write, which a kill cannot cut in two.
_WRITE = """
import os, time
from ds_ops_magic.history.history import History

def write(path, said, prefix, until, pause=0.0):
    history, number = History(path).of("host:1"), 0
    log = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    while not os.path.exists(until):
        ids = [f"{prefix}-{number}-{part}" for part in range(3)]
        number += 1
        history.record_request(ids)
        if history._history.flush(10.0):
            os.write(log, ("\\n".join(ids) + "\\n").encode())
        time.sleep(pause)
    history._history.close()
    os.close(log)
"""

_KILL = """
import random, signal, sys, time
folder, kills = sys.argv[1], int(sys.argv[2])
chance = random.Random(4)
from ds_ops_magic.history.database import HistoryFile
from pathlib import Path

def recorded():
    return os.path.getsize(f"{folder}/victim.ids") if os.path.exists(f"{folder}/victim.ids") else 0

for round in range(kills):
    before = recorded()
    victim = os.fork()
    if victim == 0:
        write(f"{folder}/history.sqlite", f"{folder}/victim.ids", f"victim{round}", f"{folder}/never")
    while round % 2 and recorded() == before:  # every other one comes as far as to record something
        time.sleep(0.001)
    time.sleep(chance.uniform(0.0, 0.03 if round % 2 else 0.06))
    os.kill(victim, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(victim, 0)[1]) == -signal.SIGKILL
    if round % 10 == 0:
        opened = HistoryFile(Path(f"{folder}/history.sqlite"))
        opened.load()
        opened.close()
print("killed", kills)
"""


def test_no_recorded_id_is_missing(tmp_path: Path) -> None:
    end = tmp_path / "end"
    with started() as one, started() as other:
        cells = []
        for number, kernel in enumerate((one, other)):
            kernel.ok(_WRITE)
            places = ", ".join(repr(str(tmp_path / name)) for name in ("history.sqlite", "kernel.ids"))
            call = f"write({places}, 'kernel{number}', {str(end)!r}, pause=0.02)"
            cells.append((kernel, kernel.send(call)))
        with python(_WRITE + _KILL, tmp_path, KILLS) as killer:
            said, errors = killer.communicate(timeout=100)
        end.touch()
        assert (said, errors) == (f"killed {KILLS}\n", "")
        assert [kernel.cell(cell).status for kernel, cell in cells] == ["ok", "ok"]
    recorded = [*(tmp_path / "kernel.ids").read_text().split(), *(tmp_path / "victim.ids").read_text().split()]
    assert {name.partition("-")[0] for name in recorded} >= {"kernel0", "kernel1"}
    assert len(recorded) < MAX_RECORDS  # else the oldest of them are dropped
    history = HistoryFile(tmp_path / "history.sqlite")
    kept = {record.id for record in history.load()}
    history.close()
    assert set(recorded) - kept == set()
    assert len({name.partition("-")[0] for name in recorded}) >= KILLS / 2
