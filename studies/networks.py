"""Networks that neither timm nor torchvision names, for studies beside this file: examples of `python:` models."""

import torch.nn.functional as F
from torch import Tensor, nn


def mobilenet_v1(multiplier: float) -> nn.Module:
    """A narrow MobileNetV1 as TensorFlow pads it; timm's public name for it takes no multiplier."""
    from timm.models import efficientnet

    return efficientnet._gen_mobilenet_v1("mobilenetv1_100", multiplier, pretrained=False, pad_type="same")


class Block(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut without parameters: every second pixel, new channels are zeros."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.stride, self.added = stride, after - before

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        short = x[:, :, :: self.stride, :: self.stride]
        return F.relu(y + F.pad(short, (0, 0, 0, 0, 0, self.added)))


class ResNet20(nn.Module):
    """The ResNet-20 for CIFAR of He et al. (2016), 0.27 M parameters; images (n, 3, 32, 32) to logits (n, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1, self.layer2, self.layer3 = (self._stage(16, 16, 1), self._stage(16, 32, 2), self._stage(32, 64, 2))
        self.fc = nn.Linear(64, 10)

    @staticmethod
    def _stage(before: int, after: int, stride: int) -> nn.Sequential:
        return nn.Sequential(Block(before, after, stride), Block(after, after, 1), Block(after, after, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(x.mean((2, 3)))


def resnet20() -> nn.Module:
    """What `python: studies/networks.py:resnet20` calls."""
    return ResNet20()
