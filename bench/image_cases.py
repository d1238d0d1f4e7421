"""Cases of frames, enlargements, flips and shifts of images."""

from __future__ import annotations

from itertools import product

from bench.case import Case
from bench.images import Flip2d, Pad2d, Translate2d, Upsample2d


def _image_edges() -> list[Case]:
    channels = (1, 3, 4, 15, 16, 17, 33)
    frames = [((1, 2), (0, 3)), ((-1, 2), (3, -2)), ((-2, -1), (-1, -3)), ((0, 0), (0, 0))]
    frames += [((-5, 2), (1, 1)), ((2, -7), (-4, 9)), ((2, 1), (-7, 1)), ((-5, 0), (0, 0))]
    cases: list[Case] = [Pad2d(n=2, size=(5, 7), c=c, padding=p) for c in (3, 17) for p in frames]
    cases += [Pad2d(n=1, size=(3, 2), c=c, padding=frames[1]) for c in channels]
    cases += [Pad2d(n=n, size=(0, 2), c=3, padding=frames[0]) for n in (0, 2)]
    for way, interpolation in product(("forward", "backward"), ("nearest", "bilinear")):
        fields = {"operation": f"upsample2d_{way}", "interpolation": interpolation}
        for factor in ((1, 1), (2, 2), (3, 2), (1, 4), (5, 3)):
            cases.append(Upsample2d(n=2, size=(4, 5), c=3, factor=factor, **fields))  # type: ignore[arg-type]
        cases += [Upsample2d(n=1, size=(2, 3), c=c, factor=(2, 3), **fields) for c in channels]  # type: ignore[arg-type]
        for n, size in ((1, (1, 1)), (1, (1, 6)), (0, (2, 2)), (2, (0, 3)), (2, (3, 0))):
            cases.append(Upsample2d(n=n, size=size, c=2, factor=(2, 3), **fields))  # type: ignore[arg-type]
    for rows, columns in ((False, False), (True, False), (False, True), (True, True)):
        cases.append(Flip2d(shape=(4, 3, 5, 2), rows=rows, columns=columns))
    cases += [Flip2d(shape=(3, 2, 4, c), rows=True, columns=True) for c in channels]
    cases.append(Flip2d(shape=(0, 3, 5, 2), rows=True, columns=True))
    for way, interpolation in product(("forward", "backward"), ("nearest", "bilinear")):
        fields = {"operation": f"translate2d_{way}", "interpolation": interpolation}
        for mode in ("constant", "nearest", "reflect", "wrap"):
            cases.append(Translate2d(shape=(6, 4, 5, 3), fill_mode=mode, **fields))  # type: ignore[arg-type]
            far = fields | {"farthest": 4.0, "fill_mode": mode}
            cases.append(Translate2d(shape=(5, 3, 2, 17), **far))  # type: ignore[arg-type]
            cases.append(Translate2d(shape=(3, 1, 1, 1), **far))  # type: ignore[arg-type]
        for c in channels:
            cases.append(Translate2d(shape=(3, 3, 4, c), fill_mode="reflect", **fields))  # type: ignore[arg-type]
        for shape in ((0, 3, 4, 2), (2, 0, 4, 2), (2, 3, 0, 2)):
            cases.append(Translate2d(shape=shape, fill_mode="wrap", **fields))  # type: ignore[arg-type]
    valued = {"fill_mode": "constant", "fill_value": -2.5}
    for interpolation in ("nearest", "bilinear"):
        fields = {"operation": "translate2d_forward", "interpolation": interpolation}
        cases.append(Translate2d(shape=(5, 4, 5, 3), **fields, **valued))  # type: ignore[arg-type]
    return cases


IMAGE_EDGES = _image_edges()

IMAGE_SHARED: list[Case] = [
    Pad2d(n=7, size=(33, 31), c=65, padding=((2, 1), (0, 3))),
    *(
        Upsample2d(
            operation=f"upsample2d_{way}",
            n=5,
            size=(17, 19),
            c=33,
            factor=(2, 3),
            interpolation="bilinear",
        )
        for way in ("forward", "backward")
    ),
    Flip2d(shape=(9, 33, 31, 65), rows=True, columns=True),
    *(
        Translate2d(
            operation=f"translate2d_{way}",
            shape=(9, 33, 31, 33),
            fill_mode="reflect",
            interpolation="bilinear",
        )
        for way in ("forward", "backward")
    ),
]
