"""What the public CPNs call their tensors, and how their networks want to be fed and read.

Names are facts of the files: pytorch-cpn's `.pth.tar` and tf-cpn's TensorFlow checkpoint. Both
number the pyramid from the coarsest level; ours starts at the finest. docs/cpn.md has the switches.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pose.card import Channels, ModelCard

# ours (a regular expression) -> theirs; {0}, {1} are its groups
_Rules = Sequence[tuple[str, str]]

_PYTORCH_RULES: _Rules = (
    (r"backbone\.(.+)", "resnet.{0}"),
    (r"global_net\.laterals\.(\d)\.(.+)", "global_net.laterals.{coarse3}.{1}"),
    (r"global_net\.merges\.(\d)\.0\.(.+)", "global_net.upsamples.{coarse2}.1.{1}"),
    (r"global_net\.merges\.(\d)\.1\.(.+)", "global_net.upsamples.{coarse2}.2.{1}"),
    (r"global_net\.heads\.(\d)\.4\.(.+)", "global_net.predict.{coarse3}.5.{1}"),
    (r"global_net\.heads\.(\d)\.(.+)", "global_net.predict.{coarse3}.{1}"),
    (r"refine_net\.cascade\.(\d)\.(.+)", "refine_net.cascade.{coarse3}.{1}"),
    (r"refine_net\.final\.(.+)", "refine_net.final_predict.0.{0}"),
    (r"refine_net\.predict\.0\.(.+)", "refine_net.final_predict.1.{0}"),
    (r"refine_net\.predict\.1\.(.+)", "refine_net.final_predict.2.{0}"),
)
_TF_RULES: _Rules = (
    (r"backbone\.conv1", "resnet_v1_{depth}/conv1"),
    (r"backbone\.layer(\d)\.(\d+)\.conv(\d)", "{unit}/conv{2}"),
    (r"backbone\.layer(\d)\.(\d+)\.downsample\.0", "{unit}/shortcut"),
    (r"global_net\.laterals\.(\d)\.0", "lateral/{level}"),
    (r"global_net\.merges\.(\d)", "merge/{level}"),
    (r"global_net\.heads\.(\d)\.0", "tmp/{level}"),
    (r"global_net\.heads\.(\d)\.3", "pyramid/{level}"),
    (r"refine_net\.cascade\.(\d)\.(\d)\.conv(\d)", "{level}/refine_conv{1}/conv{2}"),
    (r"refine_net\.final\.conv(\d)", "final_bottleneck/conv{0}"),
    (r"refine_net\.final\.projection\.0", "final_bottleneck/shortcut"),
    (r"refine_net\.predict\.0", "refine_out"),
)
_TF_NORM = {
    "weight": "gamma", "bias": "beta",
    "running_mean": "moving_mean", "running_var": "moving_variance",
}  # fmt: skip
# our BatchNorm's name -> the convolution that it follows, whose scope holds it in TensorFlow
_CONVOLUTION_OF = (
    (r"\.bn(\d)$", r".conv\1"),
    (r"\.(downsample|projection)\.1$", r".\1.0"),
    (r"(laterals\.\d|heads\.\d)\.1$", r"\1.0"),
    (r"(heads\.\d)\.4$", r"\1.3"),
    (r"predict\.1$", "predict.0"),
)
# What training leaves in tf-cpn's file beside the network.
_TF_BESIDE = re.compile(r"(.*/Adam(_1)?|beta[12]_power|Variable(_\d+)?|global_step)$")


# Takes all levels joined; pytorch-cpn joins them from the coarsest on, ours from the finest.
JOINED = ("refine_net.final.conv1.weight", "refine_net.final.projection.0.weight")


def pytorch_cpn_name(ours: str) -> str:
    """What pytorch-cpn calls the tensor of our state dict, without `module.` in front.

    Raises:
        KeyError: It has none like it.
    """
    for pattern, theirs in _PYTORCH_RULES:
        found = re.fullmatch(pattern, ours)
        if found:
            groups = found.groups()
            coarse = {}
            if groups[0].isdigit():
                coarse = {"coarse3": 3 - int(groups[0]), "coarse2": 2 - int(groups[0])}
            name = theirs.format(*groups, **coarse)
            return re.sub(r"(refine_net\..*)\.projection\.", r"\1.downsample.", name)
    raise KeyError(ours)


def tf_cpn_name(ours: str, depth: int) -> str:
    """What tf-cpn calls the tensor of our state dict, in a checkpoint of that ResNet.

    Raises:
        KeyError: It has none like it.
    """
    module, _, kind = ours.rpartition(".")
    suffix = {"weight": "weights", "bias": "biases"}.get(kind)
    for pattern, convolution in _CONVOLUTION_OF:
        if re.search(pattern, module):
            module = re.sub(pattern, convolution, module)
            suffix = f"BatchNorm/{_TF_NORM[kind]}"
            break
    for pattern, theirs in _TF_RULES:
        found = re.fullmatch(pattern, module)
        if found and suffix:
            groups = found.groups()
            where: dict[str, object] = {"depth": depth}
            if module.startswith("backbone.layer"):
                block, unit = int(groups[0]), int(groups[1]) + 1
                where["unit"] = f"resnet_v1_{depth}/block{block}/unit_{unit}/bottleneck_v1"
            elif groups:
                where["level"] = f"res{int(groups[0]) + 2}"
            return f"{theirs.format(*groups, **where)}/{suffix}"
    raise KeyError(ours)


def is_beside_the_network(theirs: str) -> bool:
    """Whether tf-cpn's tensor is the optimiser's or a counter."""
    return _TF_BESIDE.match(theirs) is not None


def published_card(
    code: str, depth: int, size_wh: tuple[int, int], channels: Channels, licence: str, file: str
) -> ModelCard:
    """The card of an imported network: input, decoder and crop as its code has them.

    The codes grow a box to 1.2 of its width and 1.3 of its height and then to the crop's aspect;
    `crop_padding` is the same for whoever is at least as tall as the crop's shape.
    """
    bgr = (102.9801, 115.9465, 122.7717)
    size = f"{size_wh[1]}x{size_wh[0]}"
    return ModelCard(
        name=f"{code}-{depth}-{size}",
        task="pose",
        architecture=f"CPN, ResNet-{depth}, {size} ({code})",
        input_size_wh=size_wh,
        decoder="heatmap_cpn",
        channels=channels,
        mean=bgr if channels == "bgr" else (bgr[2], bgr[1], bgr[0]),
        std=(255.0, 255.0, 255.0),
        heatmap_peak=255.0,
        skeleton="coco_17",
        crop_padding=1.3,
        data=f"as whoever trained {file} used it; {code} trains on COCO trainval without minival",
        initialisation="ResNet of ImageNet, as in the public code",
        licence=licence,
        training=f"Not trained here: imported from {file}, a checkpoint of {code}.",
    )
