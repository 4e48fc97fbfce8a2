"""Imports go one way, heavy ones wait, and every part is in its table."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from geogan.choices import Table
from geogan.critics import CRITICS
from geogan.datasets import DIGIT_SOURCES, SOURCES
from geogan.generators import GENERATORS
from geogan.objectives import OBJECTIVES
from geogan.penalties import CONSTRAINT_COSTS, CRITIC_PENALTIES, DIVERSITIES, RECONSTRUCTIONS
from geogan.systems import SYSTEMS
from tests.clone import ROOT

LIBRARY, PIPELINE = ROOT / "src" / "geogan", ROOT / "pipeline"

# Each layer may import those before it, and its own as long as that makes no circle.
LAYERS = {
    "base": "augmentation errors files image_pool blocks choices facies grids ground manifests shards training_image "
    "value_range well_columns workers",
    "pictures": "scenes domains rasters",
    "parts": "generators critics objectives penalties latents soft_data optimisers constraints datasets tiles metrics "
    "selection footprints territories scene_tasks scene_windows scene_tiles scaling",
    "systems": "system batches picture_batches unpaired_batches systems",
    "configuration": "config trial study study_table",
    "work": "train checkpoint bundles evaluate evaluate_property evaluate_translation export export_fields "
    "export_pictures inference translation translation_sheets prepare prepare_scenes store scene_store scene_writing "
    "writing ensemble hard_data whole_scenes receptive_field large_fields drawn_fields fields fields_gslib fields_npz "
    "fields_tif fields_zarr wells wells_layer wells_table conditions descent field_curves refinement refinement_report "
    "rescaling soft_maps target_proportions variable facies_variable property_variable value_figures",
}
LAYER = {module: number for number, names in enumerate(LAYERS.values()) for module in names.split()}
APPLICATION = {"dvc", "mlflow", "typer", "click", "rich", "ruamel"}
LAZY = {
    "dask",
    "distributed",
    "h5py",
    "rasterio",
    "pyogrio",
    "shapely",
    "pooch",
    "requests",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "matplotlib",
}


def imported(file: Path, *, everywhere: bool) -> Iterator[str]:
    """The absolute names of the modules that a file imports; at its top alone, or in its functions too."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree) if everywhere else _at_import(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for name in node.names:
                inner = f"{node.module}.{name.name}"
                yield inner if _is_module(inner) else str(node.module)


def _is_module(name: str) -> bool:
    path = LIBRARY.parent.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def _at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when the module is imported, those for type checkers left out."""
    for node in ast.iter_child_nodes(tree):
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and not typing_only:
            yield node
            yield from _at_import(node)


def name_of(file: Path) -> str:
    """The module, or the package that it belongs to, below geogan."""
    return file.relative_to(LIBRARY).parts[0].removesuffix(".py")


def library() -> list[Path]:
    return [file for file in sorted(LIBRARY.rglob("*.py")) if file != LIBRARY / "__init__.py"]


def test_every_module_has_its_layer_and_imports_none_above_it() -> None:
    for file in library():
        own = LAYER.get(name_of(file))
        assert own is not None, f"{file}: write its layer into this test"
        for module in imported(file, everywhere=True):
            if module.startswith("geogan."):
                other = module.split(".")[1]
                assert LAYER.get(other, 99) <= own, f"{file} imports {module}"


def test_no_imports_go_in_a_circle() -> None:
    left = {
        ".".join(file.relative_to(LIBRARY.parent).with_suffix("").parts).removesuffix(".__init__"): set(
            imported(file, everywhere=False)
        )
        for file in library()
    }
    assert "geogan.metrics.memory" in left["geogan.evaluate"]
    while left:
        free = {name for name, names in left.items() if not names & left.keys()}
        assert free, f"in circles: {sorted(left)}"
        left = {name: names for name, names in left.items() if name not in free}


def test_the_library_knows_nothing_of_the_application() -> None:
    for file in library():
        for module in imported(file, everywhere=True):
            assert not module.startswith("geogan.pipeline"), file
            # params.yaml is read by config.py, which is what ruamel is for
            assert module.split(".")[0] not in APPLICATION or (file.name, module[:6]) == ("config.py", "ruamel"), file


def test_heavy_libraries_are_imported_where_they_are_used() -> None:
    for file in library():
        assert not {module.split(".")[0] for module in imported(file, everywhere=False)} & LAZY, file


def test_the_command_line_imports_nothing_heavy_at_its_top() -> None:
    light = {"cli.py", "exits.py", "__init__.py"}
    for name in light:
        tops = {module.split(".")[0] for module in imported(PIPELINE / name, everywhere=False)}
        assert tops <= set(sys.stdlib_module_names) | {"typer", "geogan"}, name
    assert set(imported(PIPELINE / "cli.py", everywhere=False)) & {"geogan.errors"}


@pytest.mark.slow
def test_the_training_core_loads_neither_rasters_nor_dvc_nor_mlflow() -> None:
    code = (
        "import sys, geogan.train, geogan.systems, geogan.config, geogan.evaluate, geogan.inference\n"
        "import geogan.translation\n"
        f"print(sorted({APPLICATION | LAZY!r} - {{'ruamel', 'requests'}} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


HELPERS = {"context", "courses", "levels", "city", "city_rendering", "city_streets", "map_classes", "digits", "pairing"}


@pytest.mark.parametrize(
    ("package", "tables", "helpers"),
    [
        ("generators", [GENERATORS], {"generator", "hourglass", "surrounded", "translator"}),
        ("critics", [CRITICS], set()),
        ("objectives", [OBJECTIVES], {"objective"}),
        ("penalties", [CRITIC_PENALTIES, CONSTRAINT_COSTS, DIVERSITIES, RECONSTRUCTIONS], {"gradient"}),
        ("systems", [SYSTEMS], set()),
        ("datasets", [SOURCES, DIGIT_SOURCES], HELPERS),
    ],
)
def test_every_part_is_a_file_of_its_name_and_every_file_is_in_a_table(
    package: str, tables: list[Table], helpers: set[str]
) -> None:
    """dvc.yaml finds the file of a part by the part's name."""
    files = {file.stem for file in (LIBRARY / package).glob("*.py")} - {"__init__"}
    assert files - helpers == {name for table in tables for name in table}
    for table in tables:
        for name, part in table.items():
            assert part.__module__ == f"geogan.{package}.{name}"
