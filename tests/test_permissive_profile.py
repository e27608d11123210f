"""The profiles offline and permissive on one clip: the same way, the same checks."""

from dataclasses import replace

import pytest

pytest.importorskip("torchvision", reason="needs the extra masks")

import torch
from torchvision.models.detection import maskrcnn_resnet50_fpn_v2

from tests.stub_weights import link_offline
from tests.videos import write_video
from toolkit import models
from toolkit.anonymize import QUARANTINED, anonymize
from toolkit.qa.checks import load_limits

MASKER = "maskrcnn_resnet50_fpn_v2"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("weights")
def test_both_go_the_same_way(tmp_path, actor, monkeypatch):
    """The weights of the masker are drawn by lot here, which the checks hold against the clip."""
    link_offline(tmp_path / "cache")
    monkeypatch.setenv("M2M_CACHE", str(tmp_path / "cache"))
    registry = dict(models.load_registry())
    registry[MASKER] = replace(registry[MASKER], sha256=None)
    monkeypatch.setattr(models, "load_registry", lambda: registry)
    torch.manual_seed(0)
    stub = maskrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None)
    torch.save(stub.state_dict(), tmp_path / registry[MASKER].file)
    models.import_file(tmp_path / registry[MASKER].file)
    source = tmp_path / "wave.mp4"
    write_video(source, list(actor.frames_THWC[-4:]), fps=8)
    reports = {
        profile: anonymize(source, tmp_path / f"{profile}.mp4", profile=profile)
        for profile in ("offline", "permissive")
    }
    for report in reports.values():
        assert set(report.checks) == set(load_limits())
        assert all(check.value is not None for check in report.checks.values())
        assert any(track["drawn"] for track in report.tracks)
    offline, permissive = reports["offline"], reports["permissive"]
    assert list(offline.stages) == list(permissive.stages)
    assert set(permissive.models) - set(offline.models) == {MASKER}
    assert offline.unknown_weights == []
    assert (permissive.unknown_weights, permissive.verdict) == ([MASKER], QUARANTINED)
    assert not permissive.checks["weights"].passed
