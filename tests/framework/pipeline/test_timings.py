from __future__ import annotations

from cs_framework.pipeline.timings import Timings, peak_memory


def test_those_of_several_processes_add_up():
    whole = Timings()
    for _ in range(3):
        piece = Timings(peak=7 << 20)
        with piece.measure("read", frames=5):
            pass
        piece.busy["read"] = 2.0
        whole.add(piece)
    assert whole.table().splitlines()[1].split() == ["read", "6.0", "-", "2.5"]
    assert whole.peak == 7 << 20
    assert peak_memory() > 1 << 20


def test_who_starves_whom_is_told_with_the_setting():
    reading = Timings(busy={"read": 100.0, "proposer": 20.0}, waiting={"anomaly_filter": 80.0})
    reading = _filled(reading)
    (advice,) = reading.advice(workers=1, device="cpu")
    assert "reading starves" in advice
    assert "pipeline.workers=2" in advice
    proposing = _filled(Timings(busy={"proposer": 100.0, "embedder": 10.0}))
    assert proposing.advice(workers=1, device="cpu") == []
    assert "the proposer starves the GPU" in proposing.advice(workers=1, device="cuda")[0]
    writing = _filled(Timings(busy={"write": 100.0}, waiting={"write": 10.0}))
    assert "writing starves" in writing.advice(workers=2, device="cpu")[0]
    assert _filled(Timings(busy={"read": 1.0}, waiting={"anomaly_filter": 1.0})).advice(1, "cpu") == []


def _filled(timings: Timings) -> Timings:
    whole = Timings()
    whole.add(timings)
    return whole
