"""Draw skeletons on a picture. Knows colours and lines; not where the people come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from app.steps.label import draw_label, draw_name
from app.steps.palette import RIM, Colour, confidence_colour, id_colour, shades
from app.steps.privacy import hide_faces
from pose.errors import UsageError
from pose.skeleton import Skeleton
from pose.types import Boxes, ByteArray, FloatArray, Frame, IntArray, Poses, Tracks

_Points = npt.NDArray[np.int32]

_SHIFT = 4  # bits after the point in what cv2 draws
_SURE = 0.6  # a keypoint with this score is drawn in full
_FAINTEST = 0.35  # opacity of a keypoint that just passes
_FACE = ("nose", "eye", "ear")
_MOST = 1000  # of seconds, or of a factor; more is a slip of the keyboard
# In shares of the frame: the names of smaller people, or of their faces, would lie on a heap.
_NAMED_FROM, _FACE_NAMED_FROM = 0.2, 0.8


@dataclass(frozen=True, kw_only=True)
class DrawStyle:
    """What is drawn, and how.

    Attributes:
        keypoint_score: Keypoints below are left out, and the limbs that end there.
        line_scale: Factor on the width of every line.
        colours: What colour tells: which person, or how sure each keypoint is.
        show_skeletons: Draw limbs and joints.
        show_ids: Write each person's id above the head.
        show_scores: Write how sure the detector is of each person, in percent.
        show_boxes: Draw the box around each person.
        show_names: Write each keypoint's name beside it, of people who are large enough.
        trail_s: Show where people have been for so many seconds; 0 shows none.
        privacy: `faces` makes faces unrecognisable, of whom the detector sees; `black` shows
            skeletons and nothing else.
        mirror: Show the picture as a mirror does; words stay readable.
    """

    keypoint_score: float = 0.2
    line_scale: float = 1.0
    colours: Literal["person", "confidence"] = "person"
    show_skeletons: bool = True
    show_ids: bool = True
    show_scores: bool = False
    show_boxes: bool = False
    show_names: bool = False
    trail_s: float = 0.0
    privacy: Literal["none", "faces", "black"] = "none"
    mirror: bool = False


DEFAULT_STYLE = DrawStyle()


def style_of(config: DrawStyle) -> DrawStyle:
    """The style alone, of a command's config that is one among other things.

    Raises:
        UsageError: Its numbers cannot be.
    """
    for name in ("trail_s", "line_scale", "keypoint_score"):
        value = getattr(config, name)
        if not 0 <= value <= _MOST:
            flag = name.replace("_", "-")
            raise UsageError(f"expected --{flag} from 0 to {_MOST}, got {value}")
    return DrawStyle(**{each.name: getattr(config, each.name) for each in fields(DrawStyle)})


def draw(
    frame: Frame,
    tracks: Tracks,
    skeleton: Skeleton,
    style: DrawStyle = DEFAULT_STYLE,
    trails: Mapping[int, FloatArray] | None = None,
    faces: Poses | None = None,
) -> ByteArray:
    """Draw everybody on a copy of the frame.

    Colour tells people apart, a lighter shade the left side of the body from the right, opacity a
    sure keypoint from a guess. Lines are as wide as the person is large. Small people come first,
    so that those in front lie on top.

    Args:
        frame: Is not altered.
        tracks: N people; no people give a plain copy.
        skeleton: What the K keypoints are.
        style: What is drawn, and how.
        trails: id -> (T, 2) float32, where that person has been, oldest first.
        faces: Whose faces privacy hides: everybody the network saw, also who has no id yet; the
            tracks' own if None.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    trails = trails or {}
    if style.privacy == "black":
        canvas = np.zeros_like(frame.image)
    else:
        canvas = frame.image.copy()
        if style.privacy == "faces":
            hide_faces(canvas, tracks.poses, skeleton)
            if faces is not None:
                hide_faces(canvas, faces, skeleton)
    if style.mirror:
        canvas = np.asarray(cv2.flip(canvas, 1), np.uint8)
        tracks, trails = _mirrored(tracks, trails, frame.size_wh[0])
    reach = 4 * max(frame.size_wh)
    boxes = np.clip(np.nan_to_num(tracks.poses.boxes.xyxy), -reach, reach)
    sizes = np.sqrt(np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 1), axis=1))  # (N,) pixels
    order = np.argsort(sizes)
    widths = [line_width(float(size), frame.size_wh) * style.line_scale for size in sizes]
    plain = line_width(0, frame.size_wh) * style.line_scale
    width_of = dict(zip(tracks.ids.tolist(), widths, strict=True))
    for identity, way in trails.items():
        _draw_trail(canvas, way, id_colour(identity), width_of.get(identity, plain))
    for n in order:
        identity = int(tracks.ids[n])
        if style.show_boxes:
            _draw_box(canvas, boxes[n], id_colour(identity), widths[n])
        points, scores = tracks.poses.keypoints[n], tracks.poses.scores[n]
        person = _Person(canvas, points, scores, style, widths[n])
        if style.show_skeletons:
            person.draw(skeleton, identity)
        if style.show_names and sizes[n] > _NAMED_FROM * min(frame.size_wh):
            person.name(skeleton, face=bool(sizes[n] > _FACE_NAMED_FROM * min(frame.size_wh)))
    if style.show_ids or style.show_scores:
        for n in order:
            words = [str(tracks.ids[n])] if style.show_ids else []
            if style.show_scores:
                words.append(f"{100 * float(tracks.poses.boxes.scores[n]):.0f}%")
            draw_label(canvas, boxes[n], " ".join(words), int(tracks.ids[n]), float(sizes[n]))
    return canvas


