"""Networks for tests."""

import dataclasses

from kindred.activations import penultimate
from kindred.models import classifiers
from torch import nn

DESCRIPTION = classifiers.Description(
    architecture="toy", classes=5, channels=3, size=8, input_size=8, mean=(0.4,) * 3, std=(0.5,) * 3
)


def wrap(net, **changes):
    return classifiers.Classifier(net, dataclasses.replace(DESCRIPTION, **changes)).eval()


def timm_model(architecture, size=32, channels=1, classes=10, **arguments):
    description = classifiers.Description(
        architecture=architecture,
        arguments=arguments,
        classes=classes,
        channels=channels,
        size=size,
        input_size=size,
        mean=(0.3,) * channels,
        std=(0.35,) * channels,
    )
    classifier = classifiers.assemble(description).eval()
    randomise_heads(classifier)
    return classifier


def randomise_heads(classifier):
    """Many families initialise heads with zeros, with which any check of the logits would pass."""
    modules = dict(classifier.net.named_modules())
    for name, _ in penultimate.final_calls(classifier).calls:
        nn.init.normal_(modules[name].weight)
        if modules[name].bias is not None:
            nn.init.normal_(modules[name].bias)


def hooks_left(classifier):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in classifier.modules())


class Residual(nn.Module):
    """Two in-place operations on earlier outputs: a ReLU after a norm, and a sum."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(6, 6, 3, padding=1)
        self.bn = nn.BatchNorm2d(6)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(6, 6, 3, padding=1)

    def forward(self, x):
        out = self.conv2(self.relu(self.bn(self.conv1(x))))
        out += x
        return out


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3)
        self.stage = nn.Sequential(Residual(), Residual())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(6, 5)

    def forward(self, x):
        x = self.pool(self.stage(self.stem(x)))
        return self.fc(self.drop(x.flatten(1)))
