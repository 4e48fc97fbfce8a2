"""What evaluation and export add to the run of the training: a store that is away costs them a warning."""

from __future__ import annotations

import importlib.metadata
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from geogan.files import sha256_of

from .tracking_points import Point, points_of
from .tracking_server import reason
from .tracking_store import Store

MODEL_HASH = "geogan.sha256"


def add_to_run(
    root: Path,
    run_json: Path,
    *,
    metrics: Mapping[str, Any] | None = None,
    artifacts: Mapping[str, Path] | None = None,
    uri: str | None = None,
) -> bool:
    """Add metrics and artifacts to the run that ``run_json`` names, or else to the newest run of its key.

    ``metrics`` are flat: the numbers in them are taken, those that the run has already are not sent again.
    ``artifacts`` maps a folder in the run (``""`` for its top) to a file or folder.
    Returns whether everything was sent; if not, one line on stderr says why.
    """
    with tolerant("metrics and figures") as outcome:
        store = Store(root, uri)
        run = find_run(store, json.loads(run_json.read_text(encoding="utf-8")))
        store.send(run.info.run_id, new_metrics(run, metrics or {}, replace=True))
        for folder, path in (artifacts or {}).items():
            send = store.client.log_artifacts if path.is_dir() else store.client.log_artifact
            send(run.info.run_id, str(path), folder or None)
    return not outcome


def log_onnx_model(
    root: Path,
    run_json: Path,
    model: Path,
    example: Mapping[str, Any],
    *,
    name: str = "generator",
    extra_files: Sequence[Path] = (),
    uri: str | None = None,
) -> bool:
    """Log ``model`` (.onnx, in one file) to a run as an MLflow model of the ONNX flavour, with a signature.

    ``example`` holds an array for every input, with more than one element in the batch. The signature comes
    from the graph: an axis without a fixed length is -1 in it. ``extra_files`` travel with the model.
    The same file is not logged twice. Returns and warns as ``add_to_run`` does.
    """
    with tolerant("model") as outcome:
        store = Store(root, uri)
        run = find_run(store, json.loads(run_json.read_text(encoding="utf-8")))
        digest = sha256_of(model)
        if not _is_logged(store, run, digest):
            _log(store, run, model, dict(example), name, extra_files, digest)
    return not outcome


def find_run(store: Store, identity: Mapping[str, Any]) -> Any:
    """The run that a run.json names, else the newest run of its key. Raises LookupError if there is none."""
    candidates = list(store.runs(str(identity["key"]))) if store.exists else []
    for run in candidates:
        if run.info.run_id == identity.get("run_id"):
            return run
    if not candidates:
        raise LookupError("it has no run of this training")
    finished = (run for run in candidates if run.info.status == "FINISHED")
    return next(finished, candidates[0])


def new_metrics(run: Any, metrics: Mapping[str, Any], *, replace: bool) -> list[Point]:
    """The points of ``metrics`` that the run lacks and, with ``replace``, those that it holds otherwise."""
    known = run.data.metrics
    return [
        point
        for point in points_of(0, metrics, time.time_ns() // 1_000_000)
        if (known[point.name] != point.value and replace if point.name in known else True)
    ]


@contextmanager
def tolerant(
    what: str, mend: str = "'geogan runs import' rebuilds the run from the files of the model and its metrics"
) -> Iterator[list[str]]:
    """Turn any error into one line on stderr, with what mends it, kept in the list that is yielded."""
    outcome: list[str] = []
    try:
        yield outcome
    except Exception as error:  # whatever a store raises
        outcome.append(reason(error))
        print(f"MLflow did not take the {what}: {outcome[0]}. {mend}", file=sys.stderr)


def _is_logged(store: Store, run: Any, digest: str) -> bool:
    models = store.client.search_logged_models(
        [run.info.experiment_id], filter_string=f"source_run_id = '{run.info.run_id}'"
    )
    return any(model.tags.get(MODEL_HASH) == digest and str(model.status) == "READY" for model in models)


def _log(
    store: Store,
    run: Any,
    path: Path,
    example: dict[str, Any],
    name: str,
    extra_files: Sequence[Path],
    digest: str,
) -> None:
    import mlflow.onnx
    import onnx
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model, ModelSignature

    graph = onnx.load(path)
    signature = ModelSignature(inputs=_schema(graph.graph.input), outputs=_schema(graph.graph.output))
    logged = store.client.create_logged_model(
        run.info.experiment_id, name=name, source_run_id=run.info.run_id, tags={MODEL_HASH: digest}
    )
    identity = logged.model_id
    try:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "model"
            mlflow.onnx.save_model(
                graph,
                folder,
                mlflow_model=Model(run_id=run.info.run_id, model_uuid=logged.model_id, model_id=logged.model_id),
                signature=signature,
                input_example=example,
                pip_requirements=[_pinned(library) for library in ("mlflow", "onnx", "onnxruntime", "numpy")],
                save_as_external_data=False,
                extra_files=[str(file) for file in extra_files] or None,
            )
            store.client.log_model_artifacts(identity, str(folder))
        store.client.log_outputs(run.info.run_id, [LoggedModelOutput(identity, step=0)])
    except Exception:
        store.client.finalize_logged_model(identity, "FAILED")
        raise
    store.client.finalize_logged_model(identity, "READY")


def _schema(values: Any) -> Any:
    """The MLflow schema of the inputs or the outputs of an ONNX graph."""
    from mlflow.types import Schema, TensorSpec
    from onnx.helper import tensor_dtype_to_np_dtype

    specs = []
    for value in values:
        tensor = value.type.tensor_type
        shape = tuple(axis.dim_value if axis.HasField("dim_value") else -1 for axis in tensor.shape.dim)
        specs.append(TensorSpec(tensor_dtype_to_np_dtype(tensor.elem_type), shape, value.name))
    return Schema(specs)


def _pinned(library: str) -> str:
    return f"{library}=={importlib.metadata.version(library).split('+')[0]}"
