"""Networks with attention, written in several ways."""

from __future__ import annotations

from collections.abc import Callable

import torch
from network_zoo import make
from torch import nn
from torch.nn import functional as F

import netgraph as ng
from netgraph.network.vision import load_torchvision


class Attention(nn.Module):
    """Self-attention by hand, on tokens (batch, tokens, features), in one of several ways of writing it."""

    def __init__(self, features: int = 6, heads: int = 3, how: str = "manual", causal: bool = False) -> None:
        super().__init__()
        self.heads, self.how, self.causal, self.frozen = heads, how, causal, False
        self.qkv, self.o = nn.Linear(features, 3 * features), nn.Linear(features, features)
        self.values = torch.empty(0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, t, d = x.shape
        q, k, v = (part.view(n, t, self.heads, -1).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        if self.frozen:
            v.retain_grad()
            self.values = v
        if self.how == "sdpa":
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        elif self.how == "einsum":
            mixed = torch.einsum("nhij,nhjd->nhid", self.pattern(q, k), v)
        else:
            mixed = self.pattern(q, k) @ v
        return self.o(mixed.transpose(1, 2).reshape(n, t, d))

    def pattern(self, q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
        if self.causal:
            future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
            scores = scores.masked_fill(future, -torch.inf)
        pattern = scores.softmax(-1)
        return pattern.detach() if self.frozen else pattern


class Norm(nn.Module):
    """Layer normalisation whose scale can be held fixed."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x - x.mean(-1, keepdim=True)
        size = (x.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        return x / (size.detach() if self.frozen else size)


class Gpt(nn.Module):
    """Two causal blocks with positions, normalisations and ReLU; the last token decides."""

    def __init__(self, how: str = "manual") -> None:
        super().__init__()
        self.position = nn.Parameter(torch.randn(1, 4, 6))
        self.attn = nn.ModuleList([Attention(6, 3, how, True) for _ in range(2)])
        self.mlp = nn.ModuleList([nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 6)) for _ in range(2)])
        self.norms = nn.ModuleList([Norm() for _ in range(5)])
        self.head = nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.position
        for i, (attn, mlp) in enumerate(zip(self.attn, self.mlp, strict=True)):
            x = x + attn(self.norms[2 * i](x))
            x = x + mlp(self.norms[2 * i + 1](x))
        return self.head(self.norms[4](x)[:, -1])


def mha() -> nn.Module:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attn, self.head = nn.MultiheadAttention(8, 4, batch_first=True), nn.Linear(8, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.attn(x, x, x)[0].mean(1))

    return Model()


def vit() -> nn.Module:
    """The class that vit_b_16 is of, two layers of it."""
    build = load_torchvision().models.vision_transformer.VisionTransformer
    model = build(image_size=32, patch_size=8, num_layers=2, num_heads=3, hidden_dim=24, mlp_dim=32, num_classes=5)
    nn.init.normal_(model.heads[-1].weight, 0, 0.3)  # it starts at 0
    return model


def swin() -> nn.Module:
    """Shifted windows: 4 windows of 16 positions in its first layers, then one."""
    build = load_torchvision().models.swin_transformer.SwinTransformer
    return build([4, 4], 12, [2, 2], [2, 3], [4, 4], num_classes=5)


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], dict[str, int]]] = {
    "manual": (lambda: Gpt("manual"), (4, 6), {"attn.0_heads": 3, "attn.1_heads": 3}),
    "sdpa": (lambda: Gpt("sdpa"), (4, 6), {"attn.0_heads": 3, "attn.1_heads": 3}),
    "einsum": (lambda: Gpt("einsum"), (4, 6), {"attn.0_heads": 3, "attn.1_heads": 3}),
    "mha": (mha, (5, 8), {"attn_heads": 4}),
    "encoder layer": (lambda: make("transformer")[0], (1, 6, 6), {"block.self_attn_heads": 2}),
    "vit": (vit, (3, 32, 32), {f"encoder.layers.encoder_layer_{i}.self_attention_heads": 3 for i in range(2)}),
    "swin": (
        swin,
        (3, 32, 32),
        {f"features.{i}.{j}.attn_heads": heads for i, heads in ((1, 2), (3, 3)) for j in range(2)},
    ),
}


def traced(name: str) -> tuple[ng.Network, torch.Tensor]:
    """One of the models, float64, and a batch of 2 inputs."""
    build, shape, _ = MODELS[name]
    torch.manual_seed(1)
    model = build().eval()
    for parameter in model.parameters():
        if parameter.dim() == 1:
            nn.init.normal_(parameter, 0.1, 0.3)
    x = torch.randn(2, *shape, dtype=torch.float64)
    return ng.trace(model.double(), x[:1]), x
