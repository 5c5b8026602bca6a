"""PyTorch's equivalents of the benchmarked operations: a rival to compare with, and nothing the project needs.

bench/rival.ts starts this and talks to it in lines of JSON. The first line out says what runs here; then each line in
is a request and gets one line out: {"do": "begin", "task": {...}} frees the tensors of the task before and answers
with the variants of this one, {"do": "prepare", "variant": name} allocates a variant's tensors and runs it once,
{"do": "time", "variant": name, "runs": n} answers with milliseconds per run. An error is {"error": one line}.
"""

import argparse
import json
import os
import sys
import time

# Libraries may print to standard output, so answers go to a copy of it that only this file uses.
answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)

import torch  # noqa: E402
import torch._functorch.config as functorch_config  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch.nn.attention import SDPBackend, sdpa_kernel  # noqa: E402

DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "int32": torch.int32,
    "int64": torch.int64,
    "uint8": torch.uint8,
}


def answer(value):
    answers.write(json.dumps(value) + "\n")
    answers.flush()


def one_line(error):
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"[:300]


class Torch:
    def __init__(self, device):
        self.device = device
        self.cuda = device.startswith("cuda")
        if self.cuda and hasattr(functorch_config, "donated_buffer"):
            # Without this, compiled backward passes may refuse to run twice over one forward pass.
            functorch_config.donated_buffer = False

    def random(self, shape, dtype="float32", mean=0.0, deviation=1.0):
        values = torch.empty(shape, device=self.device, dtype=DTYPES[dtype])
        return values.normal_(mean, deviation)

    def synchronize(self):
        if self.cuda:
            torch.cuda.synchronize(self.device)

    def compiled(self, build):
        """With torch.compile too, on a GPU: there it fuses what eager mode runs one by one."""
        return {"compiled": lambda: build(True)} if self.cuda else {}

    # Each of these returns makers of variants: a maker allocates and returns a function that runs once.

    def copy(self, count, dtype):
        def make():
            source = self.random([count], dtype)
            target = torch.empty_like(source)
            return lambda: target.copy_(source)

        return {"copy_": make}

    def matmul(self, m, k, n, transposeA, transposeB, dtype, bias=False):
        def make():
            a = self.random([k, m] if transposeA else [m, k], dtype)
            b = self.random([n, k] if transposeB else [k, n], dtype)
            a = a.T if transposeA else a
            b = b.T if transposeB else b
            output = torch.empty([m, n], device=self.device, dtype=DTYPES[dtype])
            if bias:
                added = self.random([n], dtype)
                return lambda: torch.addmm(added, a, b, out=output)
            return lambda: torch.matmul(a, b, out=output)

        return {"addmm" if bias else "matmul": make}

    def attention(self, batch, heads, kvHeads, sequence, headDim, causal, dtype, window=None, **rest):
        backward = rest["pass"] == "backward"
        # A window is a mask here, whose hidden blocks are multiplied all the same.
        mask = {"is_causal": causal}
        if window is not None:
            position = torch.arange(sequence, device=self.device)
            behind = position[:, None] - position[None]
            mask = {"attn_mask": (behind >= 0) & (behind <= window)}

        def make(backend):
            shapes = [[batch, sequence, count, headDim] for count in (heads, kvHeads, kvHeads)]
            inputs = [self.random(shape, dtype).transpose(1, 2) for shape in shapes]
            if backward:
                inputs = [tensor.detach().requires_grad_() for tensor in inputs]

            def forward():
                return F.scaled_dot_product_attention(
                    *inputs, **mask, enable_gqa=heads != kvHeads
                )

            def run_forward():
                with sdpa_kernel(backend), torch.no_grad():
                    forward()

            if not backward:
                return run_forward
            with sdpa_kernel(backend):
                output = forward()
            gradient = self.random(shapes[0], dtype).transpose(1, 2)
            return lambda: torch.autograd.grad(output, inputs, gradient, retain_graph=True)

        backends = {"flash": SDPBackend.FLASH_ATTENTION}
        if self.cuda and window is not None:
            backends = {"efficient": SDPBackend.EFFICIENT_ATTENTION}
        elif self.cuda:
            backends["cudnn"] = SDPBackend.CUDNN_ATTENTION
        else:
            backends["math"] = SDPBackend.MATH
        return {name: lambda backend=backend: make(backend) for name, backend in backends.items()}

    def adamw(self, count):
        def make():
            parameter = self.random([count]).requires_grad_()
            parameter.grad = self.random([count])
            optimizer = torch.optim.AdamW(
                [parameter], lr=1e-3, betas=(0.9, 0.95), eps=1e-6, weight_decay=0.1, fused=True
            )
            return optimizer.step

        return {"fused": make}

    def elementwise(self, function, inputs, which):
        """Forward alone, backward alone of a forward that is kept, or both."""

        def build(compile):
            call = torch.compile(function, dynamic=False) if compile else function
            tensors = inputs()
            if which == "forward":

                def run():
                    with torch.no_grad():
                        call(*tensors)

                return run
            tensors = [t.requires_grad_() if t.is_floating_point() else t for t in tensors]
            learned = [tensor for tensor in tensors if tensor.requires_grad]
            if which == "both":
                return lambda: torch.autograd.grad(call(*tensors), learned)
            output = call(*tensors)
            gradient = torch.ones_like(output) if output.dim() == 0 else torch.randn_like(output)
            return lambda: torch.autograd.grad(output, learned, gradient, retain_graph=True)

        return {"eager": lambda: build(False), **self.compiled(build)}

    def rms_norm(self, rows, hidden, epsilon, dtype, **rest):
        if rest["pass"] == "sum":

            def of_sum(a, b, weight):
                total = a + b
                return total, F.rms_norm(total, [hidden], weight, epsilon)

            return self.elementwise(
                of_sum,
                lambda: [
                    self.random([rows, hidden], dtype),
                    self.random([rows, hidden], dtype),
                    self.random([hidden], dtype, 1.0, 0.1),
                ],
                "forward",
            )
        return self.elementwise(
            lambda x, weight: F.rms_norm(x, [hidden], weight, epsilon),
            lambda: [self.random([rows, hidden], dtype), self.random([hidden], dtype, 1.0, 0.1)],
            rest["pass"],
        )

    def layer_norm(self, rows, hidden, epsilon, dtype, **rest):
        return self.elementwise(
            lambda x, weight, bias: F.layer_norm(x, [hidden], weight, bias, epsilon),
            lambda: [
                self.random([rows, hidden], dtype),
                self.random([hidden], dtype, 1.0, 0.1),
                self.random([hidden], dtype, 0.0, 0.1),
            ],
            rest["pass"],
        )

    def softmax(self, rows, size, dtype, **rest):
        return self.elementwise(
            lambda x: F.softmax(x, dim=-1),
            lambda: [self.random([rows, size], dtype, 0.0, 2.0)],
            rest["pass"],
        )

    def log_softmax(self, rows, size, dtype, **rest):
        return self.elementwise(
            lambda x: F.log_softmax(x, dim=-1),
            lambda: [self.random([rows, size], dtype, 0.0, 2.0)],
            rest["pass"],
        )

    def reduction(self, name, shape, dimension, dtype, **rest):
        functions = {
            "sum": lambda x: x.sum(dimension),
            "mean": lambda x: x.mean(dimension),
            "max": lambda x: x.max(dimension)[0],
            "argmax": lambda x: x.argmax(dimension),
        }
        sizes = [int(size) for size in shape.split("x")]
        return self.elementwise(
            functions[name], lambda: [self.random(sizes, dtype, 1.0)], rest["pass"]
        )

    def top_k(self, rows, size, k, dtype, **rest):
        return self.elementwise(
            lambda x: x.topk(k)[0], lambda: [self.random([rows, size], dtype)], rest["pass"]
        )

    def swiglu(self, rows, width, dtype, **rest):
        return self.elementwise(
            lambda gate, up: F.silu(gate) * up,
            lambda: [self.random([rows, width], dtype, 0.0, 2.0), self.random([rows, width], dtype)],
            rest["pass"],
        )

    def permute(self, shape, order, dtype):
        def make():
            source = self.random(shape, dtype).permute(order)
            target = torch.empty(source.shape, device=self.device, dtype=DTYPES[dtype])
            return lambda: target.copy_(source)

        return {"copy_": make}

    def concatenate(self, rows, widths, dtype):
        def make():
            inputs = [self.random([rows, width], dtype) for width in widths]
            target = torch.empty([rows, sum(widths)], device=self.device, dtype=DTYPES[dtype])
            return lambda: torch.cat(inputs, dim=1, out=target)

        return {"cat": make}

    def activation(self, curve, rows, width, dtype, **rest):
        functions = {
            "gelu": F.gelu,
            "geluTanh": lambda x: F.gelu(x, approximate="tanh"),
            "silu": F.silu,
            "relu": F.relu,
            "tanh": torch.tanh,
            "sigmoid": torch.sigmoid,
        }
        return self.elementwise(
            functions[curve], lambda: [self.random([rows, width], dtype, 0.0, 2.0)], rest["pass"]
        )

    def dropout(self, rows, width, p, dtype):
        return self.elementwise(
            lambda x: F.dropout(x, p, training=True),
            lambda: [self.random([rows, width], dtype)],
            "forward",
        )

    def binary(self, name, rows, width, bRows, bWidth, dtype, **rest):
        functions = {"add": torch.add, "subtract": torch.sub}
        functions |= {"multiply": torch.mul, "divide": torch.div}
        mean = 4.0 if name == "divide" else 0.0
        return self.elementwise(
            functions[name],
            lambda: [self.random([rows, width], dtype), self.random([bRows, bWidth], dtype, mean)],
            rest["pass"],
        )

    def into(self, name, shape, dtype, inputs, function):
        """What writes into a tensor that is there; `function` takes it and the inputs."""

        def make():
            target = torch.empty(shape, device=self.device, dtype=dtype)
            given = inputs()
            return lambda: function(target, *given)

        return {name: make}

    def compare(self, name, rows, width, dtype):
        function = {
            "equal": torch.eq,
            "notEqual": torch.ne,
            "less": torch.lt,
            "lessEqual": torch.le,
            "greater": torch.gt,
            "greaterEqual": torch.ge,
        }[name]
        inputs = lambda: [self.random([rows, width], dtype), self.random([rows, width], dtype)]
        return self.into(
            function.__name__,
            [rows, width],
            torch.bool,
            inputs,
            lambda target, a, b: function(a, b, out=target),
        )

    def where(self, rows, width, dtype):
        def inputs():
            a, b = self.random([rows, width], dtype), self.random([rows, width], dtype)
            return [a < b, a, b]

        return self.into(
            "where",
            [rows, width],
            DTYPES[dtype],
            inputs,
            lambda target, condition, a, b: torch.where(condition, a, b, out=target),
        )

    def residual_add(self, rows, width, dtype):
        inputs = lambda: [self.random([rows, width], dtype), self.random([rows, width], dtype)]
        return self.into(
            "add",
            [rows, width],
            DTYPES[dtype],
            inputs,
            lambda target, a, b: torch.add(a, b, out=target),
        )

    def cast(self, rows, width, dtype, to):
        inputs = lambda: [self.random([rows, width], "float32", 100.0, 10.0).to(DTYPES[dtype])]
        return self.into(
            "copy_", [rows, width], DTYPES[to], inputs, lambda target, x: target.copy_(x)
        )

    def fill(self, rows, width, dtype):
        return self.into(
            "fill_", [rows, width], DTYPES[dtype], lambda: [], lambda target: target.fill_(3)
        )

    def random_normal(self, rows, width, dtype):
        return self.into(
            "normal_", [rows, width], DTYPES[dtype], lambda: [], lambda target: target.normal_()
        )

    def slice(self, rows, width, start, end, dtype):
        inputs = lambda: [self.random([rows, width], dtype)[:, start:end]]
        return self.into(
            "copy_", [rows, end - start], DTYPES[dtype], inputs, lambda target, x: target.copy_(x)
        )

    def write_slice(self, rows, width, start, end, accumulate, dtype):
        def write(target, x):
            part = target[:, start:end]
            return part.add_(x) if accumulate else part.copy_(x)

        inputs = lambda: [self.random([rows, end - start], dtype)]
        name = "add_" if accumulate else "copy_"
        return self.into(name, [rows, width], DTYPES[dtype], inputs, write)

    def write_rows(self, rows, width, dtype):
        inputs = lambda: [
            torch.arange(rows, device=self.device) ^ 1,
            self.random([rows, width], dtype),
        ]
        return self.into(
            "index_copy_",
            [rows, width],
            DTYPES[dtype],
            inputs,
            lambda target, places, x: target.index_copy_(0, places, x),
        )

    def embedding(self, count, vocabulary, hidden, dtype, **rest):
        ids = torch.randint(vocabulary, [count], device=self.device)
        if rest["pass"] == "forward":
            inputs = lambda: [self.random([vocabulary, hidden], dtype)]
            return self.into(
                "index_select",
                [count, hidden],
                DTYPES[dtype],
                inputs,
                lambda target, weight: torch.index_select(weight, 0, ids, out=target),
            )
        # What autograd does for the table, added to a float32 gradient.
        inputs = lambda: [self.random([count, hidden], dtype)]
        return self.into(
            "index_add_",
            [vocabulary, hidden],
            torch.float32,
            inputs,
            lambda target, gradient: target.index_add_(0, ids, gradient.float()),
        )

    def gradient_norm(self, count):
        inputs = lambda: [self.random([count])]
        return self.into(
            "norm", [], torch.float32, inputs, lambda target, x: torch.linalg.vector_norm(x, out=target)
        )

    def rope(self, shape, dtype, **rest):
        _, sequence, _, head_dim = shape

        def inputs():
            angles = torch.rand(sequence, 1, head_dim, device=self.device)
            tables = [angles.cos().to(DTYPES[dtype]), angles.sin().to(DTYPES[dtype])]
            return [self.random(shape, dtype), *tables]

        def rotate(x, cos, sin):
            left, right = x.chunk(2, dim=-1)
            return x * cos + torch.cat([-right, left], dim=-1) * sin

        # The gradient is the rotation by the opposite angles.
        return self.elementwise(rotate, inputs, "forward")

    def sample_token(self, rows, vocabulary, dtype, temperature, topK=None, topP=None):
        """As transformers' generate does it: its warpers, then a draw."""

        def draw(logits):
            if temperature == 0:
                return logits.argmax(-1)
            logits = logits / temperature
            logits = logits.masked_fill(logits < logits.topk(topK)[0][:, -1:], -torch.inf)
            values, order = logits.sort(dim=-1)
            outside = values.softmax(dim=-1).cumsum(dim=-1) <= 1 - topP
            outside[:, -1] = False
            logits = logits.masked_fill(outside.scatter(1, order, outside), -torch.inf)
            return torch.multinomial(logits.softmax(dim=-1), 1)

        return self.elementwise(
            draw, lambda: [self.random([rows, vocabulary], dtype, 0.0, 3.0)], "forward"
        )

    def add_bias(self, rows, width, dtype, **rest):
        if rest["pass"] == "forward":
            inputs = lambda: [self.random([rows, width], dtype), self.random([width], dtype)]
            return self.elementwise(lambda x, bias: x + bias, inputs, "forward")

        # What autograd does for the bias, added to a float32 gradient.
        def make():
            gradient, bias = self.random([rows, width], dtype), self.random([width])
            return lambda: bias.add_(gradient.sum(0))

        return {"eager": make}

    def cross_entropy(self, rows, vocabulary, dtype, **rest):
        return self.elementwise(
            lambda logits, labels: F.cross_entropy(logits, labels),
            lambda: [
                self.random([rows, vocabulary], dtype, 0.0, 2.0),
                torch.randint(vocabulary, [rows], device=self.device),
            ],
            rest["pass"],
        )

    def layer(self, hidden, intermediate, heads, vocabulary, batch, sequence, dtype):
        """The model of bench/operations/layer.ts as modeling_llama.py computes it, one decoder layer."""
        head_dim = hidden // heads

        def make(backend):
            def matrix(out, columns):
                return self.random([out, columns], dtype, 0.0, 0.02).requires_grad_()

            def ones():
                return torch.ones(hidden, device=self.device, dtype=DTYPES[dtype], requires_grad=True)

            embedding, head = matrix(vocabulary, hidden), matrix(vocabulary, hidden)
            wq, wk, wv, wo = (matrix(hidden, hidden) for _ in range(4))
            gate, up = matrix(intermediate, hidden), matrix(intermediate, hidden)
            down = matrix(hidden, intermediate)
            norms = [ones() for _ in range(3)]
            parameters = [embedding, head, wq, wk, wv, wo, gate, up, down, *norms]
            for parameter in parameters:
                parameter.grad = torch.zeros_like(parameter)
            ids = torch.randint(vocabulary, [batch, sequence], device=self.device)
            frequencies = 10000 ** -(torch.arange(0, head_dim, 2, device=self.device) / head_dim)
            angles = torch.outer(torch.arange(sequence, device=self.device), frequencies)
            angles = torch.cat([angles, angles], dim=-1)
            cos, sin = angles.cos().to(DTYPES[dtype]), angles.sin().to(DTYPES[dtype])

            def norm(x, weight):
                return F.rms_norm(x, [hidden], weight, 1e-6)

            def split(x):
                return x.view(batch, sequence, heads, head_dim).transpose(1, 2)

            def rotate(x):
                left, right = x.chunk(2, dim=-1)
                return x * cos + torch.cat([-right, left], dim=-1) * sin

            def run():
                x = F.embedding(ids, embedding)
                y = norm(x, norms[0])
                query, key, value = (split(F.linear(y, weight)) for weight in (wq, wk, wv))
                with sdpa_kernel(backend):
                    y = F.scaled_dot_product_attention(
                        rotate(query), rotate(key), value, is_causal=True
                    )
                x = x + F.linear(y.transpose(1, 2).reshape(batch, sequence, hidden), wo)
                y = norm(x, norms[1])
                x = x + F.linear(F.silu(F.linear(y, gate)) * F.linear(y, up), down)
                logits = F.linear(norm(x, norms[2]), head)
                # As ours does it: the label is the next token, and the last position has none.
                loss = F.cross_entropy(
                    logits[:, :-1].reshape(-1, vocabulary), ids[:, 1:].reshape(-1)
                )
                loss.backward()

            return run

        backends = {"flash": SDPBackend.FLASH_ATTENTION}
        if self.cuda:
            backends["cudnn"] = SDPBackend.CUDNN_ATTENTION
        return {name: lambda backend=backend: make(backend) for name, backend in backends.items()}

    def time(self, run, runs):
        if self.cuda:
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            for _ in range(runs):
                run()
            end.record()
            end.synchronize()
            return begin.elapsed_time(end) / runs
        began = time.perf_counter()
        for _ in range(runs):
            run()
        return (time.perf_counter() - began) * 1e3 / runs

    def describe(self):
        cudnn = torch.backends.cudnn.version() if self.cuda else None
        return {
            "torch": torch.__version__,
            "python": sys.version.split()[0],
            "device": torch.cuda.get_device_name(self.device) if self.cuda else "cpu",
            "cuda": torch.version.cuda,
            "cudnn": cudnn,
            "threads": torch.get_num_threads(),
        }


def run_once(rival, make):
    run = make()
    run()
    rival.synchronize()
    return run


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        rival = Torch(options.device)
        answer(rival.describe())
    except Exception as error:
        answer({"error": one_line(error)})
        return
    makers, runs = {}, {}
    for line in sys.stdin:
        try:
            request = json.loads(line)
            if request["do"] == "begin":
                runs.clear()
                if rival.cuda:
                    torch.cuda.empty_cache()
                task = dict(request["task"])
                makers = getattr(rival, task.pop("kind"))(**task)
                answer({"variants": list(makers)})
            elif request["do"] == "prepare":
                variant = request["variant"]
                runs[variant] = run_once(rival, makers[variant])
                answer({})
            elif request["do"] == "time":
                rival.synchronize()
                answer({"milliseconds": rival.time(runs[request["variant"]], request["runs"])})
            else:
                answer({"error": f"unknown request {request['do']}"})
        except Exception as error:
            answer({"error": one_line(error)})


if __name__ == "__main__":
    main()
