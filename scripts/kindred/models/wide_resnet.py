"""Wide residual networks for small images (Zagoruyko and Komodakis 2016): WRN-depth-width, pre-activation."""

import torch
from torch import Tensor, nn


class Block(nn.Module):
    """Two 3 x 3 convolutions, each behind a norm and a ReLU; a shortcut of 1 x 1 where shapes differ."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.shortcut = (
            nn.Identity()
            if inputs == outputs and stride == 1
            else nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        opened = self.relu1(self.bn1(x))
        # Where the shortcut has a convolution it starts behind the first activation, as in the paper's code.
        through = x if isinstance(self.shortcut, nn.Identity) else self.shortcut(opened)
        return through + self.conv2(self.relu2(self.bn2(self.conv1(opened))))


class WideResNet(nn.Module):
    """WRN-depth-width: three stages of (depth - 4) / 6 blocks with 16, 32, 64 times `width` channels."""

    def __init__(self, num_classes: int = 10, in_chans: int = 3, depth: int = 28, width: float = 4) -> None:
        super().__init__()
        count, rest = divmod(depth - 4, 6)
        if count < 1 or rest:
            raise ValueError(f"depth is {depth}, but must be 6 n + 4: 10, 16, 22, 28, ...")
        channels = [16, *(round(stage * width) for stage in (16, 32, 64))]
        self.num_classes = num_classes
        self.conv1 = nn.Conv2d(in_chans, channels[0], 3, padding=1, bias=False)
        stages = [
            nn.Sequential(
                *(Block(inputs if at == 0 else outputs, outputs, stride if at == 0 else 1) for at in range(count))
            )
            for inputs, outputs, stride in zip(channels[:-1], channels[1:], (1, 2, 2), strict=True)
        ]
        self.block1, self.block2, self.block3 = stages
        self.bn1 = nn.BatchNorm2d(channels[-1])
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels[-1], num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(self.fc.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.block3(self.block2(self.block1(self.conv1(x))))
        return self.fc(torch.flatten(self.pool(self.relu(self.bn1(x))), 1))
