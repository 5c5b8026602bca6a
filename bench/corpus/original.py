"""Runs a script of the original LEIA (github.com/studio-ousia/leia, scripts/) without Hugging Face's datasets and
transformers: `python original.py SCRIPT ARGUMENT…`. In their place stands the least that the scripts use, with lines of
JSON instead of Arrow files, and the tokenizers library, which is what transformers calls. Needs tokenizers and
beautifulsoup4. For original.ts.
"""

import itertools
import json
import multiprocessing
import os
import runpy
import sys
import types
from pathlib import Path

import tokenizers

BATCH = 1000  # what `map` of datasets takes by default


def mapped(examples, function, arguments, columns, removed):
    """Batches of examples as `function` returns them, beside the columns that stay."""
    examples = iter(examples)
    while batch := list(itertools.islice(examples, BATCH)):
        table = {name: [example[name] for example in batch] for name in batch[0]}
        given = [table[name] for name in columns] if columns else [table]
        result = function(*given, **arguments)
        table = {name: values for name, values in table.items() if name not in removed} | result
        rows = zip(*table.values())
        yield from (dict(zip(table, row)) for row in rows)


class Dataset:
    def __init__(self, examples, job=None):
        self.examples = examples
        self.job = job

    def __iter__(self):
        return iter(self.examples())

    @staticmethod
    def from_generator(generator, gen_kwargs=None):
        return Dataset(lambda: generator(**(gen_kwargs or {})))

    def filter(self, condition):
        return Dataset(lambda: filter(condition, self))

    def map(
        self,
        function,
        fn_kwargs=None,
        input_columns=None,
        remove_columns=(),
        num_proc=None,
        **_,
    ):
        job = (function, fn_kwargs or {}, input_columns, remove_columns)
        if num_proc is None:
            return Dataset(lambda: mapped(self, *job))
        return Dataset(self.examples, (num_proc, job))

    def save_to_disk(self, folder):
        os.makedirs(folder, exist_ok=True)
        if self.job is None:
            write(self, folder, 0)
            return
        processes, job = self.job
        shards = [
            multiprocessing.Process(target=write_shard, args=(self, job, folder, processes, shard))
            for shard in range(processes)
        ]
        for shard in shards:
            shard.start()
        for shard in shards:
            shard.join()
            if shard.exitcode != 0:
                sys.exit(f"a process ended with {shard.exitcode}")


def write(examples, folder, shard):
    with open(Path(folder) / f"{shard}.jsonl", "w") as file:
        for example in examples:
            file.write(json.dumps(example) + "\n")


def write_shard(dataset, job, folder, shards, shard):
    own = (example for i, example in enumerate(dataset) if i // BATCH % shards == shard)
    write(mapped(own, *job), folder, shard)


def from_generator(generator, gen_kwargs=None):
    examples = list(Dataset.from_generator(generator, gen_kwargs))
    return Dataset(lambda: examples)


def load_from_disk(folder):
    def examples():
        for path in sorted(Path(folder).glob("*.jsonl")):
            with open(path) as file:
                yield from map(json.loads, file)

    return Dataset(examples)


class Tokenizer:
    def __init__(self, folder):
        self.tokenizer = tokenizers.Tokenizer.from_file(f"{folder}/tokenizer.json")

    def __call__(self, text, add_special_tokens=True, **_):
        if isinstance(text, str):
            return {"input_ids": self.tokenizer.encode(text, add_special_tokens=add_special_tokens).ids}
        encodings = self.tokenizer.encode_batch(text, add_special_tokens=add_special_tokens)
        return {
            "input_ids": [encoding.ids for encoding in encodings],
            "offset_mapping": [encoding.offsets for encoding in encodings],
            "special_tokens_mask": [encoding.special_tokens_mask for encoding in encodings],
        }


if __name__ == "__main__":
    same = lambda value=None, **_: value  # noqa: E731
    sys.modules["datasets"] = types.SimpleNamespace(
        IterableDataset=Dataset,
        Dataset=types.SimpleNamespace(from_generator=from_generator),
        load_from_disk=load_from_disk,
        Features=same,
        Sequence=same,
        Value=same,
    )
    sys.modules["transformers"] = types.SimpleNamespace(
        AutoTokenizer=types.SimpleNamespace(from_pretrained=Tokenizer),
        PreTrainedTokenizerBase=Tokenizer,
    )
    sys.argv = sys.argv[1:]
    sys.path.insert(0, str(Path(sys.argv[0]).resolve().parent.parent))
    runpy.run_path(sys.argv[0], run_name="__main__")