def _mirrored(
    tracks: Tracks, trails: Mapping[int, FloatArray], width: int
) -> tuple[Tracks, dict[int, FloatArray]]:
    """The same people as a mirror shows them; a left hand stays a left hand."""
    last = np.float32(width - 1)
    poses = tracks.poses
    x_mirrored = np.array([-1, 1], np.float32)
    shift = np.array([last, 0], np.float32)
    xyxy = poses.boxes.xyxy[:, [2, 1, 0, 3]] * np.array([-1, 1, -1, 1], np.float32)
    xyxy = xyxy + np.array([last, 0, last, 0], np.float32)
    boxes = Boxes(xyxy, poses.boxes.scores)
    mirrored = Poses(poses.keypoints * x_mirrored + shift, poses.scores, boxes)
    ways = {identity: way * x_mirrored + shift for identity, way in trails.items()}
    return Tracks(tracks.ids, mirrored), ways


def line_width(person_size: float, frame_wh: tuple[int, int]) -> float:
    """Pixels across a limb: grows with the person, within what the frame's size makes sensible."""
    side = min(frame_wh)
    return float(np.clip(0.016 * person_size, max(1.0, 0.0025 * side), max(1.5, 0.011 * side)))


@dataclass(frozen=True, eq=False)
class _Strokes:
    """What a skeleton's parts look like, apart from the person: looked up once per skeleton.

    Attributes:
        bones: (B, 2) int64, the keypoints that each limb joins.
        bone_sides, joint_sides: (B,) and (K,) int64; 0 middle, 1 left, 2 right.
        bone_widths, joint_widths: (B,) and (K,) float32, factors on the person's line width.
    """

    bones: IntArray
    bone_sides: IntArray
    joint_sides: IntArray
    bone_widths: FloatArray
    joint_widths: FloatArray


@lru_cache
def _strokes(skeleton: Skeleton) -> _Strokes:
    bones = np.array(skeleton.bones, np.int64).reshape(-1, 2)
    sides = np.array(
        [
            1 if name.startswith("left_") else 2 if name.startswith("right_") else 0
            for name in skeleton.keypoints
        ]
    )
    face = np.array([name.endswith(_FACE) for name in skeleton.keypoints])
    ends = sides[bones]  # (B, 2)
    across = (ends.min(axis=1) == 1) & (ends.max(axis=1) == 2)  # from left to right: the middle
    return _Strokes(
        bones=bones,
        bone_sides=np.where(across, 0, ends.max(axis=1)),
        joint_sides=sides,
        bone_widths=np.where(face[bones].any(axis=1), 0.5, 1.0).astype(np.float32),
        joint_widths=np.where(face, 0.8, 1.5).astype(np.float32),
    )


