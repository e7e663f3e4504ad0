"""From a fitted scikit-learn pipeline to a bundle that `scored` runs, bit for bit."""

from .account import Account
from .bundle import Exported, expected, export_bundle
from .dataset import Dataset, read_dataset
from .errors import BundleError, DatasetError, ExportError, ExportWarning
from .notes import Columns, read_columns

__all__ = [
    "Account",
    "BundleError",
    "Columns",
    "Dataset",
    "DatasetError",
    "ExportError",
    "ExportWarning",
    "Exported",
    "expected",
    "export_bundle",
    "read_columns",
    "read_dataset",
]
