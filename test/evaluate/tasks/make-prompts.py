"""Records every prompt of the fixtures' question sets with its token ids, for prompts.test.ts. Written from the
description of each task, without a look at the library: Python draws and shuffles, Hugging Face's tokenizers encodes.
/path/to/python make-prompts.py > ../../fixtures/evaluation/prompts.json   (needs: pip install tokenizers)"""
import json
import os
import random
import sys
import xml.etree.ElementTree as ElementTree

from tokenizers import Tokenizer

here = os.path.dirname(os.path.abspath(__file__))
fixtures = os.path.join(here, "..", "..", "fixtures")
sets = os.path.join(fixtures, "evaluation", "sets")
tokenizer = Tokenizer.from_file(os.path.join(fixtures, "tokenizer-tiny", "tokenizer.json"))
BOS, EOS = tokenizer.token_to_id("<s>"), tokenizer.token_to_id("</s>")


def ids(text, special=False):
    return tokenizer.encode(text, add_special_tokens=special).ids


def lines(*path):
    with open(os.path.join(sets, *path), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def paper_request(context, continuation):
    return [ids(context) if context else [EOS], ids(continuation)]


def harness_request(context, continuation):
    if context == "":
        return [[BOS], ids(continuation)]
    blanks = len(context) - len(context.rstrip())
    if blanks > 0:
        continuation, context = context[-blanks:] + continuation, context[:-blanks]
    whole, before = ids(context + continuation, True), ids(context, True)
    return [before, whole[len(before):]]


def together(requests):
    """The context's ids, which are the same for all choices, and each choice's."""
    assert all(before == requests[0][0] for before, _ in requests)
    return {"context": requests[0][0], "continuations": [after for _, after in requests]}


def choices(context, continuations, answer, ident):
    return {"id": ident, "context": context, "continuations": continuations, "answer": answer,
            "paper": together([paper_request(context, c) for c in continuations]),
            "lm-eval": together([harness_request(context, c) for c in continuations])}


def generation(text, target, ident):
    return {"id": ident, "prompt": text, "ids": ids(text, True), "target": target}


def label(doc):
    return [c["label"] for c in doc["question"]["choices"]].index(doc["answerKey"])


def texts(doc):
    return [c["text"] for c in doc["question"]["choices"]]


def xcodah():
    docs = lines("X-CODAH", "jap", "dev.jsonl")
    random.Random(42).shuffle(docs)
    return [choices("", texts(d), label(d), d["id"]) for d in docs]


def xcsqa(language, count):
    docs = lines("X-CSQA", language, "dev.jsonl")
    rnd = random.Random(42)
    rnd.shuffle(docs)
    result = []
    for doc in docs:
        shots = ""
        if count > 0:
            drawn = [d for d in rnd.sample(docs, count + 1) if d != doc][:count]
            shots = "\n\n".join(f"Question: {d['question']['stem']}\nAnswer: {texts(d)[label(d)]}" for d in drawn) + "\n\n"
        context = shots + f"Question: {doc['question']['stem']}\nAnswer:"
        result.append(choices(context, [" " + t for t in texts(doc)], label(doc), doc["id"]))
    return result


def jcommonsenseqa():
    docs, train = lines("jcommonsenseqa", "valid-v1.1.json"), lines("jcommonsenseqa", "train-v1.1.json")
    rnd = random.Random(42)
    rnd.shuffle(docs)
    options = lambda d: [d[f"choice{i}"] for i in range(5)]
    text = lambda d: "質問：" + d["question"] + "\n選択肢：\n" + "".join(f"- {c}\n" for c in options(d)) + "回答："
    result = []
    for doc in docs:
        drawn = rnd.sample(train, 4)
        context = "与えられた選択肢の中から、最適な答えを選んでください。\x20\n\n"
        context += "\n\n".join(text(d) + options(d)[d["label"]] for d in drawn) + "\n\n" + text(doc)
        result.append(choices(context, options(doc), doc["label"], str(doc["q_id"])))
    return result


def cut(text, limit, faithful):
    encoding = tokenizer.encode(text, add_special_tokens=False)
    offsets = encoding.offsets
    if len(offsets) <= limit:
        return text
    if faithful:
        return tokenizer.decode(encoding.ids[:limit])
    return text[:min(offsets[limit - 1][1], offsets[limit][0])]


def jaqket(faithful):
    docs, train = lines("jaqket", "dev1_questions.jsonl"), lines("jaqket", "train_questions.jsonl")
    rnd = random.Random(42)
    rnd.shuffle(docs)

    def text(question, candidates, contexts, limit):
        passages = "文章:" + "\n".join(cut(c, limit, faithful) for c in contexts) + "\n" if contexts else ""
        return f"{passages}質問:{question}\n選択肢:" + ",".join(f"{i}.{c}" for i, c in enumerate(candidates)) + "\n回答:"

    def shot(doc):
        gold = doc["label"]
        keep = [0, 1] if faithful else sorted([gold, 0 if gold != 0 else 1])
        shown = text(doc["question"], [doc["answer_candidates"][i] for i in keep], [doc["contexts"][i] for i in keep], 64)
        return shown + str(gold if faithful else keep.index(gold))

    result = []
    for doc in docs:
        drawn = rnd.sample(train, 4)
        context = ("文章と質問と回答の選択肢を入力として受け取り、選択肢から質問に対する回答を選択してください。"
                   "なお、回答は選択肢の番号(例:0)でするものとします。\x20\n\n")
        context += "\n\n".join(map(shot, drawn)) + "\n\n"
        context += text(doc["question"], doc["answer_candidates"], doc.get("contexts"), 128)
        scored = [" " + c for c in doc["answer_candidates"]] if faithful else [str(i) for i in range(5)]
        result.append(choices(context, scored, doc["label"], doc["qid"]))
    return result


FRAME = "以下はタスクを説明する指示と、追加の背景情報を提供する入力の組み合わせです。要求を適切に満たす回答を書いてください。\n### 指示\n"


def llm_jp(instruction, shots, questions):
    one = lambda question: f"### 入力：\n質問：{question}\n### 回答：\n"
    start = FRAME + instruction + "\n\n" + "".join(one(q) + a + "\n\n" for _, q, a in shots)
    return [generation(start + one(q), a, i) for i, q, a in questions]


def jemhopqa():
    def read(name):
        with open(os.path.join(sets, "jemhopqa", name), encoding="utf-8") as file:
            return [(d["qid"], d["question"], d["answer"]) for d in json.load(file)]

    instruction = "質問を入力とし、回答を出力してください。回答の他には何も含めないことを厳守してください。"
    return llm_jp(instruction, read("train_ver1.1.json")[:4], read("dev_ver1.1.json"))


def niilc():
    def read(name):
        root = ElementTree.parse(os.path.join(sets, "niilc", name)).getroot()
        return [(q.get("id"), q.findtext("text"), ",".join(a.text for a in q.find("answers"))) for q in root]

    instruction = "質問に対する答えを出力してください。答えが複数の場合、コンマ（,）で繋げてください。"
    return llm_jp(instruction, read("NIILC-ECQA2015_dev.xml")[:4], read("NIILC-ECQA2015_test.xml"))


json.dump({"xcodah_ja": xcodah(), "xcsqa_ja": xcsqa("jap", 0), "xcsqa_en": xcsqa("en", 4), "jcommonsenseqa": jcommonsenseqa(),
           "jaqket": jaqket(False), "jaqket faithful": jaqket(True), "jemhopqa": jemhopqa(), "niilc": niilc()},
          sys.stdout, ensure_ascii=False)
print()
