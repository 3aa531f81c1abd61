"""Stop at any moment of connecting to Yandex Cloud leaves nothing behind."""

from __future__ import annotations

import pytest

from tests.support.following import python
from tests.support.stand_ins import CloudStandIn

INTERRUPTED = """
import gc, os, random, signal, sys, threading
from tests.support.following import until
from ds_ops_magic import OperationsError, connect

signal.signal(signal.SIGALRM, signal.default_int_handler)
address, ca = sys.argv[1:]
random.seed(1)

def connected():
    return connect(discovery=address, ca=ca)

def left():
    gc.collect()
    return threading.active_count(), len(os.listdir("/proc/self/fd"))

def interrupt(seconds):
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            connected()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        return 1
    except OperationsError:  # connected, or not, before the alarm
        pass
    return 0

connected()
before = left()
interrupted = sum(interrupt(random.uniform(0.00001, 0.005)) for _ in range(100))
assert interrupted > 80, interrupted
until(lambda: left()[0] <= before[0] and left()[1] <= before[1], 20)
assert connected().connection.source
"""


def test_interrupts_leave_nothing_behind(cloud: CloudStandIn, environment: pytest.MonkeyPatch) -> None:
    cloud.accepted.add("t1.of-a-user")
    environment.setenv("YC_IAM_TOKEN", "t1.of-a-user")
    with python(INTERRUPTED, cloud.address, cloud.ca) as process:
        said, complaint = process.communicate(timeout=100)
    assert process.returncode == 0, said + complaint
