"""History from Parquet, with the extra `capgen[parquet]`: one column of times, one of values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from capgen.diagnostics import Diagnostic, Span, suggest
from capgen.errors import CapgenError, Findings
from capgen.history.csv_file import TIME_NAMES, VALUE_NAMES
from capgen.history.series import Series, ordered


def read_parquet(path: Path, column: str | None = None) -> Series:
    """One column of a Parquet file as a series. Raises Findings for a file or column that cannot be read."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise CapgenError("reading Parquet needs the extra: pip install 'capgen[parquet]'") from error
    try:
        table = pyarrow.parquet.read_table(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise _wrong(path, f"this is no Parquet file that can be read: {error}", "write it again") from error
    names = list(table.column_names)
    time = next((name for name in names if name.lower() in TIME_NAMES), None)
    if time is None:
        raise _wrong(path, f"no column is called {' or '.join(TIME_NAMES[:3])}", f"columns: {', '.join(names)}")
    others = [name for name in names if name != time]
    if column is None:
        usual = [name for name in others if name.lower() in VALUE_NAMES]
        column = usual[0] if usual else (others[0] if len(others) == 1 else None)
    if column is None or column not in others:
        said = "which column holds the values?" if column is None else f"there is no column {column!r}"
        raise _wrong(path, said, f"choose one with --column: {suggest(column or '', others, what='columns')}")
    try:
        times = _seconds(table.column(time), pyarrow)
        values = table.column(column).cast(pyarrow.float64()).to_numpy(zero_copy_only=False)
    except (pyarrow.ArrowException, ValueError) as error:
        raise _wrong(path, f"a column cannot be read as numbers: {error}", "write times and numbers") from error
    found = np.where(np.isfinite(np.asarray(values, dtype=np.float64)), values, np.nan)
    return ordered(column, [float(t) for t in times], [float(v) for v in found])


def _seconds(column: Any, pyarrow: Any) -> Any:
    if pyarrow.types.is_timestamp(column.type) or pyarrow.types.is_date(column.type):
        return column.cast(pyarrow.timestamp("ms")).cast(pyarrow.int64()).to_numpy(zero_copy_only=False) / 1000.0
    if pyarrow.types.is_string(column.type) or pyarrow.types.is_large_string(column.type):
        from capgen.history.timestamps import seconds

        return [seconds(text.as_py() or "") for text in column]
    return column.cast(pyarrow.float64()).to_numpy(zero_copy_only=False)


def _wrong(path: Path, message: str, hint: str) -> Findings:
    return Findings([Diagnostic("CG904", message, Span(path.as_posix(), 1, 1, 1, 2), hint)])
