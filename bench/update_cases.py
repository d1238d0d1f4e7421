"""Cases of optimizers' updates, clipping, averages, penalties and projections of weights."""

from __future__ import annotations

from itertools import product

from bench.case import Case
from bench.penalties import Orthogonal, Penalty, PenaltyGradient, Projection
from bench.updates import FORMULAS, Average, ClipScales, Update

LARGE = ((300_001,), (3,), (200, 500))


def _update_edges() -> list[Case]:
    shapes = ((1,), (3,), (4,), (17,), (5, 7), (0,), (2, 3, 4), (65,))
    options = {"scaled": True, "decayed": True, "clip_value": 0.5}
    momentum = (("momentum", 0.9),)
    nesterov = (*momentum, ("nesterov", True))
    cases: list[Case] = []
    for rule, kind in product(FORMULAS, ({}, {"t": 1000}, options, {"decayed": True, "t": 3})):
        cases.append(Update(rule=rule, shapes=shapes, **kind))
    for rule, slots, settings in (
        *(("sgd", "n", s) for s in (momentum, nesterov, ())),
        *(("rmsprop", slots, momentum) for slots in ("sn", "s-n", "snn")),
        ("adam", "nss", (("beta_2", 0.9),)),
    ):
        kind = {"slots": slots, "settings": settings}
        cases.append(Update(rule=rule, shapes=shapes, **kind))
        cases.append(Update(rule=rule, shapes=shapes, t=2, **kind, **options))
    cases += [Update(rule="adam", shapes=()), Update(rule="adam", shapes=((4099,),), t=2)]
    settings = (("beta_1", 0.5), ("beta_2", 0.9), ("epsilon", 0.1))
    cases.append(Update(rule="adam", shapes=((33,),), t=3, settings=settings))
    for together, norm in product((False, True), (2.0, 1e6)):
        cases.append(ClipScales(shapes=shapes, clip_norm=norm, together=together))
    cases += [ClipScales(shapes=((4099,), (0,), (4096,))), ClipScales(shapes=((0,),), clip_norm=1)]
    for t, frequency in product((1, 2, 6), (None, 2)):
        cases.append(Average(shapes=shapes, t=t, overwrite_frequency=frequency))
    return cases


def _penalty_edges() -> list[Case]:
    shapes = ((1,), (3,), (17,), (5, 7), (0,), (2, 3, 4), (65,))
    kinds = ({"l1": 0.3}, {"l2": 0.2}, {"l1": 0.3, "l2": 0.2, "scale": 0.25}, {})
    cases: list[Case] = [Penalty(shapes=shapes, **kind) for kind in kinds]
    cases += [Penalty(shapes=(), l1=1.0), Penalty(shapes=((4099,),), l1=1.0, l2=1.0)]
    cases += [PenaltyGradient(shape=shape, **kind) for shape, kind in product(shapes, kinds)]
    for operation, n in product(("forward", "backward"), (0, 1, 2, 5, 17)):
        cases.append(Orthogonal(operation=f"orthogonal_penalty_{operation}", n=n))
    for operation in ("forward", "backward"):
        cases.append(Orthogonal(operation=f"orthogonal_penalty_{operation}", n=4, short=True))
    norms = ({}, {"min_value": 1.0}, {"min_value": 0.5, "max_value": 2.0, "rate": 0.25})
    places = (((5, 7), (0,)), ((5, 7), (1,)), ((5, 7), (0, 1)), ((3, 2, 4, 6), (0, 1, 2)))
    places += (((3, 2, 4, 17), (0, 2)), ((3, 2, 4, 17), (1, 3)), ((130,), (0,)), ((2, 130), (0,)))
    places += (((4, 1, 3), (1,)), ((0, 3), (0,)), ((3, 0), (0,)))
    cases += [Projection(shape=s, axes=a, **n) for (s, a), n in product(places, norms)]
    return cases


UPDATE_EDGES = [*_update_edges(), *_penalty_edges()]

UPDATE_SHARED: list[Case] = [
    *(Update(rule=rule, shapes=LARGE, t=3) for rule in FORMULAS),
    Update(rule="rmsprop", shapes=LARGE, slots="snn", settings=(("momentum", 0.9),), scaled=True),
    ClipScales(shapes=LARGE),
    ClipScales(shapes=LARGE, together=True),
    Average(shapes=LARGE, overwrite_frequency=2),
    Penalty(shapes=LARGE, l1=0.3, l2=0.2),
    PenaltyGradient(shape=(400_003,), l1=0.3, l2=0.2),
    Orthogonal(operation="orthogonal_penalty_forward", n=300),
    Orthogonal(operation="orthogonal_penalty_backward", n=300),
    Projection(shape=(400, 1001), axes=(0,)),
    Projection(shape=(401, 1000), axes=(1,)),
]
