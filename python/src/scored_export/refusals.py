"""What a bundle does not carry, by class, and what to do instead."""

from __future__ import annotations

from typing import Any

from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .errors import ExportError

IN_SQL = "compute it in the dataprep SQL, which training and every run share"
LINEAR = "leave it out, a forest splits on the columns themselves"
MONOTONE = "leave it out, a forest splits alike on a column and on an ascending function of it"
WORDS = "count the words that matter in the dataprep SQL, as columns of numbers"
FILL = "use SimpleImputer, or leave missing values to the forest"

STEPS = {
    "PowerTransformer": MONOTONE,
    "QuantileTransformer": f"{MONOTONE}; for bins use KBinsDiscretizer(strategy='quantile')",
    "Normalizer": f"{IN_SQL}, or leave it out",
    "PCA": LINEAR,
    "IncrementalPCA": LINEAR,
    "KernelPCA": LINEAR,
    "TruncatedSVD": LINEAR,
    "FastICA": LINEAR,
    "NMF": LINEAR,
    "LinearDiscriminantAnalysis": LINEAR,
    "FeatureAgglomeration": LINEAR,
    "KNNImputer": FILL,
    "IterativeImputer": FILL,
    "PolynomialFeatures": f"{LINEAR}; a product or a ratio that matters belongs in the dataprep SQL",
    "SplineTransformer": f"{LINEAR}; for bins use KBinsDiscretizer",
    "FunctionTransformer": f"a bundle carries no code; {IN_SQL}",
    "CountVectorizer": WORDS,
    "TfidfVectorizer": WORDS,
    "TfidfTransformer": WORDS,
    "HashingVectorizer": WORDS,
    "FeatureHasher": "use OneHotEncoder(max_categories=...) or OrdinalEncoder",
    "DictVectorizer": "give the columns as a DataFrame, and use OneHotEncoder",
    "LabelEncoder": "use OrdinalEncoder",
    "LabelBinarizer": "use OneHotEncoder",
    "MultiLabelBinarizer": "make a column of 0 and 1 per label in the dataprep SQL",
}

LIBRARY = ("sklearn.preprocessing", "sklearn.impute", "sklearn.decomposition", "sklearn.feature_extraction")

LATER = (
    "bundles of boosted trees (LightGBM, XGBoost, HistGradientBoosting, GradientBoosting) are not read yet; train a "
    "forest on the same columns meanwhile"
)
TWO_CLASSES = "train a RandomForestClassifier on two classes, the outcome and the rest"
ANEW = "one tree, trained anew"
MODELS = {
    "HistGradientBoostingClassifier": LATER,
    "GradientBoostingClassifier": LATER,
    "XGBClassifier": LATER,
    "XGBRFClassifier": LATER,
    "LGBMClassifier": LATER,
    "CatBoostClassifier": LATER,
    "Booster": LATER,
    "AdaBoostClassifier": "train a RandomForestClassifier on the same columns",
    "DecisionTreeClassifier": f"train RandomForestClassifier(1, bootstrap=False, max_features=None): {ANEW}",
    "ExtraTreeClassifier": f"train ExtraTreesClassifier(1): {ANEW}",
    "RandomForestRegressor": TWO_CLASSES,
    "ExtraTreesRegressor": TWO_CLASSES,
    "HistGradientBoostingRegressor": TWO_CLASSES,
    "GradientBoostingRegressor": TWO_CLASSES,
    "DecisionTreeRegressor": TWO_CLASSES,
    "XGBRegressor": TWO_CLASSES,
    "LGBMRegressor": TWO_CLASSES,
    "MultiOutputClassifier": "export one forest per output, its estimators_",
    "ClassifierChain": "export one forest per output, trained on columns alone",
    "OneVsRestClassifier": "export one forest per class, its estimators_",
    "OneVsOneClassifier": "train one forest on two classes, the outcome and the rest",
    "FixedThresholdClassifier": "export its estimator_, a score needs no threshold",
    "TunedThresholdClassifierCV": "export its estimator_, a score needs no threshold",
    "BaggingClassifier": "a forest is bagged already: train it alone",
    "VotingClassifier": "export one of its forests, its estimators_",
    "StackingClassifier": "export one of its forests, its estimators_",
    "LogisticRegression": "train a RandomForestClassifier on the same columns",
}


def refused_step(where: str, step: Any) -> ExportError:
    """Return the error for a step that has no rule."""
    kind = type(step).__name__
    if hasattr(step, "fit_resample"):
        instead = "it works in training only: export Pipeline([...]) of the other fitted steps"
    elif not hasattr(step, "transform"):
        instead = "a step before the last one transforms: export the pipeline that ends in the forest"
    elif type(step).__module__.split(".")[0] != "sklearn":
        parent = next((p.__name__ for p in type(step).__mro__ if p.__module__.startswith(LIBRARY)), "_")
        its_own = "" if parent.startswith("_") else f"use scikit-learn's own {parent} where that will do, or "
        instead = f"a bundle carries no code of your own; {its_own}{IN_SQL}"
    else:
        instead = STEPS.get(kind, IN_SQL)
    return ExportError(f"step {where!r} is a {kind}, which a bundle cannot carry exactly: {instead}")


def check_fitted(where: str, step: Any) -> None:
    """Refuse a step that was left unfitted."""
    if isinstance(step, Pipeline):
        for name, inner in step.steps:
            check_fitted(f"{where}/{name}", inner)
        return
    try:
        check_is_fitted(step)
    except NotFittedError as err:
        raise ExportError(
            f"step {where!r} is a {type(step).__name__} that is not fitted: fit the whole pipeline"
        ) from err
    except TypeError:
        return  # 'passthrough', or no estimator at all


def refused_model(where: str, model: Any) -> ExportError:
    """Return the error for a last step that is no forest of classes."""
    kind = type(model).__name__
    parent = next((p.__name__ for p in (RandomForestClassifier, ExtraTreesClassifier) if isinstance(model, p)), None)
    if parent is not None:
        instead = f'it is a subclass, which may do anything: use {parent}(class_weight="balanced_subsample")'
    elif isinstance(model, tuple | list | dict):
        instead = "give the fitted pipeline itself"
    elif kind in MODELS:
        instead = MODELS[kind]
    elif hasattr(model, "best_estimator_"):
        instead = "export its best_estimator_"
    elif hasattr(model, "transform"):
        instead = "give the whole pipeline, with the fitted forest at its end"
    elif isinstance(model, Pipeline):
        instead = "give one pipeline that ends in the forest"
    else:
        instead = TWO_CLASSES
    return ExportError(
        f"step {where!r} is a {kind}: a bundle carries a RandomForestClassifier or an ExtraTreesClassifier, calibrated "
        f"by CalibratedClassifierCV or not, as the last step: {instead}"
    )
