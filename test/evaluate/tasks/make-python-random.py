"""Records what CPython's random.Random draws, for python-random.test.ts:
python3 make-python-random.py > ../../fixtures/evaluation/python-random.json"""
import json
import random
import sys

cases = []
for seed in [0, 1, 42, 1234, 2**32 - 1, 2**32, 2**40 + 17, 2**53 - 1]:
    rnd = random.Random(seed)
    values = [rnd.random() for _ in range(5)]
    below = [[n, rnd.randrange(n)] for n in [1, 2, 3, 5, 7, 8, 9, 1000, 1119, 8939, 2**31, 2**32 - 1]]
    shuffles = []
    for n in [0, 1, 2, 10, 700]:
        items = list(range(n))
        rnd.shuffle(items)
        shuffles.append(items)
    samples = []
    # Around 21, where CPython changes its algorithm for up to five draws, and for more draws later.
    for n, k in [(5, 5), (20, 4), (21, 4), (22, 4), (1000, 5), (21, 6), (85, 6), (86, 6), (277, 22), (278, 22), (8939, 4), (3, 0)]:
        samples.append([n, k, rnd.sample(range(n), k)])
    cases.append({"seed": seed, "random": values, "below": below, "shuffles": shuffles, "samples": samples, "last": rnd.random()})

# As lm-evaluation-harness's old evaluator does: shuffle the questions, then draw for each question in that order.
rnd = random.Random()
rnd.seed(42)
questions = list(range(1119))
rnd.shuffle(questions)
draws = [rnd.sample(range(8939), 4) for _ in questions[:20]]
json.dump({"python": sys.version.split()[0], "cases": cases, "harness": {"questions": questions[:20], "draws": draws}}, sys.stdout)
print()
