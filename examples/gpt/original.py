# A character-level GPT from scratch.
import argparse
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=300)
parser.add_argument("--device", default="cpu")
args = parser.parse_args()

text = Path(__file__).with_name("article.txt").read_text()
characters = sorted(set(text))
ids = torch.tensor([characters.index(character) for character in text])
layers, heads, width, context, batch = 3, 4, 96, 48, 12


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.expand = nn.Linear(width, 4 * width)
        self.contract = nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x):
        parts = self.attention(self.norm1(x)).split(width, dim=2)
        query, key, value = (part.view(*x.shape[:2], heads, -1).transpose(1, 2) for part in parts)
        attended = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.dropout(self.projection(attended.transpose(1, 2).reshape(x.shape)))
        return x + self.dropout(self.contract(F.gelu(self.expand(self.norm2(x)))))


class Gpt(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(len(characters), width)
        self.positions = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block() for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, len(characters), bias=False)

    def forward(self, ids):
        x = self.tokens(ids) + self.positions.weight
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def draw_batch():
    starts = torch.randint(len(ids) - context, (batch,))
    rows = torch.stack([ids[start : start + context + 1] for start in starts]).to(args.device)
    return rows[:, :-1], rows[:, 1:]


torch.manual_seed(1)
model = Gpt().to(args.device)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
for step in range(1, args.steps + 1):
    inputs, labels = draw_batch()
    loss = F.cross_entropy(model(inputs).flatten(0, 1), labels.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step}: loss {loss.item():.3f}")

model.eval()
written = ids[:context].to(args.device)
with torch.no_grad():
    for _ in range(200):
        logits = model(written[None, -context:])[0, -1]
        written = torch.cat([written, torch.multinomial(F.softmax(logits / 0.8, 0), 1)])
print("".join(characters[id] for id in written[context:]))
