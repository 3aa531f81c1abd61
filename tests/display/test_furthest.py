"""A bar never goes back, whatever the service says."""

from __future__ import annotations

from yandex.cloud.ai.tuning.v1.tuning_service_pb2 import TuningMetadata

from ds_ops_magic.display.text_display import panel
from tests.support.following import client_of, until
from tests.support.scripted import ScriptedServer, message


def test_the_furthest_is_shown_and_each_watch_has_its_own():
    steps = {"op1": 0, "op2": 10}

    def get(call):
        made = message(call.id, description=f"at {steps[call.id]}")
        if steps[call.id] >= 0:
            made.metadata.Pack(TuningMetadata(current_step=steps[call.id], total_steps=100))
        return made

    with ScriptedServer(get) as server, client_of(server) as client:
        watch = client.watch("op1", "op2")

        def shown(at, watch=watch):
            steps["op1"] = at
            until(lambda: watch.operations[0] and watch.operations[0].description == f"at {at}")
            return [row.fraction for row in panel(watch).rows]

        until(lambda: all(watch.operations))
        assert shown(0) == [0.0, 0.1]
        assert shown(60) == [0.6, 0.1]
        assert shown(20) == [0.6, 0.1]
        assert shown(-1) == [0.6, 0.1]  # nothing is said of it any more
        assert shown(61) == [0.61, 0.1]
        assert shown(250) == [1.0, 0.1]
        steps["op1"] = 20
        again = client.watch("op1")
        assert shown(20, again) == [0.2]  # who comes later sees no trace of what was
