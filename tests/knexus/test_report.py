import json
import math

import numpy as np
import pytest

from tests.knexus.planted import plant
from toolkit.errors import InputError
from toolkit.knexus.embed import to_unit
from toolkit.knexus.page import write_page
from toolkit.knexus.report import Report, Wanted, jaccard, make_json, make_lines, make_report
from toolkit.knexus.select import METHODS, Evidence, gather
from toolkit.knexus.view import lay_out

NUM_CLASSES, K = 24, 8
HOSTILE = "<script>alert(1)</script> & \"quoted\" 'label'"


def _evidence() -> Evidence:
    rows_ND, class_N, _ = plant(NUM_CLASSES, K, 10, 32, within=0.3, noise=1.0)
    labels = [f"class {index:02}" for index in range(NUM_CLASSES - 1)] + [HOSTILE]
    unit_ND = np.stack([to_unit(row_D) for row_D in rows_ND])
    return gather(labels, [10] * NUM_CLASSES, unit_ND, [labels[index] for index in class_N])


def _report(wanted: Wanted, given: tuple[str, list[str]] | None = None) -> Report:
    return make_report(
        _evidence(),
        wanted,
        given,
        lambda _num_done: None,
        encoder="planted",
        frame="random",
        embeddings_sha256="ab" * 32,
    )


@pytest.fixture(scope="module")
def report() -> Report:
    """All methods at two ks, and a list of which one class is not there."""
    labels = [f"class {index:02}" for index in range(8)]
    wanted = Wanted(ks=(4, K), seeds=(0, 1, 2), num_random=300)
    return _report(wanted, ("mine.csv", [*labels, "elsewhere"]))


def test_every_method_is_measured(report: Report) -> None:
    """Bias, recall, similarity, stability, overlap and p, of each method and k."""
    assert [(result.k, result.method) for result in report.methods] == [
        (k, method) for k in (4, K) for method in METHODS
    ]
    for result in report.methods:
        for found in result.seeds:
            subset = found.subset
            assert len(found.classes) == result.k
            assert subset.bias_means == pytest.approx(math.log(subset.recall_means * result.k))
            assert subset.bias_probe == pytest.approx(math.log(subset.recall_probe * result.k))
            assert 0 < found.p_lower <= 1
            assert found.p_lower + found.p_higher > 1
        assert result.overlap_random == result.k / NUM_CLASSES
        assert result.chance_given == 8 / NUM_CLASSES
        assert (result.stability is None) == (result.method == "resound-greedy")
        assert bool(result.clusters) == (result.method not in {"random", "resound-greedy"})
    assert report.given
    assert (len(report.given.classes), report.num_given) == (8, 9)


def test_what_the_methods_do_to_the_bias(report: Report) -> None:
    """One of each group of similar classes is easy to tell from the others: more bias, not less.

    Greedily, bias falls below all of the random subsets. B.1's clusters are not of similar classes.
    """
    found = {result.method: result for result in report.methods if result.k == K}
    assert all(seed.p_higher < 0.05 for seed in found["knexus"].seeds)
    assert all(seed.p_unlike < 0.05 for seed in found["knexus"].seeds)
    assert all(seed.p_lower < 0.01 for seed in found["resound-greedy"].seeds)
    assert found["knexus"].stability == 1.0
    assert found["knexus"].within_similarity > 0.5 > found["knexus-b1"].within_similarity


def test_similarity_is_the_mean_of_cosines(report: Report) -> None:
    """Written out, of the classes that were chosen; the script's bias comes of it."""
    evidence, result = _evidence(), report.methods[-2]
    means_SD = evidence.means_CD[evidence.index(result.seeds[0].classes)]
    unit_SD = means_SD / np.linalg.norm(means_SD, axis=1, keepdims=True)
    mean = (unit_SD @ unit_SD.T)[~np.eye(K, dtype=bool)].mean()
    subset = result.seeds[0].subset
    assert subset.similarity == pytest.approx(mean)
    expected = math.log(mean * K) if mean > 0 else None
    assert subset.bias_similarity == pytest.approx(expected)


def test_json_and_lines_hold_the_same(report: Report) -> None:
    """The table rounds what the JSON has in full."""
    record = json.loads(make_json(report))
    assert len(record["methods"]) == 2 * len(METHODS)
    assert len(record["places"]) == NUM_CLASSES
    lines = make_lines(report)
    first = record["methods"][0]["seeds"][0]["subset"]
    assert f"{first['bias_means']:.3f}" in lines[2]
    assert "mine.csv: 8 of 9 classes are here" in lines[-1]


def test_the_page_escapes_every_label(report: Report, tmp_path, open_page) -> None:
    """A label that is HTML is shown as it is, and runs nothing; nothing is loaded."""
    write_page(report, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text("utf-8")
    assert HOSTILE not in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert page.count("<circle") == NUM_CLASSES * len(METHODS) * 2
    shown = open_page(tmp_path / "report.html")
    assert "knexus-b1" in shown
    assert "8 of 24 classes" in shown


def test_the_page_marks_what_was_chosen(report: Report, tmp_path) -> None:
    """As many dots are filled as classes are chosen, in each map."""
    write_page(report, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text("utf-8")
    assert page.count('<circle class="chosen"') == (4 + K) * len(METHODS)


def test_one_class_and_no_probe() -> None:
    """What cannot be told is told as a dash: no similarity of one class, no probe, one seed."""
    found = _report(Wanted(methods=("kmeans",), ks=(1,), seeds=(0,), probe=False, num_random=5))
    (result,) = found.methods
    assert result.seeds[0].subset.bias_means == 0
    assert result.seeds[0].subset.similarity is None
    assert result.seeds[0].p_unlike is None
    assert (result.stability, result.overlap_given) == (None, None)
    assert make_lines(found)[2].split()[-3:] == ["-", "-", "-"]


def test_what_makes_no_sense_is_refused() -> None:
    """A method that is none, a list of other classes, more classes than there are."""
    with pytest.raises(InputError, match="unknown method 'best': choose one of knexus"):
        Wanted(methods=("best",))
    with pytest.raises(InputError, match="needs a method, a k and a seed"):
        Wanted(seeds=())
    with pytest.raises(InputError, match=r"list\.csv: none of its 1 classes is in the source"):
        _report(Wanted(), ("list.csv", ["elsewhere"]))
    with pytest.raises(InputError, match="it is 25"):
        _report(Wanted(ks=(25,)))


def test_the_map_keeps_distances() -> None:
    """Classes on a plane lie as they do on it, but for turn, scale and mirror."""
    means_CD = np.random.default_rng(0).normal(size=(9, 2)) @ np.eye(2, 6)
    places_C2 = lay_out(means_CD)
    true_CC = np.linalg.norm(means_CD[:, None] - means_CD, axis=2)
    found_CC = np.linalg.norm(places_C2[:, None] - places_C2, axis=2)
    np.testing.assert_allclose(found_CC, true_CC * (found_CC[0, 1] / true_CC[0, 1]), rtol=1e-3)
    assert np.abs(places_C2).max() == pytest.approx(1)
    assert lay_out(np.zeros((1, 3))).tolist() == [[0, 0]]


def test_jaccard() -> None:
    """Shared over all."""
    assert jaccard([1, 2, 3], [3, 4]) == 0.25
