"""What a check of label files can find, how bad it is, and what comes of it."""

from collections.abc import Iterable
from dataclasses import dataclass

ERROR, WARNING, NOTE = SEVERITIES = ("error", "warning", "note")

KINDS = {
    "bad_row": (ERROR, "a row that breaks a rule: whoever reads the file loses or misreads it"),
    "wrong_count": (ERROR, "rows or classes are not those of a known list"),
    "overlap": (ERROR, "a clip of two splits: it is tested on what it was trained on"),
    "group_leak": (ERROR, "clips of one group in two splits, which known lists keep apart"),
    "duplicate": (ERROR, "a path that stands twice in a split"),
    "wrong_label": (ERROR, "the label is not that of the other clips of the class it is named for"),
    "untrained_class": (ERROR, "a label that no row of train has"),
    "merged_classes": (WARNING, "a label for several classes, as the names have them"),
    "class_gap": (WARNING, "labels are not 0 to K-1: a classifier of K outputs is too small"),
    "shared_source": (WARNING, "one source in two splits, for other classes: scene and people too"),
    "same_stem": (WARNING, "a file name in two splits, in other folders: perhaps one clip"),
    "odd_name": (WARNING, "a name that is not one of the data set, or does not tell the group"),
    "more_columns": (WARNING, "every row has more cells than path and label"),
    "other_split": (WARNING, "the column says another split than the file's name; it counts"),
    "mixed_line_ends": (WARNING, "lines end in several ways: the file was put together or edited"),
    "carriage_returns": (NOTE, "who splits at line feeds keeps a carriage return in each label"),
    "byte_order_mark": (NOTE, "who reads plain UTF-8 keeps it in the first path"),
    "separator_in_name": (NOTE, "who splits at the first separator loses the label"),
    "no_last_newline": (NOTE, "wc -l counts a row too few, and cat runs two rows together"),
    "blank_lines": (NOTE, "who does not skip them sees rows without a label"),
    "untested_class": (NOTE, "a label that no row of the other splits has"),
    "one_split": (NOTE, "nothing to compare with: overlap and leaks were not looked for"),
    "no_group_rule": (NOTE, "names of no known data set: groups and counts were not looked at"),
    "no_known_count": (NOTE, "no known list to compare the counts with"),
}
"""What can be found: severity and meaning; findings are listed in this order."""


@dataclass(frozen=True)
class Finding:
    """Something to know of a list.

    Attributes:
        kind: a key of ``KINDS``.
        where: file and line, file, or empty where it is about all files of the data set.
        detail: the values.
    """

    kind: str
    where: str
    detail: str

    @property
    def severity(self) -> str:
        """One of ``SEVERITIES``."""
        return KINDS[self.kind][0]


def sort_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings by kind; those of a kind stay in the order given."""
    order = list(KINDS)
    return tuple(sorted(findings, key=lambda finding: order.index(finding.kind)))


def count_severities(findings: Iterable[Finding]) -> dict[str, int]:
    """Return the number of findings of each severity."""
    found = [finding.severity for finding in findings]
    return {severity: found.count(severity) for severity in SEVERITIES}
