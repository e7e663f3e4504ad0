"""From a fitted scikit-learn pipeline to a bundle that `scored` runs, bit for bit."""

from .bundle import Exported, export_bundle
from .dataset import Dataset, read_dataset
from .errors import BundleError, DatasetError, ExportError

__all__ = ["BundleError", "Dataset", "DatasetError", "ExportError", "Exported", "export_bundle", "read_dataset"]
