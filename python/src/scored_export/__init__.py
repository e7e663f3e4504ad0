"""From a fitted scikit-learn pipeline to a bundle that `scored` runs, bit for bit."""

from .bundle import Exported, export_bundle
from .dataset import Dataset, read_dataset
from .errors import BundleError, DatasetError, ExportError
from .notes import Columns, read_columns

__all__ = [
    "BundleError",
    "Columns",
    "Dataset",
    "DatasetError",
    "ExportError",
    "Exported",
    "export_bundle",
    "read_columns",
    "read_dataset",
]
