"""The cards of the default pose models: what they were made of, in words for whoever uses them."""

from __future__ import annotations

from dataclasses import replace

from pose.card import ModelCard
from training import distill

LITE_SIZE_WH = (112, 160)
_LIMITS = (
    "Learned mostly from photographs of adults in Western streets and in sport. Children, old "
    "people, wheelchairs, prostheses, long robes and work clothes are rare, and nothing was "
    "measured by age, sex or skin colour. Few faces were labelled by hand, so eyes and ears follow "
    "the teachers. Weak on people under 60 pixels, on joints that are hidden or beyond the frame "
    "(they are guessed, with low scores), in tight groups, under strong blur and compression, and "
    "on people upside down. Not for medical use, nor where anybody's safety depends on it."
)
CARD = ModelCard(
    name="pose",
    task="pose",
    architecture="CPN: Lite-HRNet pyramid (GlobalNet), RefineNet; 256x192",
    input_size_wh=distill.SIZE_WH,
    decoder="heatmap_dark",
    skeleton="coco_17",
    crop_padding=1.15,
    data=(
        "16,384 crops of people: Leeds Sports Pose and its extension (5,097), COCO train2017 and "
        "two public exports of COCO photographs (4,116; annotations CC BY 4.0), Flickr8k (1,732), "
        "a public face-mask set (1,448), CCP (1,436, Apache-2.0), Buffy Stickmen (864), a public "
        "segmentation set (515), office and body-camera exports (470, CC BY 4.0), PARSE (373), "
        "frames of sample videos (333, CC BY 4.0, Apache-2.0, BSD-3). Weights only; no photograph "
        "is shipped. Hand labels where they exist, cleaned against the teachers; the teachers' "
        "heatmaps everywhere. 400 people cut out of CCP and the segmentation set step in front."
    ),
    initialisation="backbone, finest head: PP-TinyPose (PaddleDetection, Apache-2.0); rest: random",
    teacher="two trainings of PP-TinyPose 256x192 (PaddleDetection, Apache-2.0), their heatmaps "
    "averaged over mirror images; people who lean or hang are turned upright before they are asked",
    licence="Apache-2.0; see model_zoo/default/NOTICE",
    training=(
        "RefineNet and heads on the frozen pyramid; then the backbone's last stage, pyramid and "
        "RefineNet together; then the same, each crop seen anew in every step: turned, upside down "
        "too, cut off by the frame, hidden by others, in bad light, blurred, noisy, compressed; "
        "then everything, at a smaller rate; then again with hand labels in full and more often; "
        "at last with the network's own answers, mirror images averaged, as half of the teachers' "
        "part: twice, and the mean of the weights. "
        "Squared error on mixed targets plus OHKM top 8; EMA. After each of the last four phases "
        "the weights are mixed with those before, in the share that does best held in (0.4 last)."
    ),
    time_spent=(
        "What ships went on from the model that shipped before, with phases one and two behind it "
        "(about 50 minutes on two cores of an Intel Xeon with AVX-512). Since then, on the same "
        "machine: 14 minutes of teachers on both cores, on one core each 40 minutes of phase "
        "three, 45 of phase four and 70 of phase five, and 80 of phase six on both."
    ),
    limits=_LIMITS,
    command="main.py train --recipe pose-base --data ../shared/data",
)


LITE_CARD = replace(
    CARD,
    name="pose-lite",
    architecture="CPN: Lite-HRNet pyramid (GlobalNet), small RefineNet; 160x112",
    input_size_wh=LITE_SIZE_WH,
    crop_padding=1.08,  # every pixel counts here
    initialisation=(
        "backbone and finest head: pose-base after its third phase, so in the end PP-TinyPose's; "
        "RefineNet: random"
    ),
    training=(
        "Everything unfrozen at the small size, on the crops and targets kept for pose-base, seen "
        "anew in every step as there, but fewer upside down, cut off and hidden. Squared error "
        "plus OHKM top 8; EMA. What ships is mixed, 0.7 to 0.3, with what its last 5,600 steps "
        "began with."
    ),
    time_spent=(
        "After pose-base, on one core of an Intel Xeon with AVX-512: 50 minutes at 144x112, and "
        "from those weights (--init pose-lite --steps 5600 --rate 8e-4) 100 minutes at 160x112"
    ),
    command="main.py train --recipe pose-lite --data ../shared/data",
)
