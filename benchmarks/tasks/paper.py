"""The five downstream data sets of the paper. Videos and lists are the user's copies."""

from benchmarks.tasks.official import read_diving48, read_hmdb51, read_ucf101
from benchmarks.tasks.task import ReadOfficial, Task
from toolkit.splits.known import DATA_SETS

_PAPER = "the paper's list (training/data of github.com/nidhishs/smply-priv)"
_KNOWN = {known.name: known for known in DATA_SETS}


def _make(
    name: str,
    page: str,
    lists: str,
    labels: str,
    num_classes: int,
    num_listed: int | None = None,
    read_official: ReadOfficial | None = None,
) -> Task:
    known = _KNOWN[name]
    num_rows, listed = known.lists[0].num_rows, num_listed or num_classes
    return Task(
        name, known.title, num_rows, num_classes, listed, page, lists, labels, read_official
    )


TASKS = {
    task.name: task
    for task in (
        _make(
            "ucf101",
            "https://www.crcv.ucf.edu/data/UCF101.php",
            "official split 1",
            "as classInd.txt, but from 0",
            101,
            read_official=read_ucf101,
        ),
        _make(
            "hmdb51",
            "https://serre-lab.clps.brown.edu/resource/hmdb-a-large-human-motion-database",
            "official split 1",
            "official files: names in order; the paper's list has an order of its own",
            51,
            read_official=read_hmdb51,
        ),
        _make(
            "diving48",
            "http://www.svcl.ucsd.edu/projects/resound/dataset.html",
            "V2",
            "as listed, 0 to 47; 30 has no clip",
            48,
            47,
            read_official=read_diving48,
        ),
        _make(
            "ikeafa",
            "https://tengdahan.github.io/ikea.html",
            _PAPER,
            "as listed, names in order",
            12,
        ),
        _make(
            "uav_human",
            "https://github.com/sutdcv/UAV-Human",
            _PAPER,
            "the number after A in the name of a clip",
            155,
        ),
    )
}
