"""Writes JSON Lines of X-CSR as the Hub has them: Parquet, choices as lists of labels and texts.
python make-parquet.py ../../fixtures/evaluation/sets/X-CODAH/jap/dev.jsonl OUTPUT   (needs: pip install pyarrow)"""
import json
import sys

import pyarrow
import pyarrow.parquet

with open(sys.argv[1], encoding="utf-8") as file:
    rows = [json.loads(line) for line in file]
for row in rows:
    choices = row["question"]["choices"]
    row["question"]["choices"] = {key: [choice[key] for choice in choices] for key in ("label", "text")}
    row["number"] = 2**40  # an int64, which JavaScript has as bigint
pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), sys.argv[2], compression="snappy")
