"""What the exporter refuses."""


class ExportError(Exception):
    """A model that a bundle cannot carry exactly. The text names the step or column, and what to do instead."""


class DatasetError(Exception):
    """A CSV that is not what `scored dataset` wrote. The text names the file, the line and the column."""


class BundleError(Exception):
    """A folder that is not a bundle as docs/bundle.md defines it."""
