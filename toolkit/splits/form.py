"""What is found in how a label file is written, whatever clips it lists."""

from collections.abc import Iterator

from toolkit.splits.findings import Finding
from toolkit.splits.read import SEPARATORS, SPLITS, LabelFile


def find_in_form(file: LabelFile) -> Iterator[Finding]:
    """Yield bad rows, and what readers of other kinds stumble over."""
    name = file.path.name
    for row in file.rejected:
        yield Finding("bad_row", f"{row.file}:{row.line}", f"{row.rule}, got {row.value!a}")
    ends = " and ".join(f"{number:,} {end}" for end, number in file.line_ends.items())
    if len(file.line_ends) > 1:
        yield Finding("mixed_line_ends", name, ends)
    if set(file.line_ends) - {"LF"}:
        yield Finding("carriage_returns", name, ends)
    if file.has_byte_order_mark:
        yield Finding("byte_order_mark", name, "the file begins with EF BB BF")
    if not file.has_last_newline:
        yield Finding("no_last_newline", name, "the last row has no line end")
    if file.num_blank:
        yield Finding("blank_lines", name, f"{file.num_blank} of them")
    if file.has_columns:
        others = sum(row.split != file.split for row in file.rows)
        if file.split in SPLITS and others:
            yield Finding("other_split", name, f"{others:,} of {len(file.rows):,} rows")
    else:
        yield from _find_separators(file)


def _find_separators(file: LabelFile) -> Iterator[Finding]:
    """Yield the rows whose path holds the separator; one finding where all do, alike."""
    held = [row for row in file.rows if file.separator in row.path]
    counts = {row.path.count(file.separator) for row in held}
    what = SEPARATORS[file.separator]
    if len(held) == len(file.rows) > 1 and len(counts) == 1:
        detail = f"{counts.pop()} {what} in each path, such as {held[0].path!a}"
        yield Finding("more_columns", file.path.name, detail)
        return
    for row in held:
        yield Finding("separator_in_name", f"{file.path.name}:{row.line}", f"{what} in {row.path}")
