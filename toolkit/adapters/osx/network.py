"""OSX (Lin et al., "One-Stage 3D Whole-Body Mesh Recovery", CVPR 2023), for inference.

Its keys are those of the official weights. Heat maps are [depth, height, width]; coordinates in
them are x y z, the first place at 0. A left hand is looked at in a mirror, as a right one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name
from torchvision.ops import roi_align

from toolkit.adapters.osx.decoder import WIDTH, Decoder
from toolkit.adapters.osx.encoder import Encoder

IMAGE_HW = (512, 384)
BODY_HW = (256, 192)
FOCAL_PX = 5000.0
MAX_DEPTH_M = FOCAL_PX * 2.5 / (BODY_HW[0] * BODY_HW[1]) ** 0.5
_BODY_MAP, _HAND_MAP, _FACE_MAP = (16, 16, 12), (16, 16, 16), (8, 8, 8)
_NUM_BODY, _NUM_HAND, _NUM_FACE = 25, 20, 72

FULL, NO_FACE_DECODER, NO_DECODER = "full", "without face decoder", "without decoders"


@dataclass(frozen=True)
class Bodies:
    """SMPL-X parameters of B people; rotations are axis-angle.

    Attributes:
        root_pose, body_pose, left_hand_pose, right_hand_pose, jaw_pose: [B, 3, 63, 45, 45, 3].
        shape, expression: [B, 10].
        translation: [B, 3] m, in a virtual camera (``toolkit.m2m.virtual_camera``).
        joints: [B, 65, 3] in the body's heat map.
        boxes: [B, 3, 4] of left hand, right hand and face, px of the 512 x 384 image.
    """

    root_pose: Tensor
    body_pose: Tensor
    left_hand_pose: Tensor
    right_hand_pose: Tensor
    jaw_pose: Tensor
    shape: Tensor
    expression: Tensor
    translation: Tensor
    joints: Tensor
    boxes: Tensor


def _convolve(num_in: int, num_out: int, *, last: bool) -> nn.Sequential:
    """A 1 x 1 convolution; batch norm and ReLU where it is not the last."""
    after: list[nn.Module] = [] if last else [nn.BatchNorm2d(num_out), nn.ReLU()]
    return nn.Sequential(nn.Conv2d(num_in, num_out, 1), *after)


def _enlarge(*widths: int) -> nn.Sequential:
    """Twice the size for each pair of widths."""
    layers: list[nn.Module] = []
    for num_in, num_out in pairwise(widths):
        deconv = nn.ConvTranspose2d(num_in, num_out, 4, 2, 1, bias=False)
        layers += [deconv, nn.BatchNorm2d(num_out), nn.ReLU()]
    return nn.Sequential(*layers)


def _linear(num_in: int, num_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(num_in, num_out))


def _mean_place(heat: Tensor) -> Tensor:
    """Return the mean place [B, J, 2 or 3] of maps [B, J, (depth,) height, width]: x y (z)."""
    dims = range(2, heat.ndim)
    places = []
    for dim in reversed(dims):
        others = tuple(other for other in dims if other != dim)
        places.append((heat.sum(others) * torch.arange(heat.shape[dim]).to(heat)).sum(2))
    return torch.stack(places, 2)


def _softmax(heat: Tensor) -> Tensor:
    return heat.flatten(2).softmax(2).view_as(heat)


def _sample(maps: Tensor, places_BN2: Tensor) -> Tensor:
    """Return what maps [B, C, H, W] show at places x y: [B, N, C]."""
    size = places_BN2.new_tensor((maps.shape[3] - 1, maps.shape[2] - 1))
    grid = (places_BN2 / size * 2 - 1)[:, :, None]
    return F.grid_sample(maps, grid, align_corners=True)[..., 0].transpose(1, 2)


class _PositionNet(nn.Module):
    """Where joints are in a feature map; ``part`` names what else is learnt of them there."""

    def __init__(
        self, width: int, num_joints: int, shape: tuple[int, int, int], part: str | None = None
    ) -> None:
        super().__init__()
        self.conv = _convolve(width, num_joints * shape[0], last=True)
        if part:
            self.add_module(f"{part}_conv", _convolve(width, WIDTH, last=False))
        self._part, self._shape = part, shape

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Return the heat maps [B, J, D, H, W] and the places [B, J, 3]."""
        heat = _softmax(self.conv(maps).unflatten(1, (-1, self._shape[0])))
        return heat, _mean_place(heat)

    def features(self, maps: Tensor, places: Tensor) -> Tensor:
        return _sample(self.get_submodule(f"{self._part}_conv")(maps), places[..., :2])


