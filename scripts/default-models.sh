#!/bin/sh
# Trains the default models again, measures them on photographs that they never saw, and puts them
# with their cards into model_zoo/default. Called by `make model`; a run that was stopped goes on
# when it is called again. DATA=/path/to/data names another folder than ../shared/data.
set -eu
cd "$(dirname "$0")/.."
python=${RUN:-.venv/bin/python}
data=${DATA:-../shared/data}
labels=$data/people/annotations
models=model_zoo/default

say() { printf 'models: %s\n' "$*" >&2; }
main() { "$python" main.py "$@"; }

# measure OUT.json ANNOTATIONS FLAGS...: what `main.py evaluate` says, kept for the card.
measure() {
    out=$1 annotations=$2
    shift 2
    say "measuring on $annotations: $out"
    main evaluate --annotations "$labels/$annotations.json" --images "$data/people" "$@" --json >"$out"
}

# pose NAME CHECKPOINT: a pose network, with what it reaches.
pose() {
    name=$1 checkpoint=$2
    main build --checkpoint "$checkpoint" --onnx "runs/$name.onnx"
    for set in coco lsp; do
        measure "runs/${name}_$set.json" "person_keypoints_val_$set" --boxes truth \
            --pose "runs/$name.onnx"
    done
    main build --checkpoint "$checkpoint" --onnx "$models/$name.onnx" --measured \
        "true boxes, person_keypoints_val_coco (88 people)=runs/${name}_coco.json" \
        "true boxes, person_keypoints_val_lsp (1000 people)=runs/${name}_lsp.json"
}

for recipe in pose-base pose-lite person-320; do
    say "training $recipe, runs/$recipe/train.log"
    main train --recipe "$recipe" --data "$data"
done
pose pose runs/pose-base/phase6_image/blend.pt
pose pose-lite runs/pose-lite/final.pt

main build --checkpoint runs/person-320/blend.pt --onnx runs/person.onnx
measure runs/person_boxes.json person_boxes_val_coco --person runs/person.onnx
measure runs/person_marked.json person_boxes_val_coco --person runs/person.onnx --lost-crowds
measure runs/person_keypoints.json person_keypoints_val_coco --person runs/person.onnx
measure runs/person_boxes_416.json person_boxes_val_coco --person runs/person.onnx \
    --person-side 416
measure runs/person_marked_416.json person_boxes_val_coco --person runs/person.onnx \
    --person-side 416 --lost-crowds
measure runs/person_keypoints_416.json person_keypoints_val_coco --person runs/person.onnx \
    --person-side 416
main build --checkpoint runs/person-320/blend.pt --onnx "$models/person.onnx" --measured \
    "person_boxes_val_coco (592 boxes)=runs/person_boxes.json" \
    "person_boxes_val_coco, lost crowds marked (582 boxes)=runs/person_marked.json" \
    "end to end, person_keypoints_val_coco (143 boxes, 88 people)=runs/person_keypoints.json" \
    "at 416, person_boxes_val_coco (592 boxes)=runs/person_boxes_416.json" \
    "at 416, person_boxes_val_coco, lost crowds marked (582 boxes)=runs/person_marked_416.json" \
    "at 416, end to end, person_keypoints_val_coco (143 boxes, 88 people)=runs/person_keypoints_416.json"
"$python" -c 'from model_zoo.zoo import write_checksums; write_checksums()'