class _Person:
    """One person on the canvas: rims under everything, then limbs, then joints."""

    def __init__(
        self,
        canvas: ByteArray,
        points: FloatArray,
        scores: FloatArray,
        style: DrawStyle,
        width: float,
    ) -> None:
        min_score = style.keypoint_score
        height_px, width_px = canvas.shape[:2]
        reach = np.array([width_px, height_px], np.float32)
        # A keypoint a whole frame away is a mistake, and would overflow cv2's fixed point.
        near = ((points > -reach) & (points < 2 * reach)).all(axis=1)  # False for NaN
        self._shown = near & (scores >= max(min_score, 1e-6))
        self._points = np.where(self._shown[:, None], points, 0)
        sureness = np.clip((scores - min_score) / max(_SURE - min_score, 1e-6), 0, 1)
        self._by_confidence = style.colours == "confidence"
        if self._by_confidence:  # colour tells it
            sureness = np.ones_like(sureness)
        self._scores = scores
        self._opacity = _FAINTEST + (1 - _FAINTEST) * sureness  # (K,)
        self._canvas = canvas
        self._width = width
        self._rim = max(1.0, 0.28 * width)

    def draw(self, skeleton: Skeleton, identity: int) -> None:
        strokes, sides = _strokes(skeleton), shades(id_colour(identity))
        drawn = self._shown[strokes.bones].all(axis=1)
        ends = strokes.bones[drawn]  # (B, 2)
        opacities = self._opacity[ends].min(axis=1).tolist()
        half = np.maximum(1.0, strokes.bone_widths[drawn] * self._width) / 2
        starts, stops = self._points[ends[:, 0]], self._points[ends[:, 1]]
        limbs = _corners(starts, stops, half)
        rims = _corners(starts, stops, half + self._rim)
        colours = [sides[side] for side in strokes.bone_sides[drawn]]
        if self._by_confidence:
            colours = [confidence_colour(float(self._scores[pair].min())) for pair in ends]
        bones = list(zip(limbs, rims, colours, opacities, strict=True))
        for limb, rim, colour, opacity in bones:
            if opacity < 1:
                self._blend(rim, ((rim, RIM), (limb, colour)), opacity)
        for _, rim, _, opacity in bones:
            if opacity == 1:
                _fill(self._canvas, rim, RIM)
        for limb, _, colour, opacity in bones:
            if opacity == 1:
                _fill(self._canvas, limb, colour)
        for k in np.flatnonzero(self._shown):
            radius = max(1.0, float(strokes.joint_widths[k]) * self._width / 2)
            colour = sides[strokes.joint_sides[k]]
            if self._by_confidence:
                colour = confidence_colour(float(self._scores[k]))
            self._joint(self._points[k], radius, colour, float(self._opacity[k]))

    def name(self, skeleton: Skeleton, face: bool) -> None:
        """Write the name of every keypoint that is seen beside it."""
        for k in np.flatnonzero(self._shown):
            if skeleton.keypoints[k].endswith(_FACE) and not face:
                continue
            draw_name(self._canvas, self._points[k], skeleton.keypoints[k], self._width)

    def _joint(self, at: FloatArray, radius: float, colour: Colour, opacity: float) -> None:
        reach = radius + self._rim
        around = _fixed(np.array([at - reach, at + reach]))
        centre = _fixed(at)
        radii = ((round(reach * (1 << _SHIFT)), RIM), (round(radius * (1 << _SHIFT)), colour))
        region = _region(self._canvas, around)
        if region is None:
            return
        corner, below = region
        layer = below if opacity == 1 else below.copy()
        for fixed_radius, shade in radii:
            x, y = (centre - corner).tolist()
            cv2.circle(layer, (x, y), fixed_radius, shade, -1, cv2.LINE_AA, _SHIFT)
        if opacity < 1:
            cv2.addWeighted(layer, opacity, below, 1 - opacity, 0, dst=below)

    def _blend(
        self, outline: _Points, layers: tuple[tuple[_Points, Colour], ...], opacity: float
    ) -> None:
        """Lay polygons over the canvas with one opacity; only their own region is touched."""
        region = _region(self._canvas, outline)
        if region is None:
            return
        corner, below = region
        layer = below.copy()
        for polygon, colour in layers:
            _fill(layer, polygon - corner, colour)
        cv2.addWeighted(layer, opacity, below, 1 - opacity, 0, dst=below)


def _corners(starts: FloatArray, stops: FloatArray, half_widths: FloatArray) -> _Points:
    """(B, 4, 2) corners of bars from starts to stops (B, 2), in cv2's fixed point."""
    along = stops - starts
    lengths = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-6)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) * (half_widths / lengths)[:, None]
    return _fixed(np.stack([starts + across, stops + across, stops - across, starts - across], 1))


def _fixed(points: npt.NDArray[np.floating]) -> _Points:
    fixed: _Points = np.rint(points * (1 << _SHIFT)).astype(np.int32)
    return fixed


def _fill(canvas: ByteArray, polygon: _Points, colour: Colour) -> None:
    cv2.fillConvexPoly(canvas, polygon, colour, cv2.LINE_AA, _SHIFT)


def _region(canvas: ByteArray, around: _Points) -> tuple[_Points, ByteArray] | None:
    """The part of the canvas that holds these points: its corner in fixed point, and a view."""
    height, width = canvas.shape[:2]
    x1, y1 = np.maximum((around.min(axis=0) >> _SHIFT) - 2, 0).tolist()
    x2, y2 = np.minimum((around.max(axis=0) >> _SHIFT) + 3, (width, height)).tolist()
    if x1 >= x2 or y1 >= y2:
        return None
    return np.array([x1, y1], np.int32) << _SHIFT, canvas[y1:y2, x1:x2]


def _draw_box(canvas: ByteArray, xyxy: FloatArray, colour: Colour, width: float) -> None:
    x1, y1, x2, y2 = np.rint(xyxy).astype(int).tolist()
    thickness = max(1, round(0.5 * width))
    cv2.rectangle(canvas, (x1, y1), (x2, y2), RIM, thickness + 2, cv2.LINE_AA)
    cv2.rectangle(canvas, (x1, y1), (x2, y2), colour, thickness, cv2.LINE_AA)


def _draw_trail(canvas: ByteArray, way: FloatArray, colour: Colour, width: float) -> None:
    """A line along a way that grows from its oldest point to its newest."""
    reach = 4 * max(canvas.shape[:2])
    points = _fixed(np.clip(np.nan_to_num(way), -reach, reach))
    quarter = max(1, -(-len(points) // 4))
    for part in range(4):
        piece = points[part * quarter : (part + 1) * quarter + 1]
        if len(piece) > 1:
            thickness = max(1, round(width * (part + 1) / 4))
            cv2.polylines(canvas, [piece], False, colour, thickness, cv2.LINE_AA, _SHIFT)
