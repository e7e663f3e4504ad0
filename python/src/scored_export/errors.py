"""What the exporter refuses, and what it warns of."""


class ExportError(Exception):
    """A model that a bundle cannot carry exactly. The text names the step or column, and what to do instead."""


class DatasetError(Exception):
    """A CSV that is not what `scored dataset` wrote. The text names the file, the line and the column."""


class BundleError(Exception):
    """A folder that is not a bundle as docs/bundle.md defines it."""


class ExportWarning(UserWarning):
    """Rows of the test period that are too few, or of which too many are refused, to judge scores by."""