class _BodyRegressor(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body_conv = _linear(width, 512)
        self.root_pose_out = _linear(_NUM_BODY * 515, 6)
        self.body_pose_out = _linear(_NUM_BODY * 515, 21 * 6)
        self.shape_out = _linear(width, 10)
        self.cam_out = _linear(width, 3)


class _BoxNet(nn.Module):
    """Where hands and face are."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.deconv = _enlarge(width + _NUM_BODY * _BODY_MAP[0], 256, 256, 256)
        self.bbox_center = _convolve(256, 3, last=True)
        for part in ("lhand", "rhand", "face"):
            size = nn.Sequential(nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 2))
            self.add_module(f"{part}_size", size)

    def forward(self, maps: Tensor, heat: Tensor) -> Tensor:
        """Return centre and size [B, 3, 4] in the body's heat map."""
        maps = self.deconv(torch.cat((maps, heat.flatten(1, 2)), 1))
        centres = _mean_place(_softmax(self.bbox_center(maps)))
        seen = _sample(maps, centres)
        parts = (self.lhand_size, self.rhand_size, self.face_size)
        sizes = torch.stack([part(seen[:, i]) for i, part in enumerate(parts)], 1)
        return torch.cat((centres / 8, sizes), 2)


class _HandRegressor(nn.Module):
    def __init__(self, num_in: int, *, with_decoder: bool) -> None:
        super().__init__()
        self.hand_conv = (
            _linear(num_in, 512) if with_decoder else _convolve(num_in, 512, last=False)
        )
        self.hand_pose_out = _linear(_NUM_HAND * 515, 15 * 6)


class _FaceRegressor(nn.Module):
    def __init__(self, width: int, *, with_decoder: bool) -> None:
        super().__init__()
        num_in = _NUM_FACE * 515 + 512 if with_decoder else width
        if with_decoder:
            self.conv = _linear(width, 512)
            self.joint_conv = _linear(WIDTH, 512)
        self.expr_out = _linear(num_in, 10)
        self.jaw_pose_out = _linear(num_in, 6)


class _RoiNet(nn.Module):
    """Feature maps of a box at three sizes."""

    def __init__(self, width: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.deconv = nn.ModuleList(
            [
                _convolve(width, width, last=True),
                _enlarge(width, width // 2),
                _enlarge(width, width // 2, width // 4),
            ]
        )
        self._size = size

    def forward(self, maps: Tensor, boxes: Sequence[Tensor]) -> list[list[Tensor]]:
        """Return, for each kind of boxes [B, 4] px of 256 x 192, its maps, fine to coarse."""
        every = [(deconv(maps), 2**level) for level, deconv in enumerate(self.deconv)][::-1]
        return [
            [
                cut(features, box, tuple(side * scale // 2 for side in self._size), scale)
                for features, scale in every
            ]
            for box in boxes
        ]


class _PlainRoiNet(nn.Module):
    """The feature map of a box at one size."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.deconv = _enlarge(width, width // 2, width // 4)
        self.conv = _convolve(width // 4, width, last=True)

    def forward(self, maps: Tensor, boxes: Sequence[Tensor]) -> list[list[Tensor]]:
        features = self.deconv(maps)
        return [[self.conv(cut(features, box, _HAND_MAP[1:], 4))] for box in boxes]


def cut(features: Tensor, boxes_B4: Tensor, size: tuple[int, ...], scale: int) -> Tensor:
    """Return what boxes [B, 4] px of 256 x 192 show of maps of 16 x 12 times ``scale``."""
    index = torch.arange(len(boxes_B4)).to(boxes_B4)[:, None]
    rois = torch.cat((index, boxes_B4 * (scale * _BODY_MAP[1] / BODY_HW[0])), 1)
    return roi_align(features, rois, size, aligned=False)


class OSX(nn.Module):
    """One of the three variants at one of the two widths of the encoder (1024, 768)."""

    def __init__(self, variant: str = FULL, width: int = 1024) -> None:
        super().__init__()
        has_hands, has_face = variant != NO_DECODER, variant == FULL
        self.encoder = Encoder(width)
        self.body_position_net = _PositionNet(width, _NUM_BODY, _BODY_MAP)
        self.body_regressor = _BodyRegressor(width)
        self.box_net = _BoxNet(width)
        if has_hands:
            self.hand_roi_net: nn.Module = _RoiNet(width, _HAND_MAP[1:])
            self.hand_position_net = _PositionNet(width // 2, _NUM_HAND, _HAND_MAP, "hand")
            self.hand_decoder = Decoder(width, _NUM_HAND)
        else:
            self.hand_roi_net = _PlainRoiNet(width)
            self.hand_position_net = _PositionNet(width, _NUM_HAND, _HAND_MAP)
        self.hand_regressor = _HandRegressor(WIDTH if has_hands else width, with_decoder=has_hands)
        self.face_regressor = _FaceRegressor(width, with_decoder=has_face)
        if has_face:
            self.face_roi_net = _RoiNet(width, _FACE_MAP[1:])
            self.face_position_net = _PositionNet(width // 2, _NUM_FACE, _FACE_MAP, "face")
            self.face_decoder = Decoder(width, _NUM_FACE)
        self.variant = variant

    def forward(self, images: Tensor) -> Bodies:
        """Return what is recovered of the people in crops [B, 3, 512, 384], RGB in 0..1."""
        maps, tokens = self.encoder(F.interpolate(images, BODY_HW))
        heat, body_joints = self.body_position_net(maps)
        body = self.body_regressor
        features = torch.cat((body.body_conv(tokens[:, 6:]), body_joints), 2).flatten(1)
        camera = body.cam_out(tokens[:, 1])
        depth = MAX_DEPTH_M * torch.sigmoid(camera[:, 2:])
        boxes = _restore_boxes(self.box_net(maps, heat))
        hand_joints, hand_pose = self._hands(maps, boxes)
        expression, jaw = self._face(maps, tokens, boxes)
        left, right = hand_pose.view(2, len(images), 15, 3).unbind(0)
        left = left * left.new_tensor((1, -1, -1))
        joints = torch.cat((body_joints, *_unmirror(hand_joints, boxes)), 1)
        return Bodies(
            root_pose=to_axis_angle(body.root_pose_out(features)).flatten(1),
            body_pose=to_axis_angle(body.body_pose_out(features)).flatten(1),
            left_hand_pose=left.flatten(1),
            right_hand_pose=right.flatten(1),
            jaw_pose=to_axis_angle(jaw).flatten(1),
            shape=body.shape_out(tokens[:, 0]),
            expression=expression,
            translation=torch.cat((camera[:, :2], depth), 1),
            joints=joints,
            boxes=boxes * (IMAGE_HW[0] / BODY_HW[0]),
        )

    def _hands(self, maps: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Return joints [2 B, 20, 3] and poses [2 B, 15, 3]: left in the mirror, then right."""
        left, right = self.hand_roi_net(maps, (boxes[:, 0], boxes[:, 1]))
        hands = [torch.cat((one.flip(3), other)) for one, other in zip(left, right, strict=True)]
        regressor = self.hand_regressor
        if self.variant == NO_DECODER:
            _, joints = self.hand_position_net(hands[0])
            features = _sample(regressor.hand_conv(hands[0]), joints[..., :2])
        else:
            _, joints = self.hand_position_net(hands[1])
            seen = self.hand_position_net.features(hands[1], joints)
            points = joints[..., :2] / joints.new_tensor(_HAND_MAP[:0:-1])
            features = regressor.hand_conv(self.hand_decoder(hands, points, seen))
        pose = regressor.hand_pose_out(torch.cat((features, joints), 2).flatten(1))
        return joints, to_axis_angle(pose)

    def _face(self, maps: Tensor, tokens: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the expression [B, 10] and the jaw's rotation [B, 6]."""
        regressor = self.face_regressor
        if self.variant != FULL:
            return regressor.expr_out(tokens[:, 2]), regressor.jaw_pose_out(tokens[:, 3])
        [face] = self.face_roi_net(maps, (boxes[:, 2],))
        _, joints = self.face_position_net(face[1])
        seen = self.face_position_net.features(face[1], joints)
        points = joints[..., :2] / joints.new_tensor(_FACE_MAP[:0:-1])
        refined = regressor.joint_conv(self.face_decoder(face, points, seen))
        whole = regressor.conv(face[2].mean((2, 3)))
        features = torch.cat((whole, torch.cat((refined, joints), 2).flatten(1)), 1)
        return regressor.expr_out(features), regressor.jaw_pose_out(features)


def _restore_boxes(found_B34: Tensor) -> Tensor:
    """Return square boxes [B, 3, 4] px of 256 x 192, with a margin."""
    scale = BODY_HW[0] / _BODY_MAP[1]
    centre, size = (found_B34 * scale).split(2, 2)
    half = size.amax(2, keepdim=True) * size.new_tensor((2, 2, 1.5))[:, None] / 2
    return torch.cat((centre - half, centre + half), 2)


def _unmirror(joints: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the joints of left and right hands in the body's heat map."""
    placed: list[Tensor] = []
    for hand, box in zip(joints.chunk(2), boxes[:, :2].unbind(1), strict=True):
        x = hand[..., :1]
        if not placed:
            x = _HAND_MAP[2] - 1 - x
        size = (box[:, 2:] - box[:, :2])[:, None]
        xy = torch.cat((x, hand[..., 1:2]), 2) * size / _HAND_MAP[2] + box[:, None, :2]
        placed.append(torch.cat((xy * (_BODY_MAP[1] / BODY_HW[0]), hand[..., 2:]), 2))
    left, right = placed
    return left, right


def to_axis_angle(values: Tensor) -> Tensor:
    """Return rotations [B, N, 3] of N times six numbers: two columns of a matrix, interleaved.

    Zhou et al., "On the Continuity of Rotation Representations", CVPR 2019.
    """
    first, second = values.unflatten(1, (-1, 3, 2)).unbind(3)
    x = F.normalize(first, dim=2)
    y = F.normalize(second - (x * second).sum(2, keepdim=True) * x, dim=2)
    matrix = torch.stack((x, y, torch.linalg.cross(x, y, dim=2)), 3)
    quaternion = _to_quaternion(matrix)
    sine = quaternion[..., 1:].norm(dim=2, keepdim=True)
    angle = 2 * torch.atan2(sine, quaternion[..., :1])
    return torch.where(sine > 1e-8, angle / sine.clamp(min=1e-8), 2.0) * quaternion[..., 1:]


def _to_quaternion(matrix: Tensor) -> Tensor:
    """Return quaternions [..., 4], w x y z with w not negative, of rotation matrices."""
    m = [[matrix[..., i, j] for j in range(3)] for i in range(3)]
    squares = torch.stack(
        (
            1 + m[0][0] + m[1][1] + m[2][2],
            1 + m[0][0] - m[1][1] - m[2][2],
            1 - m[0][0] + m[1][1] - m[2][2],
            1 - m[0][0] - m[1][1] + m[2][2],
        ),
        -1,
    )
    wx, wy, wz = m[2][1] - m[1][2], m[0][2] - m[2][0], m[1][0] - m[0][1]
    xy, xz, yz = m[1][0] + m[0][1], m[0][2] + m[2][0], m[2][1] + m[1][2]
    w, x, y, z = squares.unbind(-1)
    rows = torch.stack(
        [
            torch.stack(row, -1)
            for row in ((w, wx, wy, wz), (wx, x, xy, xz), (wy, xy, y, yz), (wz, xz, yz, z))
        ],
        -2,
    )
    largest = squares.argmax(-1)[..., None, None].expand(*squares.shape[:-1], 1, 4)
    quaternion = F.normalize(rows.gather(-2, largest)[..., 0, :], dim=-1)
    return torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)
