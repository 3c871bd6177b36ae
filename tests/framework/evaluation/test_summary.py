from cs_framework.evaluation.metrics import evaluate
from cs_framework.evaluation.summary import summary
from tests.framework.evaluation.frames import judged, random_split


def test_summary_holds_every_figure_once():
    metrics = evaluate({"test": random_split(0)}, threshold=0.5, resamples=100, seed=0, notes=["held out"])
    lines = summary(metrics).splitlines()
    stage1 = metrics["splits"]["test"]["stage1"]
    auroc = stage1["auroc"]
    (row,) = [line for line in lines if line.startswith("  auroc")]
    assert row.split() == [
        "auroc",
        f"{auroc['value']:.3f}",
        f"[{auroc['low']:.3f},",
        f"{auroc['high']:.3f}]",
        "4",
        "embryos",
    ]
    assert any("auroc of mean intensity" in line for line in lines)
    assert any("top5 hit rate @ 0.25" in line for line in lines)
    assert any("confusion" in line and f"tp {stage1['confusion']['tp']}" in line for line in lines)
    assert lines[-1] == "note: held out"
    assert len(lines) == 3 + 10 + 25 + 6 + 1


def test_summary_repeats_the_reasons():
    metrics = evaluate({"val": []}, threshold=None, resamples=100, seed=0)
    text = summary(metrics)
    assert "val stage1: no filter" in text
    assert "val stage2: no boxes" in text
    assert "string frames flagged          no abnormal frames" in text


def test_summary_without_interval():
    frames = [judged(strings=[[0, 0, 9, 9]]), judged()]
    metrics = evaluate({"test": frames}, threshold=0.5, resamples=100, seed=0)
    assert metrics["splits"]["test"]["stage1"]["recall"]["low"] is None
    assert "no interval         1 frame\n" in summary(metrics)
