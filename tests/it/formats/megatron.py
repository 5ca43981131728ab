"""Megatron's own reader and builder of `.bin`/`.idx` pairs, without torch, which they need for a base class and annotations only.

megatron.py WHEEL read PREFIX            prints the pair as JSON
megatron.py WHEEL write PREFIX DTYPE     writes the pair that standard input holds as JSON: a list of documents of items of tokens
"""

import importlib.util
import json
import pathlib
import sys
import tempfile
import types
import zipfile

import numpy


def stub(name, **attributes):
    module = types.ModuleType(name)
    module.__dict__.update(attributes)
    sys.modules[name] = module
    return module


def load(wheel):
    """The module, with as much of what it imports as it touches here."""
    dataset = type("Dataset", (), {})
    stub("torch", Tensor=object, utils=types.SimpleNamespace(data=types.SimpleNamespace(Dataset=dataset)))
    for package in ["megatron", "megatron.core", "megatron.core.datasets"]:
        stub(package, __path__=[])
    nothing = lambda *args, **kwargs: False
    names = [
        "cache_index_file", "dataset_exists", "get_index_cache_path", "get_object_storage_access", "is_object_storage_path",
        "parse_s3_path",
    ]
    stub("megatron.core.datasets.object_storage_utils", S3Config=object, ObjectStorageConfig=object, **dict.fromkeys(names, nothing))
    stub("megatron.core.msc_utils", MultiStorageClientFeature=types.SimpleNamespace(is_enabled=nothing))
    stub("megatron.core.utils", log_single_rank=nothing)
    with tempfile.TemporaryDirectory() as folder:
        path = zipfile.ZipFile(wheel).extract("megatron/core/datasets/indexed_dataset.py", folder)
        spec = importlib.util.spec_from_file_location("megatron.core.datasets.indexed_dataset", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


class Tensor:
    """What the builder asks of a tensor."""

    def __init__(self, values):
        self.values = numpy.array(values, dtype=numpy.int64)

    def numpy(self):
        return self.values


def main(wheel, verb, prefix, dtype=None):
    megatron = load(wheel)
    if verb == "read":
        dataset = megatron.IndexedDataset(prefix)
        found = {
            "dtype": numpy.dtype(dataset.index.dtype).name,
            "items": [dataset[i].tolist() for i in range(len(dataset))],
            "documents": dataset.document_indices.tolist(),
        }
        print(json.dumps(found))
    else:
        builder = megatron.IndexedDatasetBuilder(prefix + ".bin", dtype=getattr(numpy, dtype))
        for document in json.load(sys.stdin):
            for item in document:
                builder.add_item(Tensor(item))
            builder.end_document()
        builder.finalize(prefix + ".idx")


main(*sys.argv[1:])
