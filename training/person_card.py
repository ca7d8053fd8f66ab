"""The card of the default person detector: what it was made of, in words for whoever uses it."""

from __future__ import annotations

from pose.card import ModelCard

CARD = ModelCard(
    name="person",
    task="person",
    architecture="centre head (centre, offset, size; strides 8/16/32) on CSPNeXt-nano with PAFPN",
    input_size_wh=(320, 320),
    any_size=True,
    # RTMDet's files want the frame's own order; swapped channels cost 0.07 of AP50
    channels="bgr",
    mean=(103.53, 116.28, 123.675),
    std=(57.375, 57.12, 58.395),
    decoder="centre",
    data=(
        "1,118 photographs of COCO with all people boxed by hand (1,078 squashed to a square, from "
        "a public Roboflow export, CC BY 4.0 as stated there; 40 of train2017; annotations "
        "CC BY 4.0, Flickr photographs; 200 more held in to choose between checkpoints; in 87 of "
        "all these one box is a crowd whose mark the export lost, taken for a person by the "
        "training behind the weights that ship, passed over by the one that there is now), and "
        "about 14,400 with a teacher's boxes or none: Leeds Sports Pose and Extended (research), "
        "Clothing Co-Parsing (Apache-2.0), Flickr8k, a public face-mask set and a human "
        "segmentation set (no terms stated), Buffy Stickmen and PARSE (research), INRIA Person "
        "(no people in them), offices, body cameras and COCO without boxes (public Roboflow "
        "exports, CC BY 4.0), frames of sample videos (Intel CC BY 4.0, tfjs-models Apache-2.0, "
        "Pose2Sim BSD-3)"
    ),
    initialisation=(
        "RTMDet-nano, person (mmpose, Apache-2.0): trunk, pyramid and head towers; offset and size "
        "are the linear turn of its four sides"
    ),
    teacher=(
        "RTMDet-nano, person (Apache-2.0): its scores on every cell of each scene, its boxes at "
        "416 pixels on photographs without complete hand labels"
    ),
    licence=(
        "Apache-2.0 for what is ours and what came from RTMDet-nano; photographs of several "
        "sources are for research or state no terms: see data before you ship it"
    ),
    training=(
        "Quality focal loss on centre scores, generalised IoU on boxes, RTMDet's soft assignment; "
        "AdamW, everything unfrozen, trunk at a quarter of the head's rate, EMA; zoom, stretch, "
        "mosaic, pasted people, colour, blur, noise, JPEG; 60 % of every batch labelled by hand; "
        "the best checkpoint on held-in photographs is mixed with the weights that training began "
        "with, in the share that does best on the same (0.6)"
    ),
    time_spent=(
        "About half an hour on two cores of an Intel Xeon with AVX-512, and from those weights "
        "(--init person --steps 1800 --rate 1.5e-4 --threads 1) 30 minutes on one core"
    ),
    limits=(
        "Learned mostly from photographs of adults in streets and in sport; children, old people, "
        "wheelchairs and uniforms are rare, and nothing was measured by age, sex or skin colour. "
        "Small people are mostly missed (under 32 pixels in the photograph four in five), crowds "
        "are found in part, and statues, posters and mirror images count as people."
    ),
    command="main.py train --recipe person-320 --data ../shared/data",
)
