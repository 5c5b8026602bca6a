"""Records character F of pairs, for character-f.test.ts. Follows fuzzywuzzy 0.18's definition of token_sort_ratio with
Python's own str and re, over NFKC strings; the distance is that of python-Levenshtein with substitutions that cost 2.
python3 make-character-f.py > ../../fixtures/evaluation/character-f.json   (needs: pip install Levenshtein)"""
import json
import random
import re
import sys
import unicodedata

import Levenshtein

letters = re.compile(r"(?ui)\W")
deleted = {code: None for code in range(128, 256)}


def process(text):
    text = unicodedata.normalize("NFKC", text).translate(deleted)
    return " ".join(sorted(letters.sub(" ", text).strip().lower().split())).strip()


def score(a, b):
    a, b = process(a), process(b)
    if a == b:
        return 100
    if len(a) == 0 or len(b) == 0:
        return 0
    total = len(a) + len(b)
    distance = Levenshtein.distance(a, b, weights=(1, 1, 2))
    return int(round(100 * ((total - distance) / total)))


words = """東京 京都 大阪府 東京都 １９９９年 1999年 café cafe naïve ÀÉ straße STRASSE ΣΊΣΥΦΟΣ σίσυφος İstanbul istanbul
𠮷野家 吉野家 ｶﾌﾞｼｷ 株式会社 ㈱ ① 1 Ⅳ IV ½ 100% 100 ％ foo_bar foo-bar a.b a b हिन्दी हिंदी भाषा कि ไทย עברית العربية
Привет ПРИВЕТ é e\u0301 ﬁ fi Å Å 😀 👩‍👩‍👧 ・ ー カリフォルニア州クパチーノ カリフォルニア クパチーノ YES NO yes ！ ！！
𝒳 𝟙 Ａ Ａｂｃ 𡈽 土 ￥ ¥ ° º ª µ μ ß ẞ ǅ ǆ ٣ 3 〇 零 々 〆 ヶ ケ 々 _ __ ﹏""".split()
rnd = random.Random(7)
pairs = [("", ""), ("", "a"), ("a", ""), ("!", "?"), ("!", ""), (" ", "　"), ("abcdefgh", "a1b2c3d4"),
         ("abcd efgh ijkl", "efgh"), ("b a", "a b"), ("𠮷野家", "吉野家"), ("café", "cafe"), ("\uff01", "!"),
         ("\U0002000b \uf900", "\uf900 \U0002000b"), ("x" * 15 + "y", "x"), ("ab", "abcdef" * 5 + "gh")]
# Ratios whose hundredfold lies at a half: 12.5, 62.5, 57.5, 28.5, 14.5, and what floating point makes of them.
for total in (8, 16, 40, 80, 200):
    for kept in range(0, total + 1, 2):
        a = "k" * (kept // 2) + "a" * ((total - kept) // 2)
        b = "k" * (kept // 2) + "b" * (total - len(a) - kept // 2)
        pairs.append((a, b))
for _ in range(400):
    parts = lambda: [rnd.choice(words) for _ in range(rnd.randrange(1, 5))]
    a = parts()
    b = list(a) if rnd.random() < 0.5 else parts()
    if rnd.random() < 0.7:
        rnd.shuffle(b)
    if rnd.random() < 0.6:
        b[rnd.randrange(len(b))] = rnd.choice(words)
    join = lambda list: rnd.choice(["", " ", "、", "・"]).join(list)
    pairs.append((join(a), join(b)))
json.dump({"python": sys.version.split()[0], "unicode": unicodedata.unidata_version,
           "pairs": [[a, b, score(a, b)] for a, b in pairs]}, sys.stdout, ensure_ascii=False)
print()
