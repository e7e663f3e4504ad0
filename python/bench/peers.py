"""The engines that Python drives, each with what suits it: its own file format, its own matrix, its own threads."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
from typing_extensions import override

Rows = npt.NDArray[np.float32]


class Engine:
    """A library that predicts with a converted forest. A child process holds one, and imports nothing of the others."""

    name = ""
    package = ""
    built = False  # whether converting is compiling, which may take more than a machine has

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def version(cls) -> str:
        """The installed version."""
        return importlib.metadata.version(cls.package)

    def prepare(self) -> None:
        """Convert forest.joblib in the folder to what load reads."""

    def load(self) -> None:
        """Read the converted forest."""
        raise NotImplementedError

    def form(self, rows: Rows) -> Any:
        """Give rows the form that predict takes, before the clock starts."""
        return rows

    def predict(self, form: Any, threads: int) -> npt.NDArray[Any]:
        """Return the probability of each row, in any shape."""
        raise NotImplementedError

    def trees(self) -> Any:
        """The forest's nodes, as the exporter hands them to a bundle."""
        from scored_export.trees import trees_of

        return trees_of(joblib.load(self.folder / "forest.joblib"), 1)


class ScikitLearn(Engine):
    """predict_proba, with n_jobs."""

    name, package = "scikit-learn", "scikit-learn"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        import sklearn.ensemble  # noqa: F401

    @override
    def load(self) -> None:
        self.model = joblib.load(self.folder / "forest.joblib")

    @override
    def predict(self, form: Rows, threads: int) -> npt.NDArray[Any]:
        self.model.n_jobs = threads
        answers: npt.NDArray[Any] = self.model.predict_proba(form)
        return answers[:, 1]


class OnnxRuntime(Engine):
    """One TreeEnsembleRegressor in float32. A session has its number of threads for life."""

    name, package = "ONNX Runtime", "onnxruntime"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        import onnxruntime

        self.library = onnxruntime
        self.sessions: dict[int, Any] = {}

    @property
    def _file(self) -> Path:
        return self.folder / "onnxruntime.onnx"

    @override
    def prepare(self) -> None:
        from .convert import onnx_file

        onnx_file(self.trees(), self._file)

    @override
    def load(self) -> None:
        self._session(1)

    def _session(self, threads: int) -> Any:
        if threads not in self.sessions:
            options = self.library.SessionOptions()
            options.intra_op_num_threads = threads
            options.inter_op_num_threads = 1
            self.sessions[threads] = self.library.InferenceSession(self._file, options)
        return self.sessions[threads]

    @override
    def predict(self, form: Rows, threads: int) -> npt.NDArray[Any]:
        answers: npt.NDArray[Any] = self._session(threads).run(None, {"rows": form})[0]
        return answers


class LightGBM(Engine):
    """Booster.predict from v4 text, with num_threads."""

    name, package = "LightGBM", "lightgbm"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        import lightgbm

        self.library = lightgbm

    @override
    def prepare(self) -> None:
        from .convert import lightgbm_text

        lightgbm_text(self.trees(), self.folder / "lightgbm.txt")

    @override
    def load(self) -> None:
        self.booster = self.library.Booster(model_file=self.folder / "lightgbm.txt")

    @override
    def predict(self, form: Rows, threads: int) -> npt.NDArray[Any]:
        return np.asarray(self.booster.predict(form, num_threads=threads))


class XGBoost(Engine):
    """Booster.inplace_predict, with nthread."""

    name, package = "XGBoost", "xgboost-cpu"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        import xgboost

        self.library = xgboost

    @override
    def prepare(self) -> None:
        from .convert import xgboost_file

        xgboost_file(self.trees(), self.folder / "xgboost.ubj")

    @override
    def load(self) -> None:
        self.booster = self.library.Booster(model_file=self.folder / "xgboost.ubj")

    @override
    def predict(self, form: Rows, threads: int) -> npt.NDArray[Any]:
        self.booster.set_param({"nthread": threads})
        return np.asarray(self.booster.inplace_predict(form))


class Treelite(Engine):
    """GTIL, Treelite's interpreter, on the model that Treelite makes of scikit-learn's."""

    name, package = "Treelite GTIL", "treelite"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        import treelite

        self.library = treelite

    def _imported(self) -> Any:
        return self.library.sklearn.import_model(joblib.load(self.folder / "forest.joblib"))

    @override
    def prepare(self) -> None:
        self._imported().serialize(self.folder / "treelite.bin")

    @override
    def load(self) -> None:
        self.model = self.library.Model.deserialize(self.folder / "treelite.bin")

    @override
    def form(self, rows: Rows) -> Any:
        return rows.astype(np.float64)

    @override
    def predict(self, form: Any, threads: int) -> npt.NDArray[Any]:
        answers: npt.NDArray[Any] = self.library.gtil.predict(self.model, form, nthread=threads)
        return answers[:, 0, 1]


class TL2cgen(Treelite):
    """C that TL2cgen writes of the forest, one file per tree, compiled by gcc with its own flags."""

    name, package, built = "TL2cgen", "tl2cgen", True

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        import tl2cgen

        self.compiler = tl2cgen
        self.predictors: dict[int, Any] = {}

    @property
    def _file(self) -> Path:
        return self.folder / "tl2cgen.so"

    @override
    def prepare(self) -> None:
        model = self._imported()
        parts = {"parallel_comp": model.num_tree}
        self.compiler.export_lib(model, toolchain="gcc", libpath=self._file, params=parts, nthread=2)

    @override
    def load(self) -> None:
        self._predictor(1)

    def _predictor(self, threads: int) -> Any:
        if threads not in self.predictors:
            self.predictors[threads] = self.compiler.Predictor(self._file, nthread=threads)
        return self.predictors[threads]

    @override
    def form(self, rows: Rows) -> Any:
        return self.compiler.DMatrix(rows.astype(np.float64))

    @override
    def predict(self, form: Any, threads: int) -> npt.NDArray[Any]:
        answers: npt.NDArray[Any] = self._predictor(threads).predict(form)
        return answers[:, 0, 1]


class Lleaves(LightGBM):
    """Machine code that LLVM makes of LightGBM's text, with lleaves' own settings."""

    name, package, built = "lleaves", "lleaves", True

    def __init__(self, folder: Path) -> None:
        Engine.__init__(self, folder)
        import lleaves

        self.library = lleaves

    @override
    def prepare(self) -> None:
        super().prepare()
        self.load()

    @override
    def load(self) -> None:
        self.model = self.library.Model(str(self.folder / "lightgbm.txt"))
        self.model.compile(cache=self.folder / "lleaves.bin")

    @override
    def form(self, rows: Rows) -> Any:
        return rows.astype(np.float64)

    @override
    def predict(self, form: Any, threads: int) -> npt.NDArray[Any]:
        return np.asarray(self.model.predict(form, n_jobs=threads))


ENGINES: tuple[type[Engine], ...] = (ScikitLearn, OnnxRuntime, LightGBM, XGBoost, Treelite, TL2cgen, Lleaves)


def engine(name: str) -> type[Engine]:
    """Return the engine of that name."""
    return next(e for e in ENGINES if e.name == name)
