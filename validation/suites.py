"""What is expected of a release's table of checks (qa.parquet), as Great Expectations suites.

The limits come from ``toolkit/qa/limits.yaml`` and from nowhere else.
"""

from collections.abc import Mapping, Sequence

import great_expectations as gx
from great_expectations import expectations as expect

from toolkit.manifest import STATUSES
from toolkit.qa.checks import CRITICAL, Limit


def expect_every_clip(clip_ids: Sequence[str]) -> gx.ExpectationSuite:
    """Every clip that was taken in has one row, and is released or says why it is not."""
    return gx.ExpectationSuite(
        "every-clip",
        expectations=[
            expect.ExpectTableRowCountToEqual(value=len(clip_ids), severity=CRITICAL),
            expect.ExpectColumnValuesToBeUnique(column="clip_id", severity=CRITICAL),
            expect.ExpectColumnDistinctValuesToEqualSet(
                column="clip_id", value_set=sorted(clip_ids), severity=CRITICAL
            ),
            expect.ExpectColumnValuesToBeInSet(
                column="status", value_set=list(STATUSES), severity=CRITICAL
            ),
        ],
    )


def expect_checks(name: str, limits: Mapping[str, Limit]) -> gx.ExpectationSuite:
    """Every check could run, and is within its limit.

    Args:
        name: of the suite.
        limits: check to limit; above a warning's a clip is marked, but goes on.
    """
    expectations = []
    for check, limit in sorted(limits.items()):
        value, severity = limit
        expectations += [
            expect.ExpectColumnValuesToNotBeNull(column=check, severity=CRITICAL),
            expect.ExpectColumnValuesToBeBetween(
                column=check, min_value=0, max_value=value, severity=severity
            ),
        ]
    return gx.ExpectationSuite(name, expectations=expectations)
