"""Small networks written in many ways: seeded, in evaluation mode, BatchNorm statistics not the initial ones."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU, "sigmoid": nn.Sigmoid}


def mlp(act: Callable[[], nn.Module] = nn.ReLU) -> nn.Module:
    return nn.Sequential(nn.Linear(12, 9), act(), nn.Linear(9, 7), act(), nn.Linear(7, 4))


class LeNet(nn.Module):
    def __init__(self, act: Callable[[], nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.c1, self.c2 = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 6, 3, padding=1)
        self.fc1, self.fc2 = nn.Linear(6 * 3 * 3, 11), nn.Linear(11, 5)
        self.act = act()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(self.act(self.c1(x)), 2)
        x = F.avg_pool2d(self.act(self.c2(x)), 2)
        return self.fc2(self.act(self.fc1(torch.flatten(x, 1))))


class ResNet(nn.Module):
    """Stem, a block with an identity and one with a projection, global average pooling."""

    def __init__(self, act: Callable[[], nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), act(), nn.MaxPool2d(3, 2, 1)
        )
        self.a1, self.b1 = nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.a2, self.b2 = nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.d1, self.e1 = nn.Conv2d(4, 6, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(6)
        self.d2, self.e2 = nn.Conv2d(6, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6)
        self.skip = nn.Sequential(nn.Conv2d(4, 6, 1, stride=2, bias=False), nn.BatchNorm2d(6))
        self.fc = nn.Linear(6, 5)
        self.act = act()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        y = self.b2(self.a2(self.act(self.b1(self.a1(x)))))
        y += x
        x = self.act(y)
        y = self.e2(self.d2(self.act(self.e1(self.d1(x)))))
        x = self.act(y + self.skip(x))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


class DenseNet(nn.Module):
    """Concatenation, BatchNorm before the activation and before padded convolutions (which must not be folded)."""

    def __init__(self, act: Callable[[], nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.norms = nn.ModuleList([nn.BatchNorm2d(4), nn.BatchNorm2d(7), nn.BatchNorm2d(10)])
        self.convs = nn.ModuleList([nn.Conv2d(4, 3, 3, padding=1), nn.Conv2d(7, 3, 3, padding=1)])
        self.thin = nn.Conv2d(10, 5, 1)
        self.fc = nn.Linear(5 * 3 * 3, 4)
        self.act = act()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for norm, conv in zip(self.norms, self.convs, strict=False):
            x = torch.cat([x, conv(self.act(norm(x)))], 1)
        x = F.avg_pool2d(self.thin(self.act(self.norms[2](x))), 2)
        return self.fc(x.reshape(x.shape[0], -1))


class Grouped(nn.Module):
    """Depthwise and grouped, dilated, strided, transposed, rectangular convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(4, 8, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2)
        self.b = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.c = nn.ConvTranspose2d(8, 6, 3, stride=2, padding=1, output_padding=1, groups=2)
        self.fc = nn.LazyLinear(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.leaky_relu(self.a(x), 0.1)
        x = F.hardtanh(self.b(x))
        x = torch.tanh(self.c(x))
        return self.fc(x.flatten(1))


class InPlace(nn.Module):
    """Writes through views, in-place arithmetic and activations, an untracked base."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3, padding=1)
        self.fc = nn.Linear(5 * 4 * 4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.conv(x).relu_()
        h = F.max_pool2d(h, 2)
        o = torch.zeros(h.shape[0], 5, 4, 4, dtype=h.dtype)
        o[:, :3] = h
        o[:, 3:] += h[:, :2]
        o[:, 0].mul_(0.5)
        o += 0.25
        o[:, :, 0] = 1.5
        return self.fc(o.view(o.shape[0], -1))


class Forms(nn.Module):
    """One vertex read in several forms: concatenated ReLU, products, constants on the way, a constant token."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(6, 5), nn.Linear(13, 4), nn.Linear(4, 3)
        self.norm = nn.BatchNorm1d(4)
        self.token = nn.Parameter(torch.randn(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.fc1(x)
        both = torch.cat([F.relu(h), F.relu(-h), self.token.expand(x.shape[0], 3)], 1)
        z = self.norm(self.fc2(both))
        z = z * torch.sigmoid(z) + 0.3 * z
        return self.fc3(2.0 * z - z / 4 + 1)


class Functional(nn.Module):
    """Everything by functional calls on bare parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.w1, self.b1 = nn.Parameter(torch.randn(4, 1, 3, 3) / 3), nn.Parameter(torch.randn(4))
        self.w2 = nn.Parameter(torch.randn(3, 4 * 5 * 5) / 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.elu(F.conv2d(F.pad(x, (1, 0, 0, 1)), self.w1, self.b1))
        x = F.dropout(x, 0.5, self.training)
        x = F.interpolate(F.max_pool2d(x, 2), size=(5, 5))
        return F.log_softmax(x.flatten(1) @ self.w2.t(), 1)


class SqueezeExcite(nn.Module):
    """A gate made from the channels' means multiplies them; softplus; mean over features."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.down, self.up = nn.Conv2d(2, 6, 3), nn.Linear(6, 3), nn.Linear(3, 6)
        self.head = nn.Conv2d(6, 3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.softplus(self.conv(x))
        s = torch.sigmoid(self.up(F.relu(self.down(x.mean((2, 3))))))
        x = x * s[:, :, None, None]
        return self.head(x).mean((2, 3)) - x.mean((1, 2, 3))[:, None]


class Generator(nn.Module):
    """Units that become feature maps: a linear layer, reshaped, then convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(5, 2 * 4 * 4)
        self.conv = nn.Conv2d(2, 3, 3, padding=1, stride=2)
        self.head = nn.Linear(12, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.silu(self.fc(x)).view(-1, 2, 4, 4)
        return self.head(F.relu(self.conv(F.avg_pool2d(x, 3, 1, 1))).flatten(1))


class Tokens(nn.Module):
    """A linear layer that is shared by the rows of a sequence, with a layer normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.mix, self.head = nn.Linear(6, 5), nn.Linear(4, 4), nn.Linear(5, 3)
        self.norm = nn.LayerNorm(5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.gelu(self.embed(x))
        x = x + self.mix(x.transpose(1, 2)).transpose(1, 2)
        return self.head(self.norm(x).mean(1))


class Transformer(nn.Module):
    """Patches, a class token and positions, a pre-norm encoder block, a head on the class token."""

    def __init__(self, norm_first: bool = True) -> None:
        super().__init__()
        self.patch = nn.Conv2d(1, 8, 2, stride=2)
        self.token, self.position = nn.Parameter(torch.randn(1, 1, 8)), nn.Parameter(torch.randn(1, 10, 8) / 3)
        self.block = nn.TransformerEncoderLayer(8, 2, 12, 0.0, "gelu", batch_first=True, norm_first=norm_first)
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.position
        return self.head(self.norm(self.block(x))[:, 0])


class LinearAttention(nn.Module):
    """Attention without a softmax: both sides of both products carry values."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = nn.Linear(4, 3), nn.Linear(4, 3), nn.Linear(4, 5)
        self.head = nn.Linear(5, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kv = self.k(x).transpose(1, 2) @ self.v(x)
        return self.head((F.relu(self.q(x)) @ kv / x.shape[1]).mean(1))


class Recurrent(nn.Module):
    """A recurrent layer, unrolled: its weights are read once per step."""

    def __init__(self, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.rnn, self.head = kind(3, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.rnn(x)[0][:, -1])


class Loop(nn.Module):
    """A gated recurrent cell in a Python loop, from a state of zeros."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.head = nn.GRUCell(3, 4), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.zeros(x.shape[0], 4, dtype=x.dtype)
        for t in range(x.shape[1]):
            h = self.cell(x[:, t], h)
        return self.head(h)


def conv1d() -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(2, 4, 3, padding=1), nn.PReLU(4), nn.MaxPool1d(2), nn.Conv1d(4, 3, 2), nn.Flatten(), nn.Linear(9, 2)
    )


def conv3d() -> nn.Module:
    return nn.Sequential(nn.Conv3d(1, 3, 2), nn.Hardswish(), nn.AvgPool3d(2, 1), nn.Flatten(), nn.Linear(24, 2))


ZOO: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    **{f"mlp-{name}": ((lambda a=act: mlp(a)), (12,)) for name, act in ACTIVATIONS.items()},
    **{f"lenet-{name}": ((lambda a=act: LeNet(a)), (1, 14, 14)) for name, act in ACTIVATIONS.items()},
    **{f"resnet-{name}": ((lambda a=act: ResNet(a)), (2, 8, 8)) for name, act in ACTIVATIONS.items()},
    **{f"densenet-{name}": ((lambda a=act: DenseNet(a)), (1, 6, 6)) for name, act in ACTIVATIONS.items()},
    "grouped": (Grouped, (4, 7, 6)),
    "in-place": (InPlace, (1, 8, 8)),
    "forms": (Forms, (6,)),
    "functional": (Functional, (1, 6, 6)),
    "squeeze-excite": (SqueezeExcite, (2, 5, 5)),
    "generator": (Generator, (5,)),
    "tokens": (Tokens, (4, 6)),
    "lstm": (lambda: Recurrent(nn.LSTM), (5, 3)),
    "gru": (lambda: Recurrent(nn.GRU), (5, 3)),
    "rnn": (lambda: Recurrent(nn.RNN), (5, 3)),
    "gru-loop": (Loop, (4, 3)),
    "transformer": (Transformer, (1, 6, 6)),
    "transformer-post": (lambda: Transformer(False), (1, 6, 6)),
    "linear-attention": (LinearAttention, (4, 4)),
    "conv1d": (conv1d, (2, 8)),
    "conv3d": (conv3d, (1, 4, 4, 4)),
}


def make(name: str, dtype: torch.dtype = torch.float32) -> tuple[nn.Module, torch.Tensor]:
    """(model, two inputs) of the zoo, seeded by its name."""
    build, shape = ZOO[name]
    torch.manual_seed(sum(map(ord, name)))
    model, x = build(), torch.randn(2, *shape)
    model(x)  # lazy layers
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.3)
    return model.eval().to(dtype), x.to(dtype)
