"""What a bundle does not carry, by class, and what to do instead."""

from __future__ import annotations

from typing import Any

from sklearn import impute, preprocessing
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .errors import ExportError
from .steps import every_step, inner_steps, is_of_scikit_learn, is_selection

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
    "KMeans": LINEAR,
    "MiniBatchKMeans": LINEAR,
    "Nystroem": LINEAR,
    "RBFSampler": LINEAR,
    "GaussianRandomProjection": LINEAR,
    "SparseRandomProjection": LINEAR,
    "KNNImputer": FILL,
    "IterativeImputer": FILL,
    "PolynomialFeatures": f"{LINEAR}; a product or a ratio that matters belongs in the dataprep SQL",
    "SplineTransformer": f"{LINEAR}; for bins use KBinsDiscretizer",
    "FunctionTransformer": f"a bundle carries no code; {IN_SQL}, or leave it out where it ascends, as log1p does",
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
SAME_COLUMNS = "train a RandomForestClassifier on the same columns"
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
    "AdaBoostClassifier": SAME_COLUMNS,
    "DecisionTreeClassifier": f"train RandomForestClassifier(1, bootstrap=False, max_features=None): {ANEW}",
    "ExtraTreeClassifier": f"train ExtraTreesClassifier(1): {ANEW}",
    "RandomForestRegressor": TWO_CLASSES,
    "ExtraTreesRegressor": TWO_CLASSES,
    "HistGradientBoostingRegressor": TWO_CLASSES,
    "GradientBoostingRegressor": TWO_CLASSES,
    "DecisionTreeRegressor": TWO_CLASSES,
    "XGBRegressor": TWO_CLASSES,
    "LGBMRegressor": TWO_CLASSES,
    "MultiOutputClassifier": "export one forest per output, of its estimators_, in its place",
    "ClassifierChain": "export one forest per output, trained on columns alone",
    "OneVsRestClassifier": "export one forest per class, of its estimators_, in its place",
    "OneVsOneClassifier": "train one forest on two classes, the outcome and the rest",
    "FixedThresholdClassifier": "export its estimator_ in its place, a score needs no threshold",
    "TunedThresholdClassifierCV": "export its estimator_ in its place, a score needs no threshold",
    "BaggingClassifier": "a forest is bagged already: train it alone",
    "VotingClassifier": "export one of its forests, of its estimators_, in its place",
    "StackingClassifier": "export one of its forests, of its estimators_, in its place",
}


def refused_step(where: str, step: Any) -> ExportError:
    """Return the error for a step that has no rule."""
    kind = type(step).__name__
    if hasattr(step, "fit_resample"):
        instead = "it works in training only: export Pipeline([...]) of the other fitted steps"
    elif not hasattr(step, "transform"):
        instead = "a step before the last one transforms: export the pipeline that ends in the forest"
    elif not is_of_scikit_learn(step):
        instead = f"a bundle carries no code of your own; {instead_of_own(step)}"
    else:
        instead = STEPS.get(kind, IN_SQL)
    return ExportError(f"step {where!r} is a {kind}, which a bundle cannot carry exactly: {instead}")


def instead_of_own(step: Any) -> str:
    """Return what to do instead of a step of one's own: it may be scikit-learn's class below it, or of its name."""
    own = type(step)
    name = next((c.__name__ for c in own.__mro__ if c.__module__.startswith(LIBRARY)), own.__name__)
    if name in STEPS:
        return STEPS[name]
    known = any(hasattr(library, name) for library in (preprocessing, impute))
    return f"use scikit-learn's own {name} where that will do, or {IN_SQL}" if known else IN_SQL


def check_step(where: str, step: Any) -> None:
    """Refuse a step, or one within it, whose class is one's own or that was left unfitted."""
    for path, each in every_step(where, step):
        if each is None or isinstance(each, str | Pipeline):
            continue
        if not is_of_scikit_learn(each) and not is_selection(each):
            raise refused_step(path, each)
        check_fitted(path, each)


def check_fitted(where: str, step: Any) -> None:
    """Refuse a step that was left unfitted; one that is made of others is as fitted as they are."""
    if inner_steps(where, step):
        return
    try:
        check_is_fitted(step)
    except NotFittedError as err:
        own = "" if is_of_scikit_learn(step) else ", and let fit set an attribute whose name ends in _"
        raise ExportError(
            f"step {where!r} is a {type(step).__name__} that is not fitted: fit the whole pipeline{own}"
        ) from err


def refused_model(where: str, model: Any) -> ExportError:
    """Return the error for a last step that is no forest of classes."""
    kind = type(model).__name__
    parent = next((p.__name__ for p in (RandomForestClassifier, ExtraTreesClassifier) if isinstance(model, p)), None)
    if parent is not None:
        instead = f'it is a subclass, which may do anything: use {parent}(class_weight="balanced_subsample")'
    elif isinstance(model, type):
        instead = f"it is the class {model.__name__} itself: give one that is fitted"
    elif model is None or isinstance(model, tuple | list | dict):
        instead = "give the fitted pipeline itself"
    elif kind in MODELS:
        instead = MODELS[kind]
    elif hasattr(model, "best_estimator_"):
        instead = "export its best_estimator_ in its place"
    elif hasattr(model, "transform"):
        instead = "give the whole pipeline, with the fitted forest at its end"
    elif isinstance(model, Pipeline):
        instead = "give one pipeline that ends in the forest"
    elif hasattr(model, "classes_"):
        instead = SAME_COLUMNS
    else:
        instead = TWO_CLASSES
    return ExportError(
        f"step {where!r} is a {kind}: a bundle carries a RandomForestClassifier or an ExtraTreesClassifier, calibrated "
        f"by CalibratedClassifierCV or not, as the last step: {instead}"
    )
